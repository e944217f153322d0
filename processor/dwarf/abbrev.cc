// SPDX-License-Identifier: Apache-2.0
#include "processor/dwarf/abbrev.h"

#include <algorithm>

#include "processor/dwarf/limits.h"

namespace splitprof::dwarf {

using Kind = SkipStep::Kind;

SkipStep skip_step(Form form, Encoding encoding) {
  const auto fixed = [](uint32_t bytes) { return SkipStep{.kind = Kind::fixed, .bytes = bytes}; };
  switch (form) {
    case Form::flag_present:
    case Form::implicit_const:
      return fixed(0);
    case Form::data1:
    case Form::flag:
    case Form::ref1:
    case Form::strx1:
    case Form::addrx1:
      return fixed(1);
    case Form::data2:
    case Form::ref2:
    case Form::strx2:
    case Form::addrx2:
      return fixed(2);
    case Form::strx3:
    case Form::addrx3:
      return fixed(3);
    case Form::data4:
    case Form::ref4:
    case Form::ref_sup4:
    case Form::strx4:
    case Form::addrx4:
      return fixed(4);
    case Form::addr:
    case Form::data8:
    case Form::ref8:
    case Form::ref_sig8:
    case Form::ref_sup8:
      return fixed(8);
    case Form::data16:
      return fixed(16);
    case Form::strp:
    case Form::line_strp:
    case Form::strp_sup:
    case Form::sec_offset:
    case Form::gnu_ref_alt:
    case Form::gnu_strp_alt:
      return fixed(encoding.offset_size);
    case Form::ref_addr:  // DWARF 2 gave it the size of an address
      return fixed(encoding.version <= 2 ? 8 : encoding.offset_size);
    case Form::sdata:
      return {.kind = Kind::sleb};
    case Form::udata:
    case Form::ref_udata:
    case Form::strx:
    case Form::addrx:
    case Form::loclistx:
    case Form::rnglistx:
    case Form::gnu_addr_index:
    case Form::gnu_str_index:
      return {.kind = Kind::uleb};
    case Form::string:
      return {.kind = Kind::text};
    case Form::block1:
      return {.kind = Kind::block1};
    case Form::block2:
      return {.kind = Kind::block2};
    case Form::block4:
      return {.kind = Kind::block4};
    case Form::block:
    case Form::exprloc:
      return {.kind = Kind::block};
    case Form::indirect:
      return {.kind = Kind::indirect};
    case Form::none:
      break;
  }
  return {.kind = Kind::unknown};
}

Result<> skip(Bytes& in, SkipStep step, Encoding encoding) {
  switch (step.kind) {
    case Kind::fixed:
      return in.skip(step.bytes);
    case Kind::uleb:
      TRY(in.uleb128());
      return Ok{};
    case Kind::sleb:
      TRY(in.sleb128());
      return Ok{};
    case Kind::text:
      TRY(in.c_string());
      return Ok{};
    case Kind::block1:
      return in.skip(TRY(in.read<uint8_t>()));
    case Kind::block2:
      return in.skip(TRY(in.read<uint16_t>()));
    case Kind::block4:
      return in.skip(TRY(in.read<uint32_t>()));
    case Kind::block:
      return in.skip(TRY(in.uleb128()));
    case Kind::indirect: {
      const SkipStep real = skip_step(Form{static_cast<uint16_t>(TRY(in.uleb128()))}, encoding);
      if (real.kind == Kind::indirect) return fail(Errc::malformed, "an indirect form of an indirect form");
      return skip(in, real, encoding);
    }
    case Kind::unknown:
      break;
  }
  return fail(Errc::unsupported, "an attribute of an unknown form");
}

Result<AbbrevTable> AbbrevTable::parse(Bytes bytes, Encoding encoding, uint64_t only) {
  AbbrevTable table;
  table.encoding_ = encoding;
  while (true) {
    const uint64_t code = TRY(bytes.uleb128());
    if (code == 0) break;
    TRY(table.add(bytes, code));
    if (code == only) break;
  }
  // Compilers number from 1; who does not is sorted. Of two with one code the first counts.
  const auto by_code = [](const Abbrev& a, const Abbrev& b) { return a.code < b.code; };
  if (!std::is_sorted(table.abbrevs_.begin(), table.abbrevs_.end(), by_code))
    std::stable_sort(table.abbrevs_.begin(), table.abbrevs_.end(), by_code);
  return table;
}

Result<> AbbrevTable::add(Bytes& bytes, uint64_t code) {
  Abbrev abbrev{.code = code};
  abbrev.tag = Tag{static_cast<uint16_t>(TRY(bytes.uleb128()))};
  abbrev.has_children = TRY(bytes.read<uint8_t>()) != 0;
  abbrev.first_attribute = static_cast<uint32_t>(attributes_.size());
  abbrev.first_skip = static_cast<uint32_t>(skips_.size());
  while (true) {
    const uint64_t name = TRY(bytes.uleb128());
    const uint64_t form = TRY(bytes.uleb128());
    if (name == 0 && form == 0) break;
    if (name > UINT16_MAX || form > UINT16_MAX)
      return fail(Errc::malformed, "attribute {:#x} of form {:#x}", name, form);
    if (attributes_.size() - abbrev.first_attribute == kMaxAttributes)
      return fail(Errc::too_large, "more than {} attributes", kMaxAttributes);
    AttributeSpec spec{.name = At{static_cast<uint16_t>(name)}, .form = Form{static_cast<uint16_t>(form)}};
    if (spec.form == Form::implicit_const) spec.implicit = TRY(bytes.sleb128());
    abbrev.has_sibling |= spec.name == At::sibling;
    attributes_.push_back(spec);
    const SkipStep step = skip_step(spec.form, encoding_);
    const bool joins =
        skips_.size() > abbrev.first_skip && skips_.back().kind == Kind::fixed && step.kind == Kind::fixed;
    if (joins)
      skips_.back().bytes += step.bytes;
    else
      skips_.push_back(step);
  }
  abbrev.attributes = static_cast<uint32_t>(attributes_.size()) - abbrev.first_attribute;
  abbrev.skips = static_cast<uint32_t>(skips_.size()) - abbrev.first_skip;
  abbrevs_.push_back(abbrev);
  return Ok{};
}

size_t AbbrevTable::memory_bytes() const {
  return abbrevs_.capacity() * sizeof(Abbrev) + attributes_.capacity() * sizeof(AttributeSpec) +
         skips_.capacity() * sizeof(SkipStep);
}

const Abbrev* AbbrevTable::find(uint64_t code) const {
  if (code - 1 < abbrevs_.size() && abbrevs_[code - 1].code == code) return &abbrevs_[code - 1];
  const auto found = std::lower_bound(abbrevs_.begin(), abbrevs_.end(), code,
                                      [](const Abbrev& abbrev, uint64_t wanted) { return abbrev.code < wanted; });
  return found == abbrevs_.end() || found->code != code ? nullptr : &*found;
}

Result<> AbbrevTable::skip(Bytes& entry, const Abbrev& abbrev) const {
  for (const SkipStep& step : std::span(skips_).subspan(abbrev.first_skip, abbrev.skips)) {
    if (step.kind == Kind::fixed) {
      if (auto done = entry.skip(step.bytes); !done) [[unlikely]]
        return done;
      continue;
    }
    TRY(dwarf::skip(entry, step, encoding_));
  }
  return Ok{};
}

}  // namespace splitprof::dwarf
