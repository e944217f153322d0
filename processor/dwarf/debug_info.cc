// SPDX-License-Identifier: Apache-2.0
#include "processor/dwarf/debug_info.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "processor/dwarf/frames.h"
#include "processor/dwarf/functions.h"
#include "processor/dwarf/line_program.h"
#include "processor/dwarf/names.h"
#include "processor/dwarf/path.h"
#include "processor/dwarf/unit_finder.h"

namespace splitprof {

using namespace dwarf;

struct DebugInfo::State {
  State(const ElfFile& file_of_code, const ElfFile* alternate_file, SplitFiles* split_files);

  Result<> locate(std::span<const ElfAddress> addresses, const Found& found);
  Result<> locate_in_unit(const UnitAddresses& unit, std::span<const uint64_t> addresses, const Found& found);
  Result<std::optional<Unit>> open_split_unit(const Unit& skeleton);
  void broken(const Error& error);

  Work work;
  std::optional<DwarfFile> alternate;
  std::optional<DwarfFile> file;
  SplitFiles* split;
  std::unordered_map<const ElfFile*, std::unique_ptr<DwarfFile>> split_files;
  Names names;
  DebugInfoCounts counts;
  uint64_t lowest = UINT64_MAX;  // address of code; what begins below it was thrown away by the linker
};

DebugInfo::State::State(const ElfFile& code, const ElfFile* alternate_file, SplitFiles* split_source)
    : split(split_source) {
  if (alternate_file != nullptr) alternate.emplace(*alternate_file, false, nullptr, work);
  file.emplace(code, false, alternate ? &*alternate : nullptr, work);
  for (const Segment& segment : code.segments())
    if (segment.executable) lowest = std::min(lowest, segment.address.value);
  // A linker gives thrown away code the address 0, where there is a file's header and never code.
  if (lowest == 0 || lowest == UINT64_MAX) lowest = 1;
}

void DebugInfo::State::broken(const Error& error) {
  ++counts.units_broken;
  if (counts.problem.empty()) counts.problem = error.message;
}

Result<> DebugInfo::State::locate(std::span<const ElfAddress> addresses, const Found& found) {
  std::vector<uint64_t> numbers;
  numbers.reserve(addresses.size());
  for (const ElfAddress address : addresses) numbers.push_back(address.value);
  const UnitFinding finding = TRY(find_units(*file, numbers, lowest, work));
  counts.units = finding.seen;
  counts.units_broken += finding.broken;
  if (counts.problem.empty()) counts.problem = finding.problem;
  for (const UnitAddresses& unit : finding.units) {
    if (auto done = locate_in_unit(unit, numbers, found); !done) {
      broken(done.error());
      if (work.exhausted()) return done;
    }
  }
  return Ok{};
}

Result<> DebugInfo::State::locate_in_unit(const UnitAddresses& asked, std::span<const uint64_t> addresses,
                                          const Found& found) {
  std::vector<uint64_t> wanted;
  wanted.reserve(asked.addresses.size());
  for (const size_t index : asked.addresses) wanted.push_back(addresses[index]);
  ++counts.units_read;
  const Unit unit = TRY(file->open_unit(asked.unit));
  const std::optional<Unit> split_unit = TRY(open_split_unit(unit));
  Unit entries = split_unit ? *split_unit : unit;
  TRY(entries.file->load_contents(entries));

  FunctionFinder functions(entries, wanted, lowest, work);
  const auto functions_found = functions.run();
  counts.dies += functions.entries();
  if (!functions_found) return functions_found;

  std::optional<LineProgram> program;
  std::vector<FoundLine> lines(wanted.size());
  if (unit.root.stmt_list) {
    program = TRY(LineProgram::read(unit, work));
    auto rows = program->run(wanted, lowest, work);
    counts.line_rows += program->rows();
    lines = TRY(std::move(rows));
  }

  FrameMaker maker(entries, functions, program ? &*program : nullptr, names);
  for (size_t i = 0; i < wanted.size(); ++i) {
    const auto frames = maker.make(functions.innermost(i), lines[i]);
    if (!frames.empty()) found(ElfAddress(wanted[i]), frames);
  }
  counts.chains_cut += maker.chains_cut();
  return Ok{};
}

// The unit that a skeleton stands for, in its .dwo file; nothing when there is no such file, or the unit is whole.
Result<std::optional<Unit>> DebugInfo::State::open_split_unit(const Unit& skeleton) {
  if (!skeleton.root.dwo_name) return std::optional<Unit>();
  std::string path;
  const std::string name = TRY(skeleton.file->text(skeleton, skeleton.root.dwo_name));
  if (!is_absolute(name) && skeleton.root.comp_dir) path = TRY(skeleton.file->text(skeleton, skeleton.root.comp_dir));
  append_path(path, name);
  const ElfFile* split_file = split == nullptr ? nullptr : split->find(path);
  if (split_file == nullptr) {
    ++counts.split_missing;
    return std::optional<Unit>();
  }
  auto& opened = split_files[split_file];
  if (!opened) opened = std::make_unique<DwarfFile>(*split_file, true, nullptr, work);
  std::optional<Unit> unit;
  const auto visit = [&](uint64_t, const Result<UnitHeader>& header) -> Result<> {
    if (unit || !header || header->type == UnitType::split_type) return Ok{};
    if (header->encoding.version == 5 && header->dwo_id != skeleton.header.dwo_id) return Ok{};
    Unit candidate = TRY(opened->open_unit(*header));
    if (candidate.header.dwo_id == skeleton.header.dwo_id) unit = std::move(candidate);
    return Ok{};
  };
  TRY(opened->visit_headers(visit));
  if (!unit) {  // of another compilation
    ++counts.split_missing;
    return std::optional<Unit>();
  }
  unit->addresses = skeleton.addresses;
  unit->addr_base = skeleton.addr_base;
  unit->low_pc = skeleton.low_pc;
  unit->ranges_base = skeleton.root.ranges_base.number;
  return unit;
}

Result<DebugInfo> DebugInfo::open(const ElfFile& file, const ElfFile* alternate, SplitFiles* split) {
  auto state = std::make_unique<State>(file, alternate, split);
  if (!state->file->info.present()) return fail(Errc::not_found, "no .debug_info");
  return DebugInfo(std::move(state));
}

DebugInfo::DebugInfo(std::unique_ptr<State> state) : state_(std::move(state)) {}
DebugInfo::DebugInfo(DebugInfo&&) noexcept = default;
DebugInfo& DebugInfo::operator=(DebugInfo&&) noexcept = default;
DebugInfo::~DebugInfo() = default;

Result<> DebugInfo::locate(std::span<const ElfAddress> addresses, const Found& found) {
  auto done = state_->locate(addresses, found);
  state_->counts.bytes_read = state_->work.bytes_read();
  return done;
}

const DebugInfoCounts& DebugInfo::counts() const {
  return state_->counts;
}

}  // namespace splitprof
