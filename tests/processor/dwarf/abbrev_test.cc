// SPDX-License-Identifier: Apache-2.0
#include "processor/dwarf/abbrev.h"

#include <gtest/gtest.h>

#include "processor/dwarf/entry.h"
#include "tests/processor/elf/elf_builder.h"

namespace splitprof::dwarf {
namespace {

using testing::append;
using testing::bytes_of;
using testing::ByteVector;

// Every form, with a value that is not zero; whoever skips one must end where whoever reads it does.
TEST(Abbrev, SkippingAFormEndsWhereReadingItDoes) {
  ByteVector payload;
  for (int i = 0; i < 64; ++i) payload.push_back(static_cast<std::byte>(i % 5 == 4 ? 0 : 0x81 + i % 5));
  for (const Encoding encoding : {Encoding{.offset_size = 4, .version = 2}, Encoding{.offset_size = 4, .version = 5},
                                  Encoding{.offset_size = 8, .version = 5}}) {
    int known = 0;
    for (int form = 0; form < 0x2000; ++form) {
      const SkipStep step = skip_step(Form{static_cast<uint16_t>(form)}, encoding);
      if (step.kind == SkipStep::Kind::unknown || step.kind == SkipStep::Kind::indirect) continue;
      ++known;
      Bytes skipped{payload}, read{payload};
      const auto skipping = skip(skipped, step, encoding);
      const auto reading = read_value(read, 0, Form{static_cast<uint16_t>(form)}, 7, encoding);
      ASSERT_EQ(skipping.has_value(), reading.has_value()) << form;
      EXPECT_EQ(skipped.position(), read.position()) << form;
    }
    EXPECT_EQ(known, 46);  // of DWARF 5's table 7.6, and four of GNU's; `indirect` has no form of its own
  }
}

TEST(Abbrev, SkipsNegativeNumbersOfTenBytes) {
  ByteVector lowest(9, std::byte{0x80});  // INT64_MIN
  lowest.push_back(std::byte{0x7f});
  Bytes in(lowest);
  EXPECT_TRUE(skip(in, skip_step(Form::sdata, {}), {}));
  EXPECT_TRUE(in.at_end());
}

TEST(Abbrev, FindsCodesThatAreNotInOrder) {
  const auto bytes = bytes_of({9, 0x2e, 1, 3, 8, 0, 0, 2, 0x11, 0, 0, 0, 0});
  const auto table = AbbrevTable::parse(Bytes(bytes), {});
  ASSERT_TRUE(table);
  ASSERT_NE(table->find(9), nullptr);
  EXPECT_EQ(table->find(9)->tag, Tag::subprogram);
  EXPECT_TRUE(table->find(9)->has_children);
  ASSERT_NE(table->find(2), nullptr);
  EXPECT_EQ(table->find(2)->tag, Tag::compile_unit);
  EXPECT_EQ(table->find(1), nullptr);
  EXPECT_EQ(table->find(0), nullptr);
  EXPECT_EQ(table->find(UINT64_MAX), nullptr);
}

TEST(Abbrev, RefusesAnIndirectFormOfAnIndirectForm) {
  const auto bytes = bytes_of({0x16, 0x16, 0x0b, 1});
  Bytes in(bytes);
  EXPECT_FALSE(skip(in, skip_step(Form::indirect, {}), {}));
  Bytes again(bytes);
  EXPECT_FALSE(read_value(again, 0, Form::indirect, 0, {}));
}

TEST(Abbrev, SaysTruncatedWhereItsEndIsMissing) {
  const auto bytes = bytes_of({1, 0x11, 0, 3, 8});
  const auto table = AbbrevTable::parse(Bytes(bytes), {});
  ASSERT_FALSE(table);
  EXPECT_EQ(table.error().code, Errc::truncated);  // so the caller tries with more
}

}  // namespace
}  // namespace splitprof::dwarf
