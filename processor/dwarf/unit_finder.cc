// SPDX-License-Identifier: Apache-2.0
#include "processor/dwarf/unit_finder.h"

#include <algorithm>
#include <unordered_set>

namespace splitprof::dwarf {
namespace {

class UnitFinder {
 public:
  UnitFinder(DwarfFile& file, std::span<const uint64_t> addresses, uint64_t lowest, Work& work)
      : file_(file), addresses_(addresses), lowest_(lowest), work_(work), owners_(addresses.size(), kNobody) {}

  Result<UnitFinding> run() {
    if (auto done = read_aranges(); !done && work_.exhausted()) return done.error();
    auto visited = file_.visit_headers(
        [this](uint64_t offset, const Result<UnitHeader>& header) { return read_unit(offset, header); });
    if (!visited) {
      if (work_.exhausted()) return visited.error();
      broken(visited.error());
    }
    collect();
    return std::move(finding_);
  }

 private:
  static constexpr uint64_t kNobody = UINT64_MAX;

  // One section of sets, each of which names a unit and its ranges (DWARF 5, section 6.1.2). What is odd there is left
  // out: the unit then says itself.
  Result<> read_aranges() {
    const uint64_t size = TRY(file_.aranges.size());
    for (uint64_t offset = 0; offset < size;) {
      Bytes header = TRY(file_.aranges.up_to(offset, 32));
      const UnitLength set = TRY(parse_unit_length(header, offset));
      if (set.end > size) return fail(Errc::malformed, "a set of ranges ends past its section");
      const auto version = TRY(header.read<uint16_t>());
      const uint64_t unit = set.offset_size == 8 ? TRY(header.read<uint64_t>()) : TRY(header.read<uint32_t>());
      const auto address_size = TRY(header.read<uint8_t>());
      const auto segment_size = TRY(header.read<uint8_t>());
      if (version == 2 && address_size == 8 && segment_size == 0) {
        constexpr uint64_t kTupleBytes = 16;  // tuples are aligned to their size, from the set's beginning
        const uint64_t first = offset + (header.position() + kTupleBytes - 1) / kTupleBytes * kTupleBytes;
        TRY(read_tuples(first, set.end, unit));
      }
      offset = set.end;
    }
    return Ok{};
  }

  Result<> read_tuples(uint64_t offset, uint64_t end, uint64_t unit) {
    if (named_.size() < kMaxUnits) named_.insert(unit);
    for (; offset + 16 <= end; offset += 16) {
      Bytes tuple = TRY(file_.aranges.at(offset, 16));
      const auto low = TRY(tuple.read<uint64_t>());
      const auto length = TRY(tuple.read<uint64_t>());
      if (low == 0 && length == 0) break;
      TRY(claim(unit, low, low + length));
    }
    return Ok{};
  }

  Result<> read_unit(uint64_t offset, const Result<UnitHeader>& header) {
    TRY(work_.step());
    ++finding_.seen;
    if (!header) {
      broken(header.error());
      return Ok{};
    }
    if (header->type == UnitType::type || header->type == UnitType::split_type || header->type == UnitType::partial ||
        named_.contains(offset))
      return Ok{};
    const auto read = [&]() -> Result<> {
      const Unit unit = TRY(file_.open_unit(*header, true));
      return visit_ranges(unit, unit.root.low_pc, unit.root.high_pc, unit.root.ranges, work_,
                          [&](uint64_t low, uint64_t high) { return claim(offset, low, high); });
    };
    if (auto done = read(); !done) {
      if (work_.exhausted()) return done;
      broken(done.error());
    }
    return Ok{};
  }

  Result<> claim(uint64_t unit, uint64_t low, uint64_t high) {
    TRY(work_.step());
    if (low < lowest_) return Ok{};
    const auto first = std::lower_bound(addresses_.begin(), addresses_.end(), low);
    for (size_t i = static_cast<size_t>(first - addresses_.begin()); i < addresses_.size() && addresses_[i] < high;
         ++i) {
      TRY(work_.step());
      owners_[i] = std::min(owners_[i], unit);
    }
    return Ok{};
  }

  // Addresses by unit. An offset that .debug_aranges made up belongs to no unit.
  void collect() {
    std::vector<size_t> order;
    for (size_t i = 0; i < owners_.size(); ++i)
      if (owners_[i] != kNobody) order.push_back(i);
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return owners_[a] < owners_[b]; });
    for (size_t i = 0; i < order.size();) {
      const uint64_t unit = owners_[order[i]];
      UnitAddresses addresses;
      while (i < order.size() && owners_[order[i]] == unit) addresses.addresses.push_back(order[i++]);
      const auto piece = file_.info.up_to(unit, 64);
      auto header = piece ? parse_unit_header(*piece, unit) : Result<UnitHeader>(piece.error());
      if (!header) {
        broken(header.error());
        continue;
      }
      addresses.unit = *header;
      finding_.units.push_back(std::move(addresses));
    }
  }

  void broken(const Error& error) {
    ++finding_.broken;
    if (finding_.problem.empty()) finding_.problem = error.message;
  }

  DwarfFile& file_;
  std::span<const uint64_t> addresses_;
  uint64_t lowest_;
  Work& work_;
  std::vector<uint64_t> owners_;        // of each address: the offset of its unit
  std::unordered_set<uint64_t> named_;  // units that .debug_aranges speaks of
  UnitFinding finding_;
};

}  // namespace

Result<UnitFinding> find_units(DwarfFile& file, std::span<const uint64_t> addresses, uint64_t lowest, Work& work) {
  return UnitFinder(file, addresses, lowest, work).run();
}

}  // namespace splitprof::dwarf
