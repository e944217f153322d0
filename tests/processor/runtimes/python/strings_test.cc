// SPDX-License-Identifier: Apache-2.0
#include "processor/runtimes/python/strings.h"

#include <gtest/gtest.h>

#include "tests/processor/runtimes/python/objects.h"

namespace splitprof {
namespace {

constexpr uint64_t kAt = 0x7f12'3456'7010;

using testing::kVersions;

std::string read(testing::FakeMemory& file, const PythonLayout& layout, uint32_t most = kMostCharacters) {
  ProcessMemory memory(file);
  const auto text = read_python_string(memory, layout, kAt, most);
  return text ? *text : "error: " + text.error().message;
}

TEST(PythonStrings, AreReadInEveryLayoutAndWidth) {
  for (const auto& version : kVersions) {
    SCOPED_TRACE(version.text());
    const auto layout = testing::layout_of(version);
    const std::pair<std::u32string_view, std::string_view> texts[] = {
        {U"", ""},
        {U"f", "f"},
        {U"Class.method.<locals>.<lambda>", "Class.method.<locals>.<lambda>"},
        {U"naïve", "naïve"},
        {U"日本語", "日本語"},
        {U"𠀀x日é", "𠀀x日é"}};
    for (const auto& [text, shown] : texts) {
      testing::FakeMemory memory;
      testing::put_string(memory, layout, kAt, text);
      EXPECT_EQ(read(memory, layout), shown);
    }
  }
}

TEST(PythonStrings, ShowWhatIsInvisibleOrHalfACharacter) {
  const auto layout = testing::layout_of({3, 11});
  const std::pair<std::u32string_view, std::string_view> texts[] = {
      {{U"a\n\0b", 4}, "a\\x0a\\x00b"}, {U"\x1b[31m", "\\x1b[31m"},    {U"\x7f\x9f\xad", "\\x7f\\x9f\\xad"},
      {U"\x202egnp", "\\u202egnp"},     {U"\xe0041x", "\\U000e0041x"}, {U"back\\slash", "back\\slash"},
      {U"\x10ffff", "\xf4\x8f\xbf\xbf"}};
  for (const auto& [text, shown] : texts) {
    testing::FakeMemory memory;
    testing::put_string(memory, layout, kAt, text);
    EXPECT_EQ(read(memory, layout), shown);
  }
  const char32_t surrogates[] = {0xdcff, 'a', 0xd800, 0xdfff};
  testing::FakeMemory memory;
  testing::put_string(memory, layout, kAt, {surrogates, 4});
  EXPECT_EQ(read(memory, layout), "\\udcffa\\ud800\\udfff");
}

TEST(PythonStrings, AreCutWithAMark) {
  const auto layout = testing::layout_of({3, 12});
  testing::FakeMemory memory;
  testing::put_string(memory, layout, kAt, std::u32string(5000, U'日'));
  std::string expected;
  for (int i = 0; i < 1024; ++i) expected += "日";
  EXPECT_EQ(read(memory, layout, 1024), expected + "…");
  EXPECT_EQ(read(memory, layout, UINT32_MAX).size(), (kMostCharacters + 1) * 3);
  testing::FakeMemory exact;
  testing::put_string(exact, layout, kAt, std::u32string(1024, U'日'));
  EXPECT_EQ(read(exact, layout, 1024), expected);
}

TEST(PythonStrings, AreReadAcrossPagesAndUpToTheEndOfMemory) {
  for (const auto& version : kVersions) {
    const auto layout = testing::layout_of(version);
    for (const size_t length : {1u, 100u, 4000u}) {
      for (uint64_t shift = 0; shift < 300; shift += 7) {
        testing::FakeMemory memory;
        const uint64_t end = kAt / 4096 * 4096;  // nothing is mapped there
        const uint64_t address = end - layout.string_ascii_data - length - shift;
        testing::put_string(memory, layout, address, std::u32string(length, U'x'));
        ProcessMemory process(memory);
        const auto text = read_python_string(process, layout, address, kMostCharacters);
        ASSERT_TRUE(text) << text.error().message;
        ASSERT_EQ(*text, std::string(length, 'x'));
      }
    }
  }
}

// A class that is derived from str keeps its text elsewhere: compile(source, Path("x.py")) makes such file names.
TEST(PythonStrings, OfDerivedClassesAreFollowed) {
  const auto layout = testing::layout_of({3, 10});
  testing::FakeMemory memory;
  memory.write(kAt + layout.string_length, int64_t{3});
  memory.write(kAt + layout.string_state, 2u << 2);
  memory.write(kAt + layout.string_compact_data, uint64_t{0x5000});
  EXPECT_EQ(read(memory, layout), "error: 256 bytes at 0x5000 of the process could not be read");
  for (const char16_t c : u"日本語")
    memory.write(0x5000 + 2 * (c == u'本' ? 1u : c == u'語' ? 2u : c == 0 ? 3u : 0u), c);
  EXPECT_EQ(read(memory, layout), "日本語");
}

TEST(PythonStrings, RefuseWhatIsNone) {
  const auto layout = testing::layout_of({3, 11});
  const auto with = [&](auto change) {
    testing::FakeMemory memory;
    testing::put_string(memory, layout, kAt, U"abc");
    change(memory);
    ProcessMemory process(memory);
    const auto text = read_python_string(process, layout, kAt, 100);
    return text ? "no error: " + *text : std::string(text.error().code == Errc::malformed ? "malformed" : "other");
  };
  EXPECT_EQ(with([](auto&) {}), "no error: abc");
  for (const int64_t length : {int64_t{-1}, INT64_MIN, INT64_MAX, int64_t{1} << 31})
    EXPECT_EQ(with([&](auto& memory) { memory.write(kAt + layout.string_length, length); }), "malformed") << length;
  for (const uint32_t state : {0u, 0x20u, 3u << 2 | 0x20u, 5u << 2 | 0x20u, 2u << 2 | 0x60u, 4u << 2 | 0x60u})
    EXPECT_EQ(with([&](auto& memory) { memory.write(kAt + layout.string_state, state); }), "malformed") << state;
  EXPECT_EQ(with([&](auto& memory) { memory.write(kAt + layout.string_ascii_data, uint8_t{0x80}); }), "malformed");
  testing::FakeMemory memory;
  testing::put_string(memory, layout, kAt, {U"\x110000", 1}, 4, false);
  EXPECT_EQ(read(memory, layout), "error: character 0x110000 in a string");
}

}  // namespace
}  // namespace splitprof
