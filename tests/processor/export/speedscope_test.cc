// SPDX-License-Identifier: Apache-2.0
#include "processor/export/speedscope.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "sample_profile.h"
#include "tests/golden.h"

namespace splitprof {
namespace {

std::string speedscope(const test::Sampled& sampled) {
  const Names names(sampled.profile, sampled.symbolizer);
  return test::written([&](int fd) { return write_speedscope(sampled.profile, names, sampled.summary, fd); });
}

TEST(Speedscope, IsAsItWas) {
  test::expect_golden("export/small.speedscope.json", speedscope(*test::small_profile()));
}

TEST(Speedscope, LosesNoSampleAndPutsTheBusiestProcessFirst) {
  const auto sampled = test::large_profile(500);
  const auto json = nlohmann::json::parse(speedscope(*sampled));
  const auto& frames = json.at("shared").at("frames");
  const uint64_t period_ns = 1'000'000'000 / sampled->summary.hz;
  uint64_t total = 0, previous = UINT64_MAX;
  for (const auto& profile : json.at("profiles")) {
    uint64_t weight = 0;
    ASSERT_EQ(profile.at("samples").size(), profile.at("weights").size());
    for (const auto& one : profile.at("weights")) weight += one.get<uint64_t>();
    for (const auto& stack : profile.at("samples"))
      for (const auto& frame : stack) ASSERT_LT(frame.get<size_t>(), frames.size());
    EXPECT_EQ(profile.at("endValue"), weight);
    EXPECT_LE(weight, previous);
    previous = weight;
    total += weight;
  }
  EXPECT_EQ(total, sampled->profile.samples() * period_ns);
}

TEST(Speedscope, AFullDiskIsAnError) {
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  const auto sampled = test::small_profile();
  const auto result =
      write_speedscope(sampled->profile, Names(sampled->profile, sampled->symbolizer), sampled->summary, full);
  close(full);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, Errc::io);
}

}  // namespace
}  // namespace splitprof
