// SPDX-License-Identifier: Apache-2.0
#include "processor/telemetry/balance.h"

#include <gtest/gtest.h>

namespace splitprof {
namespace {

TEST(Balance, EverySampleHasAPlace) {
  const CountersByName sampler{{"samples_taken", 1000}, {"ring_lost", 1},  {"no_client", 2}, {"shared_ring_full", 3},
                               {"published", 994},      {"consumed", 990}, {"abandoned", 4}, {"walk_ns", 999'999}};
  Metrics processor;
  processor.samples_consumed = 985;
  processor.samples_malformed = 6;
  processor.samples_filtered = 7;
  processor.samples_too_young = 14;
  processor.samples_aggregated = 958;
  processor.moments_dropped = 15;
  ExporterMetrics exporter;
  exporter.samples_received = 935 + 50;
  exporter.samples_left_before = 20;
  exporter.samples_without_document = 9;
  exporter.samples_refused = 10;
  exporter.samples_given_up = 11;
  exporter.samples_backlog_dropped = 12;
  exporter.samples_backlog_damaged = 13;
  exporter.samples_waiting = 14;
  exporter.samples_delivered = 935 + 50 + 20 - 9 - 10 - 11 - 12 - 13 - 14;
  const auto result = balance({.exporter = "elasticsearch/eu",
                               .sampler = sampler,
                               .processor = processor,
                               .handed_on = 935,
                               .not_taken = 8,
                               .metrics = exporter});
  EXPECT_EQ(result.unaccounted, 0);
  EXPECT_EQ(result.line,
            "samples to elasticsearch/eu: taken 1000 + of other receivers 50 + left by an earlier process 20 = "
            "delivered 936 + waiting on disk 14 + dropped 120 (BPF ring full 1, no processor connected 2, shared ring "
            "full 3, not read from the ring 4, read by other processes 5, malformed 6, of processes not asked for 7, "
            "of processes too young 14, without a time of their own 15, "
            "pipelines did not keep up 8, without a document 9, refused 10, given up 11, backlog full or too old 12, "
            "backlog damaged 13)");
}

TEST(Balance, WhatIsZeroIsLeftOut) {
  Metrics processor;
  processor.samples_consumed = processor.samples_aggregated = 5;
  ExporterMetrics exporter;
  exporter.samples_received = exporter.samples_delivered = 5;
  const CountersByName sampler{{"samples_taken", 5}, {"published", 5}, {"consumed", 5}};
  const auto result =
      balance({.exporter = "debug", .sampler = sampler, .processor = processor, .handed_on = 5, .metrics = exporter});
  EXPECT_EQ(result.line, "samples to debug: taken 5 = delivered 5");
  EXPECT_EQ(balance({.exporter = "x", .sampler = {}, .processor = {}, .metrics = {}}).line,
            "samples to x: taken 0 = delivered 0");
}

// A counter that is forgotten somewhere does not stay hidden.
TEST(Balance, WhatIsMissingIsSaid) {
  Metrics processor;
  ExporterMetrics exporter;
  exporter.samples_delivered = 3;
  EXPECT_EQ(
      balance({.exporter = "x", .sampler = {{"samples_taken", 5}}, .processor = processor, .metrics = exporter}).line,
      "samples to x: taken 5 = delivered 3 + not accounted for 2");
  exporter.samples_delivered = 6;
  const auto result =
      balance({.exporter = "x", .sampler = {{"samples_taken", 5}}, .processor = processor, .metrics = exporter});
  EXPECT_EQ(result.line, "samples to x: taken 5 = delivered 6 + not accounted for -1");
  EXPECT_EQ(result.unaccounted, -1);
}

}  // namespace
}  // namespace splitprof
