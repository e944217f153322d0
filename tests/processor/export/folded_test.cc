// SPDX-License-Identifier: Apache-2.0
#include "processor/export/folded.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <sstream>

#include "sample_profile.h"
#include "tests/golden.h"

namespace splitprof {
namespace {

std::string folded(const test::Sampled& sampled) {
  const Names names(sampled.profile, sampled.symbolizer);
  return test::written([&](int fd) { return write_folded(sampled.profile, names, fd); });
}

TEST(Folded, IsAsItWas) {
  test::expect_golden("export/small.folded", folded(*test::small_profile()));
}

TEST(Folded, EveryLineIsProcessStackAndCountAndNoSampleIsMissing) {
  const auto sampled = test::large_profile(500);
  std::istringstream lines(folded(*sampled));
  uint64_t samples = 0;
  std::string line, previous;
  while (std::getline(lines, line)) {
    const auto space = line.rfind(' ');
    ASSERT_NE(space, line.npos);
    samples += std::stoull(line.substr(space + 1));
    EXPECT_NE(line.find(';'), line.npos);
    EXPECT_NE(line.substr(0, space), previous);  // equal stacks are one line
    previous = line.substr(0, space);
  }
  EXPECT_EQ(samples, sampled->profile.samples());
}

TEST(Folded, DoesNotDependOnTheOrderOfSamples) {
  const auto frame = [](uint64_t address) { return Frame{.kind = Frame::Kind::kernel, .address = address}; };
  test::Sampled one, other;
  for (uint64_t i = 0; i < 40; ++i) {
    for (test::Sampled* sampled : {&one, &other}) {
      sampled->symbolizer.set_module(Frame::Kind::kernel, 0, {"[kernel]", ""});
      const auto at = sampled == &one ? i : 39 - i;
      sampled->profile.add(sampled->profile.intern_resource({.pid = static_cast<uint32_t>(at % 3)}),
                           std::vector{frame(at % 7), frame(at % 5)}, 0, 1, 1);
    }
  }
  EXPECT_EQ(folded(one), folded(other));
}

TEST(Folded, AFullDiskIsAnError) {
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  const auto sampled = test::small_profile();
  const auto result = write_folded(sampled->profile, Names(sampled->profile, sampled->symbolizer), full);
  close(full);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, Errc::io);
}

}  // namespace
}  // namespace splitprof
