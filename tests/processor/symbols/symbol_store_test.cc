// SPDX-License-Identifier: Apache-2.0
//
// The file under test is this program itself: its symbols are known, as it can ask the loader where it lies.
#include "processor/symbols/symbol_store.h"

#include <gtest/gtest.h>
#include <link.h>

#include <algorithm>
#include <string>

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

Resolved resolve_own(std::vector<uint64_t> addresses, std::shared_ptr<const SymbolIndex> index = nullptr) {
  auto file = LocalFile::open_path("/proc/self/exe");
  CHECK(file.has_value());
  std::sort(addresses.begin(), addresses.end());
  std::vector<ElfAddress> sorted;
  for (const uint64_t address : addresses) sorted.emplace_back(address);
  auto resolved = resolve_names({.mapped = file->get()}, std::move(index), sorted);
  CHECK(resolved.has_value());
  return std::move(*resolved);
}

// Of the outermost function; others were inlined into it.
std::string name_of(const SymbolStore& store, const Frame& frame) {
  const auto symbols = store.symbolize(frame);
  return symbols.empty() ? "" : symbols.back().function;
}

// Names of `count` addresses from `first` on.
ResolvedNames made_up(uint64_t first, uint32_t count, const std::string& name) {
  ResolvedNames names;
  for (uint32_t i = 0; i < count; ++i) {
    names.places.push_back({.address = first + i, .first = i, .count = 1});
    names.symbols.push_back({.function = name + std::to_string(i)});
  }
  return names;
}

TEST(ResolveNames, FindsAndDemanglesFunctionsOfThisProgram) {
  const auto resolved = resolve_own({1, kC, kCxx + 1});
  ASSERT_EQ(resolved.names.places.size(), 3u);
  SymbolStore store;
  store.add(7, resolved.names, resolved.index);
  EXPECT_EQ(name_of(store, native(7, kC)), "symbol_store_test_c_function");
  EXPECT_EQ(name_of(store, native(7, kCxx + 1)), "symbol_store_test::cxx_function<int>");
  EXPECT_EQ(name_of(store, native(7, 1)), "");
}

TEST(ResolveNames, AnswersTheSameWithAnIndexOfAnEarlierBatch) {
  const auto first = resolve_own({kC});
  ASSERT_NE(first.index, nullptr);
  EXPECT_GT(first.index->size(), 100u);
  const auto second = resolve_own({kC, kCxx}, first.index);
  EXPECT_EQ(second.index, first.index);
  const auto fresh = resolve_own({kC, kCxx});
  ASSERT_EQ(second.names.symbols.size(), fresh.names.symbols.size());
  for (size_t i = 0; i < fresh.names.symbols.size(); ++i)
    EXPECT_EQ(second.names.symbols[i].function, fresh.names.symbols[i].function);
}

// This program is compiled with -g, so its own lines are known.
TEST(ResolveNames, KnowsTheLinesOfThisProgram) {
  const auto resolved = resolve_own({kC});
  ASSERT_FALSE(resolved.names.symbols.empty());
  EXPECT_TRUE(resolved.names.symbols.back().file.ends_with("symbol_store_test.cc")) << resolved.names.symbols[0].file;
  EXPECT_GE(resolved.names.symbols.back().line, 15u);
  EXPECT_LE(resolved.names.symbols.back().line, 18u);
}

TEST(SymbolStore, TellsExecutablesApart) {
  SymbolStore store;
  store.set_module(1, {.path = "/bin/one", .build_id = "abcd"});
  store.add(1, made_up(kC, 1, "f"), nullptr);
  store.set_module(2, {.path = "/bin/two"});
  EXPECT_EQ(name_of(store, native(1, kC)), "f0");
  EXPECT_EQ(name_of(store, native(2, kC)), "");
  EXPECT_EQ(name_of(store, native(3, kC)), "");
  EXPECT_EQ(store.module(native(1, kC)).path, "/bin/one");
  EXPECT_EQ(store.module(native(1, kC)).build_id, "abcd");
  EXPECT_EQ(store.module(native(2, kC)).path, "/bin/two");
  EXPECT_EQ(store.module(native(3, kC)).path, "");
  for (const auto kind : {Frame::Kind::unknown, Frame::Kind::marker})
    EXPECT_TRUE(store.symbolize({.kind = kind, .place = 1, .address = kC}).empty());
  EXPECT_EQ(name_of(store, {.kind = Frame::Kind::python, .place = 1}), "[cpython: ended before it was named]");
  EXPECT_EQ(store.module({.kind = Frame::Kind::python, .place = 1}).path, "[cpython]");
}

