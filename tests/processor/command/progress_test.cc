// SPDX-License-Identifier: Apache-2.0
#include "processor/command/progress.h"

#include <gtest/gtest.h>

namespace splitprof {
namespace {

TEST(ProgressReader, TakesMessagesThatArriveInPieces) {
  ProgressReader reader;
  reader.feed("{\"samples\": 12, \"tra");
  EXPECT_FALSE(reader.has_message());
  reader.feed("ces\": 3, \"processes\": 2, \"lost\": 1}\n{\"samples\"");
  EXPECT_TRUE(reader.has_message());
  EXPECT_EQ(reader.last().samples, 12u);
  EXPECT_EQ(reader.last().traces, 3u);
  EXPECT_EQ(reader.last().processes, 2u);
  EXPECT_EQ(reader.last().lost, 1u);
}

TEST(ProgressReader, SurvivesWhatIsNoMessage) {
  ProgressReader reader;
  reader.feed("\n[]\nnull\n{\"samples\":}\n\xff\xfe\n");
  EXPECT_FALSE(reader.has_message());
  reader.feed(std::string(1 << 20, '['));
  reader.feed("\n{\"samples\": \"12\", \"lost\": -4, \"traces\": 1.5}\n");
  EXPECT_TRUE(reader.has_message());
  EXPECT_EQ(reader.last().samples, 0u);
  EXPECT_EQ(reader.last().lost, 0u);
}

}  // namespace
}  // namespace splitprof
