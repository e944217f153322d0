// SPDX-License-Identifier: Apache-2.0
//
// Real sessions, recorded once, end in the same stacks for ever: tests/golden/captures. What the program understands
// better than the one that recorded changes them; the diff is the review.
#include <unistd.h>

#include "processor/export/folded.h"
#include "processor/export/names.h"
#include "tests/captures/replay_capture.h"
#include "tests/golden.h"

namespace splitprof {
namespace {

std::string folded_of(OpenedFile& capture, Metrics& metrics) {
  std::string folded;
  replay_capture(capture, metrics, [&](const Profile& profile, const Symbolizer& symbolizer) {
    FILE* const file = tmpfile();
    EXPECT_TRUE(write_folded(profile, Names(profile, symbolizer), fileno(file)));
    folded.resize(static_cast<size_t>(lseek(fileno(file), 0, SEEK_END)));
    EXPECT_EQ(pread(fileno(file), folded.data(), folded.size(), 0), static_cast<ssize_t>(folded.size()));
    std::fclose(file);
  });
  return folded;
}

class Captures : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(Captures, ReplayToTheirGoldenStacks) {
  auto capture = open_capture_file(GetParam());
  EXPECT_FALSE(capture.index.damage) << capture.index.damage->message;
  Metrics metrics;
  const auto folded = folded_of(capture, metrics);
  EXPECT_GT(metrics.samples_aggregated, 50u);
  EXPECT_EQ(metrics.samples_consumed, samples_accounted(metrics));
  test::expect_golden("captures/" + GetParam().stem().string() + ".folded", folded);
}

TEST_P(Captures, ReplayTheSameEveryTime) {
  std::string first;
  for (int i = 0; i < 3; ++i) {
    auto capture = open_capture_file(GetParam());
    Metrics metrics;
    const auto folded = folded_of(capture, metrics);
    if (i == 0) first = folded;
    EXPECT_EQ(folded, first);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Captures, testing::ValuesIn(all_captures()), [](const auto& one) {
  std::string name = one.param.stem().string();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace splitprof
