// SPDX-License-Identifier: Apache-2.0
#include "processor/elf/named_symbols.h"

#include <dlfcn.h>
#include <elf.h>
#include <gtest/gtest.h>

#include <cstring>

#include "processor/elf/local_file.h"
#include "tests/processor/elf/elf_builder.h"

extern "C" {
// Exported by -rdynamic.
__attribute__((used, noinline)) int splitprof_named_function() {
  return 1;
}
__attribute__((used)) int splitprof_named_object = 2;
__attribute__((used)) thread_local int splitprof_named_thread_local = 3;
__attribute__((used, noinline, visibility("hidden"))) int splitprof_hidden_function() {
  return 4;
}
}

namespace splitprof {
namespace {

constexpr std::string_view kNames[] = {"splitprof_named_function",     "splitprof_named_object",
                                       "splitprof_named_thread_local", "splitprof_hidden_function",
                                       "splitprof_no_such_name",       "dladdr"};  // no name that a sanitizer defines

struct OpenFile {
  explicit OpenFile(const char* path) : file(LocalFile::open_path(path).value()), elf(ElfFile::open(*file).value()) {}
  std::unique_ptr<LocalFile> file;
  ElfFile elf;
};

uint64_t bias_of(const void* address) {
  Dl_info info{};
  EXPECT_NE(dladdr(address, &info), 0);
  return reinterpret_cast<uint64_t>(info.dli_fbase);
}

TEST(NamedSymbols, FindsWhatIsExportedWhereTheLoaderFindsIt) {
  const OpenFile own("/proc/self/exe");
  const auto found = find_exported(own.elf, kNames);
  ASSERT_TRUE(found) << found.error().message;
  const auto* function = reinterpret_cast<const void*>(&splitprof_named_function);
  ASSERT_TRUE((*found)[0]);
  EXPECT_EQ((*found)[0]->address.value + bias_of(function), reinterpret_cast<uint64_t>(function));
  EXPECT_TRUE((*found)[0]->is_function);
  EXPECT_GT((*found)[0]->size, 0u);
  ASSERT_TRUE((*found)[1]);
  EXPECT_EQ((*found)[1]->address.value + bias_of(function), reinterpret_cast<uint64_t>(&splitprof_named_object));
  EXPECT_FALSE((*found)[1]->is_function);
  EXPECT_FALSE((*found)[2]) << "a thread's own has no address";
  EXPECT_FALSE((*found)[3]) << "hidden";
  EXPECT_FALSE((*found)[4]);
  EXPECT_FALSE((*found)[5]) << "only imported";
}

TEST(NamedSymbols, FindsTheSameAndMoreInTheSymbolTable) {
  const OpenFile own("/proc/self/exe");
  const auto exported = find_exported(own.elf, kNames);
  const auto found = find_in_symtab(own.elf, kNames);
  ASSERT_TRUE(exported && found);
  EXPECT_EQ((*found)[0], (*exported)[0]);
  EXPECT_EQ((*found)[1], (*exported)[1]);
  EXPECT_FALSE((*found)[2]);
  EXPECT_TRUE((*found)[3]);
  EXPECT_FALSE((*found)[4]);
  EXPECT_FALSE((*found)[5]);
}

TEST(NamedSymbols, TheFirstNameDecidesInASymbolTable) {
  const OpenFile own("/proc/self/exe");
  constexpr std::string_view names[] = {"splitprof_no_such_name", "splitprof_hidden_function"};
  const auto found = find_in_symtab(own.elf, names);
  ASSERT_TRUE(found);
  EXPECT_FALSE((*found)[0]);
  EXPECT_FALSE((*found)[1]);
}

TEST(NamedSymbols, FindsThemByTheOlderHashTableToo) {
  const OpenFile library(SPLITPROF_OLD_HASH_LIBRARY);
  void* loaded = dlopen(SPLITPROF_OLD_HASH_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(loaded, nullptr) << dlerror();
  constexpr std::string_view names[] = {"splitprof_tiny", "splitprof_no_such_name", "splitprof_tiny_variable"};
  const auto found = find_exported(library.elf, names);
  ASSERT_TRUE(found) << found.error().message;
  for (const size_t i : {0, 2}) {
    const void* address = dlsym(loaded, std::string(names[i]).c_str());
    ASSERT_TRUE((*found)[i]) << names[i];
    EXPECT_EQ((*found)[i]->address.value + bias_of(address), reinterpret_cast<uint64_t>(address));
  }
  EXPECT_FALSE((*found)[1]);
  dlclose(loaded);
}

TEST(NamedSymbols, AFileWithoutAnyHasNone) {
  testing::ElfBuilder builder;
  const auto bytes = builder.build();
  MemoryFile file(bytes);
  const auto elf = ElfFile::open(file);
  ASSERT_TRUE(elf);
  for (const auto& found : {find_exported(*elf, kNames), find_in_symtab(*elf, kNames)}) {
    ASSERT_TRUE(found);
    ASSERT_EQ(found->size(), std::size(kNames));
    for (const auto& symbol : *found) EXPECT_FALSE(symbol);
  }
}

// Every byte of the library's headers, tables and names, spoilt in three ways, and every length: whatever the answer,
// it comes, and an address that is given lies where the file says.
TEST(NamedSymbols, SurvivesWhateverIsInTheTables) {
  const auto whole = LocalFile::open_path(SPLITPROF_OLD_HASH_LIBRARY);
  ASSERT_TRUE(whole);
  std::vector<std::byte> bytes((*whole)->identity().size);
  ASSERT_TRUE((*whole)->read_at(0, bytes));
  constexpr std::string_view names[] = {"splitprof_tiny", "splitprof_no_such_name"};
  const size_t tables = std::min<size_t>(bytes.size(), 4096);  // headers, hash, names: they come first
  for (size_t at = 0; at < tables; ++at) {
    for (const std::byte flip : {std::byte{1}, std::byte{0x80}, std::byte{0xff}}) {
      auto spoilt = bytes;
      spoilt[at] ^= flip;
      MemoryFile file(std::move(spoilt));
      const auto elf = ElfFile::open(file);
      if (!elf) continue;
      const auto exported = find_exported(*elf, names);
      const auto listed = find_in_symtab(*elf, names);
      if (exported) {
        EXPECT_EQ(exported->size(), 2u);
      }
      if (listed) {
        EXPECT_EQ(listed->size(), 2u);
      }
    }
  }
  for (size_t size = 0; size < bytes.size(); size += 61) {
    MemoryFile file({bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size)});
    const auto elf = ElfFile::open(file);
    if (elf && find_exported(*elf, names) && find_in_symtab(*elf, names)) continue;
  }
}

}  // namespace
}  // namespace splitprof
