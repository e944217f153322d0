// SPDX-License-Identifier: Apache-2.0
#include "processor/symbols/kernel.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

namespace splitprof {
namespace {

constexpr char kText[] =
    "0000000000000000 A fixed_percpu_data\n"
    "ffffffff81000000 T srso_alias_untrain_ret\n"
    "ffffffff81000000 T _stext\n"
    "ffffffff81000000 T _text\n"
    "ffffffff81000100 t helper\n"
    "ffffffff81000100 W weak_name\n"
    "ffffffff81000200 T __x64_sys_read\n"
    "ffffffff81000200 T _also_this\n"
    "ffffffff82000000 D some_data\n"
    "ffffffffc0001000 t ext4_do\t[ext4]\n"
    "ffffffffc0002000 t bpf_prog_6deef7357e7b4530_entry\t[bpf]\n";

std::string name_at(const KernelSymbols& symbols, uint64_t address) {
  const auto found = symbols.find(RuntimeAddress(address));
  return found ? fmt::format("{}[{}]", found->name, found->module) : "nothing";
}

TEST(KernelSymbols, FindsFunctionsOfKernelModulesAndBpf) {
  const auto symbols = KernelSymbols::parse(kText);
  ASSERT_TRUE(symbols) << symbols.error().message;
  EXPECT_EQ(symbols->size(), 5u);
  EXPECT_EQ(symbols->skipped_lines(), 0u);
  EXPECT_EQ(name_at(*symbols, 0xffffffff80ffffff), "nothing");
  EXPECT_EQ(name_at(*symbols, 0xffffffff81000000), "srso_alias_untrain_ret[]") << "fewest underscores";
  EXPECT_EQ(name_at(*symbols, 0xffffffff810000ff), "srso_alias_untrain_ret[]");
  EXPECT_EQ(name_at(*symbols, 0xffffffff81000100), "weak_name[]") << "weak before local";
  EXPECT_EQ(name_at(*symbols, 0xffffffff81000234), "_also_this[]");
  EXPECT_EQ(name_at(*symbols, 0xffffffff82000001), "nothing") << "too far from any function; data has no name here";
  EXPECT_EQ(name_at(*symbols, 0xffffffffc0001001), "ext4_do[ext4]");
  EXPECT_EQ(name_at(*symbols, 0xffffffffc0002001), "bpf_prog_6deef7357e7b4530_entry[bpf]");
  EXPECT_EQ(name_at(*symbols, ~uint64_t{0}), "nothing");
  EXPECT_EQ(symbols->find(RuntimeAddress(0xffffffff81000234))->start, RuntimeAddress(0xffffffff81000200));
}

TEST(KernelSymbols, SaysWhatAddressesAreCountedFrom) {
  const auto symbols = KernelSymbols::parse(kText);
  ASSERT_TRUE(symbols);
  EXPECT_EQ(symbols->start(), RuntimeAddress(0xffffffff81000000));
  const auto start = [&](uint64_t address) { return symbols->find(RuntimeAddress(address))->module_start.value; };
  EXPECT_EQ(start(0xffffffff81000234), 0xffffffff81000000);
  EXPECT_EQ(start(0xffffffffc0001001), 0xffffffffc0001000) << "a module's lowest function, from its page on";
  EXPECT_EQ(start(0xffffffffc0002001), 0xffffffffc0002000) << "each BPF program by itself";
  const auto without = KernelSymbols::parse("ffffffff81000234 T some_function\n");
  EXPECT_EQ(without->start(), RuntimeAddress(0xffffffff81000000));
  EXPECT_EQ(KernelSymbols().start(), RuntimeAddress(0));
}

TEST(KernelSymbols, NoticesThatAddressesAreHidden) {
  const auto hidden = KernelSymbols::parse("0000000000000000 A fixed_percpu_data\n0000000000000000 T _stext\n");
  ASSERT_FALSE(hidden);
  EXPECT_EQ(hidden.error().code, Errc::denied);
  const auto nothing = KernelSymbols::parse("");
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().code, Errc::denied);
}

TEST(KernelSymbols, SkipsAndCountsWhatIsNotALine) {
  const auto symbols = KernelSymbols::parse(
      "ffffffff81000000 T good\n"
      "\n"
      "zzz T bad\n"
      "ffffffff81000001\n"
      "ffffffff81000002 T \n"
      "ffffffff81000003 T name\t[open\n"
      "ffffffff81000004Tname\n"
      "11111111111111111 T too_many_digits\n"
      "ffffffff81000005 T " +
      std::string(513, 'x') + "\nffffffff81000006 T last_without_newline");
  ASSERT_TRUE(symbols);
  EXPECT_EQ(symbols->size(), 2u);
  EXPECT_EQ(symbols->skipped_lines(), 8u);
  EXPECT_EQ(name_at(*symbols, 0xffffffff81000007), "last_without_newline[]");
}

TEST(KernelSymbols, KeepsToItsBounds) {
  std::string many;
  for (uint64_t i = 0; i < 5000; ++i) many += fmt::format("{:016x} t f\t[m{}]\n", 0x1000 + i * 16, i);
  const auto symbols = KernelSymbols::parse(many);
  ASSERT_TRUE(symbols);
  EXPECT_EQ(symbols->size() + symbols->skipped_lines(), 5000u);
  EXPECT_GT(symbols->skipped_lines(), 0u);
  EXPECT_FALSE(KernelSymbols::parse(std::string((64 << 20) + 1, '\n')));
}

TEST(KernelSymbols, AgreesWithAnOrderedMapInAnyOrderOfLines) {
  for (uint32_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    std::map<uint64_t, std::string> expected;
    std::string text;
    for (int i = 0; i < 300; ++i) {
      const uint64_t address = 0x1000 + random() % 100'000;
      if (!expected.try_emplace(address, fmt::format("f{}", i)).second) continue;
      text += fmt::format("{:x} t f{}\n", address, i);
    }
    const auto symbols = KernelSymbols::parse(text);
    ASSERT_TRUE(symbols);
    ASSERT_EQ(symbols->size(), expected.size());
    for (int i = 0; i < 1000; ++i) {
      const uint64_t address = 0xff0 + random() % 100'100;
      const auto after = expected.upper_bound(address);
      const auto found = symbols->find(RuntimeAddress(address));
      ASSERT_EQ(found.has_value(), after != expected.begin());
      ASSERT_EQ(found ? found->name : "", found ? std::prev(after)->second : "");
    }
  }
}

}  // namespace
}  // namespace splitprof
