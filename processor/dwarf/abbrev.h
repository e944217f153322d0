// SPDX-License-Identifier: Apache-2.0
//
// AbbrevTable: how the entries (DIEs) of a unit are laid out: DWARF 5, section 7.5.3. Besides the attributes of each
// kind of entry it keeps how to step over them, neighbours of fixed size in one stride: most entries are only skipped.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "processor/dwarf/constants.h"
#include "processor/elf/bytes.h"
#include "shared/result.h"

namespace splitprof::dwarf {

// What the size of a form depends on beside the form itself. Addresses have eight bytes.
struct Encoding {
  uint8_t offset_size = 4;  // 8 in 64-bit DWARF
  uint16_t version = 5;
  friend bool operator==(const Encoding&, const Encoding&) = default;
};

struct AttributeSpec {
  At name;
  Form form;
  int64_t implicit = 0;  // the value of Form::implicit_const
};

struct SkipStep {
  enum class Kind : uint8_t { fixed, uleb, sleb, text, block1, block2, block4, block, indirect, unknown };
  Kind kind = Kind::fixed;
  uint32_t bytes = 0;  // of `fixed`
};

struct Abbrev {
  uint64_t code = 0;
  Tag tag{};
  bool has_children = false;
  bool has_sibling = false;  // an attribute that says where the entry's children end
  uint32_t first_attribute = 0, attributes = 0;
  uint32_t first_skip = 0, skips = 0;
};

class AbbrevTable {
 public:
  // `bytes` begins where the table does, and may go on after its end. With `only` not 0 it ends at that code: enough
  // for one entry.
  static Result<AbbrevTable> parse(Bytes bytes, Encoding encoding, uint64_t only = 0);

  size_t memory_bytes() const;
  const Abbrev* find(uint64_t code) const;  // null: none
  std::span<const AttributeSpec> attributes(const Abbrev& abbrev) const {
    return std::span(attributes_).subspan(abbrev.first_attribute, abbrev.attributes);
  }
  // Steps over the attributes of one entry.
  Result<> skip(Bytes& entry, const Abbrev& abbrev) const;

 private:
  Result<> add(Bytes& bytes, uint64_t code);

  Encoding encoding_;
  std::vector<Abbrev> abbrevs_;  // by code
  std::vector<AttributeSpec> attributes_;
  std::vector<SkipStep> skips_;
};

// How to step over one value of a form.
SkipStep skip_step(Form form, Encoding encoding);
Result<> skip(Bytes& in, SkipStep step, Encoding encoding);

}  // namespace splitprof::dwarf