TEST(SymbolStore, GivesTheWholeChainInnermostFirst) {
  ResolvedNames names;
  names.places = {{.address = 0x10, .first = 0, .count = 2}, {.address = 0x20, .first = 2, .count = 0}};
  names.symbols = {{.function = "inner", .file = "/a.h", .line = 3, .inlined = true},
                   {.function = "outer", .file = "/a.c", .line = 70'000}};
  SymbolStore store;
  store.add(1, names, nullptr);
  const auto chain = store.symbolize(native(1, 0x11, true));
  ASSERT_EQ(chain.size(), 2u);
  EXPECT_EQ(chain[0].function, "inner");
  EXPECT_EQ(chain[0].file, "/a.h");
  EXPECT_EQ(chain[0].line, 3u);
  EXPECT_TRUE(chain[0].inlined);
  EXPECT_EQ(chain[1].function, "outer");
  EXPECT_EQ(chain[1].line, 70'000u);
  EXPECT_FALSE(chain[1].inlined);
  EXPECT_TRUE(store.knows(1, 0x20)) << "looked up in vain";
  EXPECT_TRUE(store.symbolize(native(1, 0x20)).empty());
  EXPECT_FALSE(store.knows(1, 0x30));
}

TEST(SymbolStore, LooksAReturnAddressUpInTheFunctionThatCalled) {
  SymbolStore store;
  store.add(1, made_up(0x100, 2, "f"), nullptr);
  EXPECT_EQ(name_of(store, native(1, 0x101, true)), "f0");
  EXPECT_EQ(name_of(store, native(1, 0x101)), "f1");
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

TEST(SymbolStore, SharesTheIndexOfEqualFiles) {
  const auto one = resolve_own({kC}), again = resolve_own({kC});
  ASSERT_NE(one.index, again.index);
  SymbolStore store;
  store.add(1, {}, one.index);
  const size_t once = store.memory_bytes();
  EXPECT_EQ(once, one.index->memory_bytes());
  store.add(2, {}, again.index);
  EXPECT_EQ(store.memory_bytes(), once) << "an equal one counts once";
  EXPECT_EQ(store.index(2), one.index);
  store.add(3, {}, std::make_shared<const SymbolIndex>());
  EXPECT_NE(store.index(3), one.index);
}

TEST(SymbolStore, LetsGoOfAnIndexWithItsLastExecutable) {
  auto one = resolve_own({kC});
  const std::weak_ptr<const SymbolIndex> watched = one.index;
  const size_t bytes = one.index->memory_bytes();
  SymbolStore store(bytes + 4000);
  store.add(1, {}, one.index);
  store.add(2, {}, std::exchange(one.index, nullptr));
  store.add(3, made_up(0, 100, "function"), nullptr);  // too much: both go
  EXPECT_EQ(store.evicted(), 2u);
  EXPECT_TRUE(watched.expired());
  EXPECT_LT(store.memory_bytes(), bytes);
  EXPECT_TRUE(store.knows(3, 5));
}

TEST(SymbolStore, AddsBatchesUp) {
  SymbolStore store;
  store.add(1, made_up(0x200, 50, "late"), nullptr);
  store.add(1, made_up(0x1f0, 50, "early"), nullptr);  // overlaps: what is known stays
  EXPECT_EQ(name_of(store, native(1, 0x1f0)), "early0");
  EXPECT_EQ(name_of(store, native(1, 0x200)), "late0");
  EXPECT_EQ(name_of(store, native(1, 0x231)), "late49");
  EXPECT_FALSE(store.knows(1, 0x232));
}

TEST(SymbolStore, ForgetsWhatWasUsedLeastRecentlyWithinItsBound) {
  size_t each = 0;
  {
    SymbolStore measuring;
    measuring.add(1, made_up(0x100, 100, "function of a file"), nullptr);
    each = measuring.memory_bytes();
  }
  SymbolStore store(2 * each);
  store.set_module(2, {.path = "/2"});
  store.add(1, made_up(0x100, 100, "function of a file"), nullptr);
  store.add(2, made_up(0x100, 100, "function of a file"), nullptr);
  EXPECT_EQ(store.evicted(), 0u);
  EXPECT_NE(name_of(store, native(1, 0x100)), "") << "used last";
  store.add(3, made_up(0x100, 100, "function of a file"), nullptr);
  EXPECT_EQ(store.evicted(), 1u);
  EXPECT_LE(store.memory_bytes(), 2 * each);
  EXPECT_TRUE(store.knows(1, 0x100));
  EXPECT_FALSE(store.knows(2, 0x100));
  EXPECT_TRUE(store.knows(3, 0x100));
  EXPECT_EQ(store.module(native(2, 0x100)).path, "/2") << "only names go";
  store.add(2, made_up(0x100, 100, "function of a file"), nullptr);
  EXPECT_TRUE(store.knows(2, 0x100));
  EXPECT_FALSE(store.knows(1, 0x100)) << "the one that had not been used for longest";
}

TEST(SymbolStore, KeepsWhatItWasJustGivenHoweverLarge) {
  SymbolStore store(1000);
  store.add(1, made_up(0, 1000, "function"), nullptr);
  EXPECT_TRUE(store.knows(1, 5));
  EXPECT_EQ(store.evicted(), 0u);
}

}  // namespace
}  // namespace splitprof
