// SPDX-License-Identifier: Apache-2.0
#include "processor/runtimes/python/function_reader.h"

#include <gtest/gtest.h>

#include "tests/processor/runtimes/python/objects.h"

namespace splitprof {
namespace {

constexpr uint64_t kCode = 0x7f00'0000'2000;
constexpr uint64_t kName = 0x7f00'0000'3000;
constexpr uint64_t kQualifiedName = 0x7f00'0000'4000;
constexpr uint64_t kFile = 0x7f00'0000'5000;
constexpr uint64_t kLines = 0x7f00'0000'6000;
using testing::kVersions;

// A process with one function.
struct Process {
  explicit Process(PythonVersion version) : layout(testing::layout_of(version)), memory(file) {
    testing::put_code(file, layout,
                      {.address = kCode,
                       .name = kName,
                       .qualified_name = kQualifiedName,
                       .file = kFile,
                       .lines = kLines,
                       .first_line = 10});
    testing::put_string(file, layout, kName, U"method");
    testing::put_string(file, layout, kQualifiedName, U"Class.method");
    testing::put_string(file, layout, kFile, U"/srv/été.py");
    const std::vector<uint8_t> tables[] = {{4, 1}, {4, 0, 4, 1}, {0x81, 0, 0xd9, 0, 0}};  // two units each
    testing::put_bytes(file, layout, kLines, tables[static_cast<int>(layout.line_table)]);
  }
  uint32_t check() { return testing::check_word_at(file, layout, kCode); }
  Result<Function> read(uint32_t check = 0) {
    memory.begin();
    return read_python_function(memory, layout, {.object = kCode, .check = check});
  }
  Errc error(uint32_t check = 0) {
    const auto function = read(check);
    EXPECT_FALSE(function);
    return function ? Errc{-1} : function.error().code;
  }

  PythonLayout layout;
  testing::FakeMemory file;
  ProcessMemory memory;
};

TEST(PythonFunction, IsReadInEveryVersion) {
  for (const auto& version : kVersions) {
    SCOPED_TRACE(version.text());
    Process process(version);
    const auto function = process.read(process.check());
    ASSERT_TRUE(function) << function.error().message;
    EXPECT_EQ(function->name, version.at_least(3, 11) ? "Class.method" : "method");
    EXPECT_EQ(function->file, "/srv/été.py");
    EXPECT_EQ(function->first_line, 10u);
    const uint32_t second = version.at_least(3, 10) ? 2 : 4;
    EXPECT_EQ(function->line_at(0), 10u);
    EXPECT_EQ(function->line_at(second - 1), 10u);
    EXPECT_EQ(function->line_at(second), 11u);
    EXPECT_EQ(*process.read(), *function) << "without a check word";
  }
}

TEST(PythonFunction, OfAnotherCheckWordIsReplaced) {
  for (const auto& version : kVersions) {
    Process process(version);
    const uint32_t check = process.check();
    EXPECT_EQ(process.error(check + 1), Errc::not_found);
    process.file.write(kCode + process.layout.code_first_line, 11);
    EXPECT_EQ(process.error(check), Errc::not_found) << version.text();
  }
}

TEST(PythonFunction, OfAnotherTypeIsReplaced) {
  Process process({3, 12});
  process.file.write(kCode + process.layout.object_type, testing::kCodeType + 8);
  EXPECT_EQ(process.error(), Errc::not_found);
}

// Freed memory keeps the type and all that the check word is made of. Only the first bytes change.
TEST(PythonFunction, ThatWasFreedHasNoName) {
  for (const auto& version : kVersions) {
    SCOPED_TRACE(version.text());
    Process process(version);
    const uint32_t check = process.check();
    ASSERT_TRUE(process.read(check));
    testing::put_references(process.file, process.layout, kCode, 0);
    EXPECT_EQ(process.error(check), Errc::not_found) << "the last free block";
    if (version.free_threaded) continue;
    process.file.write(kCode, uint64_t{0x7f12'3456'7890});
    EXPECT_EQ(process.error(check), Errc::not_found) << "a free block, before another one";
    process.file.write(kCode, version.at_least(3, 14) ? uint64_t{4} << 48 | 0xc0000000 : uint64_t{0xffffffff});
    EXPECT_TRUE(process.read(check)) << "one that lives for ever";
  }
}

TEST(PythonFunction, ThatChangesWhileItIsReadHasNoName) {
  for (int reads = 1; reads <= 4; ++reads) {
    Process process({3, 13});
    const uint32_t check = process.check();
    process.file.reads = 0;
    process.file.after_read = [&] {
      if (process.file.reads == static_cast<uint64_t>(reads))
        process.file.write(kCode + process.layout.code_name, uint64_t{kQualifiedName});
    };
    EXPECT_EQ(process.error(check), Errc::not_found) << reads;
  }
}

TEST(PythonFunction, IsAllOrNothing) {
  for (const uint64_t part : {kCode, kQualifiedName, kFile, kLines}) {
    Process process({3, 11});
    process.file.unmap(part);
    EXPECT_EQ(process.error(), Errc::gone) << part;
  }
  Process process({3, 11});
  process.file.write(kCode + process.layout.code_first_line, -1);
  EXPECT_EQ(process.error(), Errc::malformed);
}

TEST(PythonFunction, HasNoLinesWhereTheTableIsTooLong) {
  Process process({3, 11});
  process.file.write(kLines + process.layout.bytes_size, int64_t{1} << 20 | 1);
  const auto function = process.read();
  ASSERT_TRUE(function) << function.error().message;
  EXPECT_TRUE(function->lines.empty());
  EXPECT_EQ(function->line_at(5), 10u);
  for (const int64_t size : {int64_t{-1}, INT64_MAX, int64_t{1} << 32}) {
    process.file.write(kLines + process.layout.bytes_size, size);
    EXPECT_EQ(process.error(), Errc::malformed) << size;
  }
}

TEST(PythonFunction, WithoutANameIsNamedSo) {
  Process process({3, 11});
  process.file.write(kQualifiedName + process.layout.string_length, int64_t{0});
  EXPECT_EQ(process.read()->name, "<no name>");
}

TEST(PythonFunction, TakesAtMostEightReads) {
  Process process({3, 11});
  process.file.reads = 0;
  ASSERT_TRUE(process.read());
  EXPECT_LE(process.file.reads, 8u);
}

TEST(PythonFunction, NeedsASaneLayout) {
  Process process({3, 11});
  process.layout.check_words = 0;
  EXPECT_EQ(process.error(), Errc::unsupported);
  process.layout.check_words = SP_MAX_CHECK_WORDS + 1;
  EXPECT_EQ(process.error(), Errc::unsupported);
  process.layout.check_words = 1;
  process.layout.code_lines = UINT32_MAX;
  EXPECT_EQ(process.error(), Errc::unsupported);
}

}  // namespace
}  // namespace splitprof
