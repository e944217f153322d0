// SPDX-License-Identifier: Apache-2.0
#include "processor/runtimes/x86_values.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <random>

namespace splitprof {
namespace {

using Base = X86Value::Base;
constexpr ElfAddress kStart(0x1000);

struct Code {
  Code(std::initializer_list<int> values) {
    for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  }
  std::optional<X86Outcome> follow(const X86Question& question) const {
    return follow_x86(X86Code(bytes, kStart), question);
  }
  std::vector<std::byte> bytes;
};

TEST(X86Values, AnArgumentLoadedFromTheFileIsFollowedIntoAJump) {
  const Code code{0x48, 0x83, 0x3d, 0, 1, 0, 0, 0,  // cmpq $0x0,0x100(%rip)
                  0x74, 0x0b,                       // je past the jump
                  0x8b, 0x3d, 0x10, 0, 0, 0,        // mov 0x10(%rip),%edi
                  0xe9, 0x00, 0x10, 0, 0,           // jmp out
                  0x31, 0xc0, 0xc3};                // xor %eax,%eax; ret
  const auto outcome = code.follow({.left_wanted = true});
  ASSERT_TRUE(outcome);
  ASSERT_EQ(outcome->value.base, Base::load);
  const X86Load& load = outcome->loads[outcome->value.load];
  EXPECT_EQ(load.bytes, 4);
  EXPECT_TRUE(load.address.is_file_address());
  EXPECT_EQ(load.address.offset, 0x1020);
}

TEST(X86Values, BothWaysOfABranchAreFollowed) {
  const Code code{0x74, 0x03,               // je +3
                  0x31, 0xc0, 0xc3,         // xor %eax,%eax; ret
                  0xbf, 0x00, 0x20, 0, 0,   // mov $0x2000,%edi
                  0xe9, 0x00, 0x10, 0, 0};  // jmp out
  const auto outcome = code.follow({.left_wanted = true});
  ASSERT_TRUE(outcome);
  EXPECT_TRUE(outcome->value.is_file_address());
  EXPECT_EQ(outcome->value.offset, 0x2000);
}

TEST(X86Values, AnAddressFromTheGotAndADistanceStayApart) {
  const Code code{0x48, 0x8b, 0x05, 0x09, 0x01, 0, 0,  // mov 0x109(%rip),%rax
                  0x48, 0x8d, 0xb8, 0xe0, 0x05, 0, 0,  // lea 0x5e0(%rax),%rdi
                  0xe9, 0x00, 0x10, 0,    0};          // jmp out
  const auto outcome = code.follow({.left_wanted = true});
  ASSERT_TRUE(outcome);
  ASSERT_EQ(outcome->value.base, Base::load);
  EXPECT_EQ(outcome->value.offset, 0x5e0);
  EXPECT_EQ(outcome->loads[outcome->value.load].address.offset, 0x1110);
}

TEST(X86Values, AChangedRegisterIsNotKnownAnyMore) {
  const Code code{0xbf, 0x00, 0x20, 0,    0,   // mov $0x2000,%edi
                  0x48, 0xc1, 0xe7, 0x04,      // shl $4,%rdi
                  0xe9, 0x00, 0x10, 0,    0};  // jmp out
  EXPECT_FALSE(code.follow({.left_wanted = true}));
}

TEST(X86Values, AThreadsOwnVariableIsCountedFromTheThreadPointer) {
  const Code code{0xf3, 0x0f, 0x1e, 0xfa,                                       // endbr64
                  0x64, 0x48, 0x8b, 0x04, 0x25, 0xe8, 0xff, 0xff, 0xff, 0xc3};  // mov %fs:-0x18,%rax; ret
  const auto outcome = code.follow({});
  ASSERT_TRUE(outcome);
  ASSERT_EQ(outcome->value.base, Base::load);
  EXPECT_EQ(outcome->loads[0].address.base, Base::thread);
  EXPECT_EQ(outcome->loads[0].address.offset, -0x18);
}

TEST(X86Values, TheThreadPointerIsReadFromItsOwnBlock) {
  const Code code{0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0,  // mov %fs:0,%rax
                  0x48, 0x8b, 0x40, 0xf8, 0xc3};             // mov -8(%rax),%rax; ret
  const auto outcome = code.follow({});
  ASSERT_TRUE(outcome);
  const X86Load& load = outcome->loads[outcome->value.load];
  EXPECT_EQ(load.address.base, Base::thread);
  EXPECT_EQ(load.address.offset, -8);
}

TEST(X86Values, ACodeThatGoesInCirclesEnds) {
  const Code code{0xeb, 0xfe};  // jmp to itself
  EXPECT_FALSE(code.follow({}));
  const Code branches{0x74, 0xfe, 0x75, 0xfc, 0xeb, 0xfa};
  EXPECT_FALSE(branches.follow({.left_wanted = true}));
}

TEST(X86Values, ChanceBytesDoNoHarm) {
  std::mt19937 random(1);
  for (int i = 0; i < 20'000; ++i) {
    std::vector<std::byte> bytes(random() % 64);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    const X86Code code(bytes, kStart);
    for (const bool through_calls : {false, true}) {
      for (const bool left : {false, true}) {
        const auto outcome = follow_x86(code, {.through_calls = through_calls, .left_wanted = left});
        if (outcome && outcome->value.base == Base::load) {
          ASSERT_LT(outcome->value.load, outcome->loads.size());
        }
      }
    }
    loads_of_x86(code);
  }
}

}  // namespace
}  // namespace splitprof
