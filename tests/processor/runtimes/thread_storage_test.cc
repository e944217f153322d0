// SPDX-License-Identifier: Apache-2.0
//
// Where thread-specific values are found, compared with what pthread_getspecific() gives: in glibc, which tells
// debuggers, in a static glibc, whose code tells, and in musl.
#include "processor/runtimes/thread_storage.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "tests/processor/runtimes/child.h"
#include "tests/processor/runtimes/memory_reader.h"

namespace splitprof {
namespace {

using testing::Child;

class Storage : public ::testing::TestWithParam<const char*> {};

TEST_P(Storage, LeadsToEveryKeysValue) {
  const std::string program = std::string(SPLITPROF_PROGRAMS "/") + GetParam();
  if (!std::filesystem::exists(program)) GTEST_SKIP() << program << " was not built: musl-gcc is missing";
  Child child({program}, "/");
  std::istringstream line(child.read_line());
  uint64_t thread = 0;
  ASSERT_TRUE(line >> thread);
  ThreadStorage storage;
  for (const Child::Mapped& mapped : child.mapped_files()) {
    const auto found = find_thread_storage(*mapped.elf);
    ASSERT_TRUE(found) << mapped.path << ": " << found.error().message;
    if (!*found) continue;
    EXPECT_EQ(storage.kind, SP_STORAGE_NONE) << "a second C library: " << mapped.path;
    storage = **found;
  }
  ASSERT_NE(storage.kind, SP_STORAGE_NONE);
  const auto memory = child.open_memory();
  ASSERT_NE(memory, nullptr);
  const testing::MemoryReader reader(*memory, thread);
  int keys = 0;
  for (uint64_t key, value; line >> key >> value; ++keys) EXPECT_EQ(reader.specific(storage, key), value) << key;
  EXPECT_EQ(keys, 40);
}

INSTANTIATE_TEST_SUITE_P(Libraries, Storage, ::testing::Values("thread_keys", "thread_keys_static", "thread_keys_musl"),
                         [](const auto& test) { return test.param; });

TEST(ThreadStorage, FilesThatAreNoCLibraryHaveNone) {
  const auto file = LocalFile::open_path(SPLITPROF_PROGRAMS "/thread_keys");
  ASSERT_TRUE(file);
  const auto elf = ElfFile::open(**file);
  ASSERT_TRUE(elf);
  const auto found = find_thread_storage(*elf);
  ASSERT_TRUE(found);
  EXPECT_FALSE(*found);
}

}  // namespace
}  // namespace splitprof
