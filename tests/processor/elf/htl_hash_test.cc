// SPDX-License-Identifier: Apache-2.0
#include "processor/elf/htl_hash.h"

#include <gtest/gtest.h>

#include "processor/elf/local_file.h"

namespace splitprof {
namespace {

std::vector<std::byte> pattern(size_t size) {
  std::vector<std::byte> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 % 251);
  return bytes;
}

std::string hash_of(std::vector<std::byte> content) {
  MemoryFile file(std::move(content));
  const auto hash = read_htl_hash(file);
  return hash ? *hash : hash.error().message;
}

// Computed with Python's hashlib.
TEST(HtlHash, IsMadeOfHeadTailAndLength) {
  EXPECT_EQ(hash_of({}), "af5570f5a1810b7af78caf4bc70a660f");
  const auto hello = std::as_bytes(std::span("hello", 5));
  EXPECT_EQ(hash_of({hello.begin(), hello.end()}), "b2c90e0c61910efa8c079b70039694de") << "twice the whole";
  EXPECT_EQ(hash_of(pattern(5000)), "35cfe5afede7a362b4d9237093292e7f") << "parts that overlap";
  EXPECT_EQ(hash_of(pattern(100000)), "d1d6bf7bb805bbf213749a3662a6433a");
}

// A file that was truncated after it was opened.
TEST(HtlHash, OfAFileThatShrankIsAnError) {
  class Shrunk final : public ReadableFile {
   public:
    Result<size_t> read_at(uint64_t, std::span<std::byte> into) override { return into.size() / 2; }
    const FileIdentity& identity() const override { return identity_; }

   private:
    FileIdentity identity_{.size = 10000};
  } file;
  const auto hash = read_htl_hash(file);
  ASSERT_FALSE(hash);
  EXPECT_EQ(hash.error().code, Errc::truncated);
}

TEST(KernelHtlHash, IsFnvOfTheBuildIdsDigits) {
  EXPECT_EQ(kernel_htl_hash("8f3c2a1d5e6b7c8d9e0f11223344556677889900"), "67b20636f437c7d87d0956d53df80ea3");
  EXPECT_EQ(kernel_htl_hash("0123456789abcdef"), "901bd20a6f66c128ded2e362959c587d");
}

TEST(KernelHtlHash, WithoutABuildIdIsTheOneForAll) {
  for (const char* digits : {"", "0123456789abcde"})
    EXPECT_EQ(kernel_htl_hash(digits), "fffffffffffffffdfffffffffffffffd") << digits;
}

}  // namespace
}  // namespace splitprof
