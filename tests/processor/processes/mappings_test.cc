// SPDX-License-Identifier: Apache-2.0
#include "processor/processes/mappings.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <random>

namespace splitprof {
namespace {

// As the kernel prints a line (Linux 6.18, fs/proc/task_mmu.c, show_vma_header_prefix).
std::string print(const Mapping& mapping) {
  auto line = fmt::format("{:08x}-{:08x} r-xp {:08x} {:02x}:{:02x} {} ", mapping.start.value,
                          mapping.start.value + mapping.length, mapping.file_offset.value, mapping.file.device_major,
                          mapping.file.device_minor, mapping.file.inode);
  if (!mapping.file.path.empty()) {
    line.resize(std::max<size_t>(line.size(), 73), ' ');
    line += mapping.file.path;
  }
  return line + "\n";
}

TEST(Mappings, PrintedAndParsedAreTheSame) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    std::vector<Mapping> expected;
    std::string text;
    uint64_t at = (random() % 1000) << 12;
    for (int i = 0; i < 40; ++i) {
      Mapping mapping;
      mapping.start.value = at += (random() % (1ull << 34)) << 12;
      at += mapping.length = (1 + random() % 1000) << 12;
      mapping.file_offset.value = (random() % 1000) << 12;
      mapping.file.device_major = random() % 4096;
      mapping.file.device_minor = random() % (1 << 20);
      mapping.file.inode = random();
      for (size_t n = random() % 60; n > 0; --n)
        mapping.file.path += static_cast<char>(n == 1 ? '/' : "ab /\\([)]\t\xc3"[random() % 11]);
      if (!mapping.file.path.empty() && mapping.file.path.front() == ' ') mapping.file.path.front() = '/';
      text += print(mapping);
      expected.push_back(mapping);
    }
    const auto list = parse_mappings(text);
    EXPECT_EQ(list.malformed, 0u);
    ASSERT_EQ(list.mappings.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(list.mappings[i].start, expected[i].start);
      EXPECT_EQ(list.mappings[i].length, expected[i].length);
      EXPECT_EQ(list.mappings[i].file_offset, expected[i].file_offset);
      EXPECT_EQ(list.mappings[i].file, expected[i].file);
    }
  }
}

TEST(Mappings, ReadsItsOwnListing) {
  std::ifstream file("/proc/self/maps");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const auto list = parse_mappings(text);
  EXPECT_EQ(list.malformed, 0u);
  const auto here = reinterpret_cast<uint64_t>(&parse_mappings);
  const auto holds = [here](const Mapping& m) { return here >= m.start.value && here - m.start.value < m.length; };
  const auto found = std::find_if(list.mappings.begin(), list.mappings.end(), holds);
  ASSERT_NE(found, list.mappings.end());
  EXPECT_NE(found->file.inode, 0u);
  EXPECT_TRUE(found->file.path.ends_with("_test")) << found->file.path;
}

TEST(Mappings, KeepsOnlyWhatCanHoldCode) {
  const auto list = parse_mappings(
      "00400000-00401000 r--p 00000000 fe:01 12                         /bin/x\n"
      "00401000-00402000 r-xp 00001000 fe:01 12                         /bin/x\n"
      "7ffe00000000-7ffe00002000 r-xp 00000000 00:00 0                          [vdso]\n"
      "7fff00000000-7fff00001000 rwxp 00000000 00:00 0 \n"
      "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n");
  ASSERT_EQ(list.mappings.size(), 3u);
  EXPECT_EQ(list.mappings[0].file.path, "/bin/x");
  EXPECT_EQ(list.mappings[0].file.inode, 12u);
  EXPECT_EQ(list.mappings[1].file.path, "[vdso]");
  EXPECT_EQ(list.mappings[2].file.path, "");
}

TEST(Mappings, SkipsAndCountsWhatIsNoMapping) {
  const auto list = parse_mappings(
      "nonsense\n"
      "00402000-00401000 r-xp 00000000 00:00 0 \n"           // ends before it begins
      "00401001-00402000 r-xp 00000000 00:00 0 \n"           // not a page
      "00401000-10000000000000000 r-xp 00000000 00:00 0 \n"  // more than 64 bits
      "00500000-00600000 r-xp 00000000 00:00 0 \n"
      "00400000-00500000 r-xp 00000000 00:00 0 \n"  // out of order
      "00580000-00700000 r-xp 00000000 00:00 0 \n"  // overlaps
      "00800000-00900000 r-xp 00000000 00:00 0");   // the last line may lack its end
  EXPECT_EQ(list.malformed, 6u);
  ASSERT_EQ(list.mappings.size(), 2u);
  EXPECT_EQ(list.mappings[1].start.value, 0x800000u);
}

TEST(Mappings, KeepsABoundedNumber) {
  std::string text;
  for (uint64_t i = 0; i < kMaxMappings + 5; ++i)
    text += fmt::format("{:x}-{:x} r-xp 0 00:00 0\n", i * 0x2000, i * 0x2000 + 0x1000);
  const auto list = parse_mappings(text);
  EXPECT_EQ(list.mappings.size(), kMaxMappings);
  EXPECT_EQ(list.dropped, 5u);
}

}  // namespace
}  // namespace splitprof
