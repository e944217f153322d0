// SPDX-License-Identifier: Apache-2.0
#include "sampler/opener/open_target.h"

#include <gtest/gtest.h>

#include <string>

namespace splitprof {
namespace {

constexpr char kStat[] =
    "1234 (a.out) S 1 1234 1234 0 -1 4194560 120 0 0 0 0 0 0 0 20 0 1 0 987654 2240512 130 18446744073709551615 1 1";

TEST(StartTicks, IsField22) {
  EXPECT_EQ(parse_start_ticks(kStat), 987654u);
}

TEST(StartTicks, TheNameOfACommandCannotShiftTheFields) {
  std::string stat = kStat;
  stat.replace(stat.find("a.out"), 5, ") S 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 42 (");
  EXPECT_EQ(parse_start_ticks(stat), 987654u);
}

TEST(StartTicks, RefusesWhatIsCutOff) {
  const std::string stat = kStat;
  const size_t end = stat.find("987654") + 7;  // the number and the blank after it
  for (size_t length = 0; length < end; ++length) EXPECT_FALSE(parse_start_ticks(stat.substr(0, length))) << length;
  EXPECT_TRUE(parse_start_ticks(stat.substr(0, end)));
}

TEST(StatusNumber, PicksTheColumn) {
  const std::string status = "Name:\tx\nUid:\t1\t2\t3\t4\nNSpid:\t900\t7\n";
  EXPECT_EQ(parse_status_number(status, "Uid", 1), 2u);
  EXPECT_EQ(parse_status_number(status, "NSpid", 1), 7u);
  EXPECT_FALSE(parse_status_number(status, "NSpid", 2));
  EXPECT_FALSE(parse_status_number(status, "Gid", 0));
}

TEST(StatusNumber, ANameCannotFeignALine) {
  // The kernel writes a newline in a name as \n, two characters.
  EXPECT_EQ(parse_status_number("Name:\ta\\nUid:\t0\t0\nUid:\t5\t5\t5\t5\n", "Uid", 0), 5u);
}

}  // namespace
}  // namespace splitprof
