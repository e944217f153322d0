// SPDX-License-Identifier: Apache-2.0
#include "processor/dwarf/debug_info.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/processor/dwarf/symbolized.h"

namespace splitprof {
namespace {

using testing::all_addresses;
using ::testing::Contains;
using testing::DataSplitFiles;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using testing::read_data;
using testing::symbolize;
using testing::TestFile;

// What tests/data/dwarf/inlines.{h,cc} and use.cc say.
constexpr const char* kChainOfOuter =
    "inlined _ZN4deep9innermostEm /src/inlines.h:15\n"
    "inlined _ZN4deep6middleImEET_S1_ /src/inlines.h:20\n"
    "outer /src/inlines.cc:16\n";
constexpr const char* kChainOfSecond =
    "inlined _ZN4deep9innermostEm /src/inlines.h:15\n"
    "inlined _ZN4deep6middleImEET_S1_ /src/inlines.h:20\n"
    "second_entry /src/use.cc:9\n";

class EveryForm : public ::testing::TestWithParam<const char*> {};

TEST_P(EveryForm, TellsTheSameChainOfInlinedFunctions) {
  TestFile file(read_data(GetParam()));
  ASSERT_TRUE(file.elf) << file.elf.error().message;
  DataSplitFiles split;
  const auto found = symbolize(*file.elf, all_addresses(*file.elf), nullptr, &split);
  EXPECT_FALSE(found.error);
  EXPECT_EQ(found.counts.units_broken, 0u) << found.counts.problem;
  EXPECT_EQ(found.counts.split_missing, 0u);
  EXPECT_THAT(found.within(*file.elf, "outer"), Contains(kChainOfOuter));
  EXPECT_THAT(found.within(*file.elf, "second_entry"), Contains(kChainOfSecond));
  EXPECT_THAT(found.within(*file.elf, "outer"), Contains("outer /src/inlines.cc:28\n"));
}

INSTANTIATE_TEST_SUITE_P(Files, EveryForm,
                         ::testing::Values("clang-dwarf4.so", "clang-dwarf5.so", "clang-split4.so", "clang-split5.so",
                                           "gcc-dwarf3.so", "gcc-dwarf4.so", "gcc-dwarf5.so", "gcc-dwarf64.so",
                                           "gcc-lto.so", "gcc-split4.so", "gcc-split5.so", "gcc-type-units.so",
                                           "gcc-zlib.so"),
                         [](const auto& param) {
                           std::string name = param.param;
                           for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
                           return name;
                         });

// DWARF 3 brought attributes for them.
TEST(DebugInfo, Dwarf2KnowsNoLinesOfCalls) {
  TestFile file(read_data("gcc-dwarf2.so"));
  const auto found = symbolize(*file.elf, all_addresses(*file.elf));
  EXPECT_EQ(found.counts.units_broken, 0u) << found.counts.problem;
  EXPECT_THAT(found.within(*file.elf, "outer"), Contains("inlined _ZN4deep9innermostEm /src/inlines.h:15\n"
                                                         "inlined _ZN4deep6middleImEET_S1_ :0\n"
                                                         "outer :0\n"));
}

TEST(DebugInfo, FollowsNamesIntoTheCommonFileOfDwz) {
  for (const std::string version : {"4", "5"}) {
    TestFile file(read_data("dwz" + version + ".so"));
    TestFile common(read_data("dwz" + version + "-common.debug"));
    ASSERT_TRUE(common.elf) << common.elf.error().message;
    const auto found = symbolize(*file.elf, all_addresses(*file.elf), &*common.elf);
    EXPECT_EQ(found.counts.units_broken, 0u) << found.counts.problem;
    EXPECT_THAT(found.within(*file.elf, "outer"), Contains(kChainOfOuter));
    EXPECT_THAT(found.within(*file.elf, "second_entry"), Contains(kChainOfSecond));

    const auto alone = symbolize(*file.elf, all_addresses(*file.elf));
    // Names are in the other file, and in DWARF 4 the compilation directory, too.
    EXPECT_THAT(alone.within(*file.elf, "outer"),
                Contains(MatchesRegex("inlined  .*inlines.h:15\ninlined  .*inlines.h:20\n .*inlines.cc:16\n")));
  }
}

TEST(DebugInfo, KnowsLinesWithoutTheSplitFile) {
  for (const char* name : {"gcc-split4.so", "gcc-split5.so", "clang-split4.so", "clang-split5.so"}) {
    TestFile file(read_data(name));
    const auto found = symbolize(*file.elf, all_addresses(*file.elf));
    EXPECT_EQ(found.counts.split_missing, 2u);
    EXPECT_THAT(found.within(*file.elf, "outer"), Contains(" /src/inlines.h:15\n"));
  }
}

TEST(DebugInfo, AsksForSplitFilesWhereTheCompilerPutThem) {
  TestFile file(read_data("gcc-split5.so"));
  DataSplitFiles split;
  symbolize(*file.elf, all_addresses(*file.elf), nullptr, &split);
  EXPECT_THAT(split.asked, ::testing::ElementsAre("/src/gcc-split5-inlines.dwo", "/src/gcc-split5-use.dwo"));
}

// A .dwo file of the same name but of another compilation would give wrong names.
TEST(DebugInfo, RefusesTheSplitFileOfAnotherCompilation) {
  class WrongFiles final : public SplitFiles {
   public:
    const ElfFile* find(std::string_view) override { return &*file.elf; }
    TestFile file{read_data("clang-split5-use.dwo")};
  } wrong;
  TestFile file(read_data("gcc-split5.so"));
  const auto found = symbolize(*file.elf, all_addresses(*file.elf), nullptr, &wrong);
  EXPECT_EQ(found.counts.split_missing, 2u);
  EXPECT_THAT(found.within(*file.elf, "outer"), Contains(" /src/inlines.h:15\n"));
}

TEST(DebugInfo, IgnoresCodeThatTheLinkerThrewAway) {
  TestFile file(read_data("gcc-gc-sections.so"));
  std::vector<ElfAddress> addresses = all_addresses(*file.elf);
  const auto found = symbolize(*file.elf, addresses);
  EXPECT_THAT(found.within(*file.elf, "outer"), Contains(kChainOfOuter));
  // Its ranges begin at 0 now.
  const auto at_zero = symbolize(*file.elf, {ElfAddress(0), ElfAddress(1), ElfAddress(16)});
  EXPECT_THAT(at_zero.texts, IsEmpty());
}

TEST(DebugInfo, KnowsRust) {
  TestFile file(read_data("rust.so"));
  const auto found = symbolize(*file.elf, all_addresses(*file.elf));
  EXPECT_THAT(found.within(*file.elf, "outer"),
              Contains(MatchesRegex("inlined _ZN3lib7Machine9innermost17h[0-9a-f]+E /src/lib.rs:12\n"
                                    "inlined _ZN3lib7Machine6middle17h[0-9a-f]+E /src/lib.rs:18\n"
                                    "outer /src/lib.rs:23\n")));
}

TEST(DebugInfo, SaysWhenThereIsNoDwarf) {
  TestFile file(read_data("../elf/arm64-signed-return.so"));
  const auto info = DebugInfo::open(*file.elf);
  ASSERT_FALSE(info);
  EXPECT_EQ(info.error().code, Errc::not_found);
}

TEST(DebugInfo, ReadsOnlyUnitsThatHoldAnAddress) {
  TestFile file(read_data("gcc-dwarf5.so"));
  for (const auto& symbol : testing::named_symbols(*file.elf))
    if (symbol.name == "outer") {
      const auto found = symbolize(*file.elf, {symbol.start});
      EXPECT_EQ(found.counts.units, 2u);
      EXPECT_EQ(found.counts.units_read, 1u);
    }
  EXPECT_EQ(symbolize(*file.elf, {}).counts.units_read, 0u);
}

}  // namespace
}  // namespace splitprof
