// SPDX-License-Identifier: Apache-2.0
//
// The main loop's code, found by unwind information and jumps alone, compared with symbols: of each interpreter of this
// machine that has them, and of a copy of it that strip(1) went over.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "processor/elf/symbol_table.h"
#include "processor/runtimes/python/python.h"
#include "tests/processor/runtimes/python/interpreters.h"

namespace splitprof {
namespace {

namespace fs = std::filesystem;
using testing::interpreters;
using testing::RunningInterpreter;

// gcc keeps an instruction or two of code that nothing can reach (__builtin_unreachable) as a part of its own: 4 bytes
// in 3.11.7, 8 in 3.12.1.
constexpr uint64_t kUnreachableBytes = 16;

class Loop : public ::testing::TestWithParam<std::string> {};

// The function and its parts as .symtab names them; empty: it does not.
std::vector<LoopRange> ranges_by_symbol(const ElfFile& elf) {
  std::vector<LoopRange> ranges;
  const auto symbols = read_symbols(elf);
  if (!symbols || elf.find_section_of_type(2 /* SHT_SYMTAB */) == nullptr) return ranges;
  for (size_t i = 0; i < symbols->size(); ++i) {
    const auto name = symbols->read_name(elf, symbols->at(i));
    if (name && (*name == "_PyEval_EvalFrameDefault" || name->starts_with("_PyEval_EvalFrameDefault.")))
      ranges.push_back({symbols->at(i).start, symbols->at(i).size});
  }
  return ranges;
}

std::unique_ptr<PythonFile> inspect(const std::string& path) {
  const auto file = LocalFile::open_path(path.c_str());
  const auto elf = file ? ElfFile::open(**file) : Result<ElfFile>(file.error());
  if (!elf) return nullptr;
  auto found = python_runtime().inspect(*elf, path);
  return found ? std::unique_ptr<PythonFile>(static_cast<PythonFile*>(found->release())) : nullptr;
}

TEST_P(Loop, IsFoundWithItsPartsAndWithoutSymbols) {
  RunningInterpreter process(GetParam());
  if (!process.started()) GTEST_SKIP() << GetParam() << " does not run here";
  const auto found = process.find_python();
  ASSERT_NE(found.python, nullptr);
  const auto& loops = found.python->facts().loops;
  for (const LoopRange& range : loops)
    std::cout << fmt::format("{} {:#x} {}\n", process.version, range.start.value, range.size);

  const auto named = ranges_by_symbol(*found.mapped.elf);
  if (!named.empty()) {
    for (const LoopRange& range : loops) EXPECT_THAT(named, ::testing::Contains(range));
    for (const LoopRange& range : named) {
      if (range.size > kUnreachableBytes) {
        EXPECT_THAT(loops, ::testing::Contains(range));
      }
    }
  }

  const fs::path copy = fs::path(::testing::TempDir()) / fmt::format("stripped-{}", process.version);
  const std::string original = fs::exists(found.mapped.path) ? found.mapped.path : "";
  if (original.empty()) GTEST_SKIP() << "no stripped copy: " << found.mapped.path << " is in another root";
  if (std::system(fmt::format("strip --strip-all -o {} {}", copy.native(), original).c_str()) != 0)
    GTEST_SKIP() << "no stripped copy: strip(1) is missing";
  const auto stripped = inspect(copy);
  fs::remove(copy);
  ASSERT_NE(stripped, nullptr);
  EXPECT_EQ(stripped->facts().loops, loops);
  EXPECT_EQ(stripped->facts().places, found.python->facts().places);
  EXPECT_EQ(stripped->facts().symbols, found.python->facts().symbols);
  // The copy is not called python: its content tells the version.
  EXPECT_EQ(stripped->version(), found.python->version());
}

INSTANTIATE_TEST_SUITE_P(Interpreters, Loop, ::testing::ValuesIn(interpreters()));

}  // namespace
}  // namespace splitprof
