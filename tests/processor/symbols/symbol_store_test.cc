// SPDX-License-Identifier: Apache-2.0
//
// The file under test is this program itself: its symbols are known, as it can ask the loader where it lies.
#include "processor/symbols/symbol_store.h"

#include <gtest/gtest.h>
#include <link.h>

#include <algorithm>
#include <string>

#include "processor/elf/file.h"
#include "processor/elf/local_file.h"
#include "shared/check.h"

extern "C" [[gnu::noinline, gnu::used]] int symbol_store_test_c_function(int n) {
  return n * 3 + 1;
}
namespace symbol_store_test {
template <typename T>
[[gnu::noinline, gnu::used]] T cxx_function(T n) {
  return n * 5 + 2;
}
template int cxx_function(int);
}  // namespace symbol_store_test

namespace splitprof {
namespace {

std::shared_ptr<const SymbolTable> own_table() {
  auto file = LocalFile::open_path("/proc/self/exe");
  CHECK(file.has_value());
  auto elf = ElfFile::open(**file);
  CHECK(elf.has_value());
  auto table = read_symbols(*elf);
  CHECK(table.has_value() && table->size() > 0);
  return std::make_shared<const SymbolTable>(std::move(table).value());
}

uint64_t elf_address(const void* function) {
  uint64_t bias = 0;
  dl_iterate_phdr(
      [](dl_phdr_info* first, size_t, void* into) {  // the program comes first
        *static_cast<uint64_t*>(into) = first->dlpi_addr;
        return 1;
      },
      &bias);
  return reinterpret_cast<uint64_t>(function) - bias;
}

const uint64_t kC = elf_address(reinterpret_cast<const void*>(&symbol_store_test_c_function));
const uint64_t kCxx = elf_address(reinterpret_cast<const void*>(&symbol_store_test::cxx_function<int>));

Frame native(uint32_t place, uint64_t address, bool return_address = false) {
  return {.kind = Frame::Kind::native, .return_address = return_address, .place = place, .address = address};
}

std::string name_of(const SymbolStore& store, const Frame& frame) {
  const auto symbols = store.symbolize(frame);
  CHECK(symbols.size() <= 1);
  return symbols.empty() ? "" : symbols[0].function;
}

TEST(NativeSymbols, DemanglesAndRemembers) {
  NativeSymbols symbols(own_table());
  for (int time = 0; time < 2; ++time) {
    EXPECT_EQ(symbols.name_at(ElfAddress(kC)), "symbol_store_test_c_function");
    EXPECT_EQ(symbols.name_at(ElfAddress(kCxx + 1)), "symbol_store_test::cxx_function<int>");
  }
  EXPECT_EQ(symbols.name_at(ElfAddress(1)), "");
}

TEST(NativeSymbols, AnswersTheSameWhenItsCacheOverflows) {
  const auto table = own_table();
  NativeSymbols symbols(table), again(table);
  size_t bytes = 0;
  for (int time = 0; time < 2; ++time) {
    for (size_t i = 0; i < table->size(); ++i) {
      const std::string name = symbols.name_at(table->at(i).start);
      bytes += name.size();
      ASSERT_EQ(name, NativeSymbols(table).name_at(table->at(i).start)) << i;
    }
  }
  EXPECT_GT(bytes, 64u * 1024) << "the cache has been full";
}

TEST(SymbolStore, TellsExecutablesApart) {
  SymbolStore store;
  store.set_executable(1, {.path = "/bin/one", .build_id = "abcd"}, own_table());
  store.set_executable(2, {.path = "/bin/two"}, nullptr);
  EXPECT_EQ(name_of(store, native(1, kC)), "symbol_store_test_c_function");
  EXPECT_EQ(name_of(store, native(2, kC)), "");
  EXPECT_EQ(name_of(store, native(3, kC)), "");
  EXPECT_EQ(store.module(native(1, kC)).path, "/bin/one");
  EXPECT_EQ(store.module(native(1, kC)).build_id, "abcd");
  EXPECT_EQ(store.module(native(2, kC)).path, "/bin/two");
  EXPECT_EQ(store.module(native(3, kC)).path, "");
  EXPECT_TRUE(store.has_symbols(1));
  EXPECT_FALSE(store.has_symbols(2));
  for (const auto kind : {Frame::Kind::unknown, Frame::Kind::marker, Frame::Kind::python})
    EXPECT_TRUE(store.symbolize({.kind = kind, .place = 1, .address = kC}).empty());
}

TEST(SymbolStore, LooksAReturnAddressUpInTheFunctionThatCalled) {
  const auto table = own_table();
  SymbolStore store;
  store.set_executable(1, {}, table);
  const uint64_t end = kC + table->find(ElfAddress(kC))->size;  // where a call that does not return would return to
  EXPECT_EQ(name_of(store, native(1, end, true)), "symbol_store_test_c_function");
  EXPECT_NE(name_of(store, native(1, end)), "symbol_store_test_c_function");
  EXPECT_NE(name_of(store, native(1, kC, true)), "symbol_store_test_c_function");
}

TEST(SymbolStore, NamesKernelFramesAndTheirModules) {
  SymbolStore store;
  const Frame in_kernel{.kind = Frame::Kind::kernel, .address = 0xffffffff81000010};
  EXPECT_EQ(name_of(store, in_kernel), "");
  EXPECT_EQ(store.module(in_kernel).path, "[kernel]");
  auto symbols =
      KernelSymbols::parse("ffffffff81000000 T do_it\nffffffff81000100 t other\nffffffffc0000000 t m\t[ext4]\n");
  ASSERT_TRUE(symbols);
  store.set_kernel(std::move(symbols).value());
  EXPECT_EQ(name_of(store, in_kernel), "do_it");
  EXPECT_EQ(store.module(in_kernel).path, "[kernel]");
  const Frame after_call{.kind = Frame::Kind::kernel, .return_address = true, .address = 0xffffffff81000100};
  EXPECT_EQ(name_of(store, after_call), "do_it");
  const Frame in_module{.kind = Frame::Kind::kernel, .address = 0xffffffffc0000008};
  EXPECT_EQ(name_of(store, in_module), "m");
  EXPECT_EQ(store.module(in_module).path, "[ext4]");
}

TEST(SymbolStore, KeepsWhatWasUsedLastWithinItsBound) {
  const auto first = own_table(), second = own_table(), third = own_table();
  const size_t each = NativeSymbols(first).memory_bytes();
  SymbolStore store(2 * each);
  store.set_executable(1, {.path = "/1"}, first);
  store.set_executable(2, {.path = "/2"}, second);
  store.set_executable(12, {.path = "/12"}, second);  // the same content
  EXPECT_EQ(store.memory_bytes(), 2 * each) << "a shared table counts once";
  EXPECT_NE(name_of(store, native(1, kC)), "") << "used last";
  store.set_executable(3, {.path = "/3"}, third);
  EXPECT_EQ(store.evicted_tables(), 1u);
  EXPECT_EQ(store.memory_bytes(), 2 * each);
  EXPECT_TRUE(store.has_symbols(1));
  EXPECT_FALSE(store.has_symbols(2));
  EXPECT_FALSE(store.has_symbols(12));
  EXPECT_EQ(name_of(store, native(2, kC)), "");
  EXPECT_EQ(store.module(native(2, kC)).path, "/2") << "only names go";
  store.set_executable(2, {.path = "/2"}, second);
  EXPECT_NE(name_of(store, native(2, kC)), "");
  EXPECT_FALSE(store.has_symbols(1)) << "the one that had not been used for longest";
}

TEST(SymbolStore, LetsGoOfWhatIsReplacedOrRemoved) {
  std::weak_ptr<const SymbolTable> watched;
  SymbolStore store;
  {
    const auto table = own_table();
    watched = table;
    store.set_executable(1, {}, table);
    store.set_executable(2, {}, table);
  }
  store.set_executable(1, {}, nullptr);
  EXPECT_FALSE(watched.expired());
  store.remove_executable(2);
  store.remove_executable(2);
  EXPECT_TRUE(watched.expired());
  EXPECT_EQ(store.memory_bytes(), 0u);
}

TEST(SymbolStore, HoldsNothingLargerThanItsBound) {
  SymbolStore store(1000);
  store.set_executable(1, {.path = "/1"}, own_table());
  EXPECT_EQ(store.evicted_tables(), 1u);
  EXPECT_EQ(store.memory_bytes(), 0u);
  EXPECT_FALSE(store.has_symbols(1));
}

}  // namespace
}  // namespace splitprof
