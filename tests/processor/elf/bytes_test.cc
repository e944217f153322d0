// SPDX-License-Identifier: Apache-2.0
#include "processor/elf/bytes.h"

#include <gtest/gtest.h>

#include <array>
#include <random>

#include "tests/processor/elf/elf_builder.h"

namespace splitprof {
namespace {

using testing::bytes_of;
using testing::ByteVector;

TEST(Bytes, ReadsNumbersInOrder) {
  const auto memory = bytes_of({0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07});
  Bytes in(memory);
  EXPECT_EQ(*in.read<uint8_t>(), 0x01);
  EXPECT_EQ(*in.read<uint16_t>(), 0x0302);
  EXPECT_EQ(*in.read<uint32_t>(), 0x07060504u);
  EXPECT_TRUE(in.at_end());
}

TEST(Bytes, RefusesToReadPastTheEnd) {
  const auto memory = bytes_of({1, 2, 3});
  Bytes in(memory);
  const auto value = in.read<uint32_t>();
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().code, Errc::truncated);
  EXPECT_EQ(in.position(), 0u) << "a failed read moves nothing";
  EXPECT_FALSE(in.skip(4));
  EXPECT_FALSE(in.take(UINT64_MAX));
  EXPECT_FALSE(in.sub(UINT64_MAX, 2));
  EXPECT_FALSE(in.sub(2, UINT64_MAX));
  EXPECT_FALSE(in.sub(3, 1));
  EXPECT_TRUE(in.sub(3, 0));
}

TEST(Bytes, ReadsDwarfNumbersOfTheStandard) {
  // DWARF 5, section 7.6, tables 7.7 and 7.8.
  const auto unsigned_memory = bytes_of({2, 127, 0x80, 1, 0x81, 1, 0x82, 1, 0xb9, 0x64});
  Bytes in(unsigned_memory);
  for (const uint64_t expected : {2, 127, 128, 129, 130, 12857}) EXPECT_EQ(*in.uleb128(), expected);
  const auto signed_memory = bytes_of({2, 0x7e, 0xff, 0, 0x81, 0x7f, 0x80, 1, 0x80, 0x7f, 0x81, 1, 0xff, 0x7e});
  in = Bytes(signed_memory);
  for (const int64_t expected : {2, -2, 127, -127, 128, -128, 129, -129}) EXPECT_EQ(*in.sleb128(), expected);
}

ByteVector uleb128(uint64_t value) {
  ByteVector bytes;
  for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<std::byte>(value | 0x80));
  bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

ByteVector sleb128(int64_t value) {
  ByteVector bytes;
  for (; value < -64 || value > 63; value >>= 7) bytes.push_back(static_cast<std::byte>(value | 0x80));
  bytes.push_back(static_cast<std::byte>(value & 0x7f));
  return bytes;
}

TEST(Bytes, ReadsBackEveryDwarfNumber) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20000; ++i) {
    const uint64_t value = i == 0 ? UINT64_MAX : random() >> (random() % 64);
    const int64_t number = i == 0 ? INT64_MIN : i == 1 ? INT64_MAX : static_cast<int64_t>(random()) >> (random() % 64);
    const auto a = uleb128(value);
    const auto b = sleb128(number);
    Bytes in_a(a), in_b(b);
    ASSERT_EQ(*in_a.uleb128(), value);
    ASSERT_TRUE(in_a.at_end());
    ASSERT_EQ(*in_b.sleb128(), number);
    ASSERT_TRUE(in_b.at_end());
  }
}

TEST(Bytes, RefusesNumbersThatDoNotFit) {
  const auto large = bytes_of({0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02});
  const auto padded = bytes_of({0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00});
  const auto endless = bytes_of({0x80, 0x80, 0x80});
  Bytes in(large);
  EXPECT_EQ(in.uleb128().error().code, Errc::malformed);
  EXPECT_EQ(in.sleb128().error().code, Errc::malformed);
  EXPECT_EQ(in.position(), 0u);
  in = Bytes(padded);
  EXPECT_EQ(*in.uleb128(), 1u) << "padding is allowed";
  in = Bytes(padded);
  EXPECT_EQ(*in.sleb128(), 1);
  in = Bytes(endless);
  EXPECT_EQ(in.uleb128().error().code, Errc::truncated);
  EXPECT_EQ(in.sleb128().error().code, Errc::truncated);
}

TEST(Bytes, ReadsTextUpToItsEnd) {
  const auto memory = bytes_of(std::string_view("ab\0\0c", 5));
  Bytes in(memory);
  EXPECT_EQ(*in.c_string(), "ab");
  EXPECT_EQ(*in.c_string(), "");
  EXPECT_EQ(in.c_string().error().code, Errc::truncated);
  EXPECT_EQ(in.remaining(), 1u);
}

TEST(Bytes, TakenBytesCannotSeeTheirNeighbours) {
  const auto memory = bytes_of({2, 10, 11, 12});
  Bytes in(memory);
  Bytes block = *in.take_block();
  EXPECT_EQ(*block.read<uint16_t>(), 0x0b0a);
  EXPECT_FALSE(block.read<uint8_t>());
  EXPECT_EQ(*in.read<uint8_t>(), 12);
}

}  // namespace
}  // namespace splitprof
