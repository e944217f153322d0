// SPDX-License-Identifier: Apache-2.0
//
// Profiles from any bytes, and what the sums and gauges of them are, said again in the plainest way: no caches, no
// numbers for texts, one sample after another. For tests and the fuzzer.
#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "processor/metrics/frame_type.h"
#include "processor/metrics/go_package.h"
#include "processor/metrics/jvm_class.h"
#include "processor/metrics/kernel_class.h"
#include "processor/metrics/shlib_name.h"
#include "processor/otel/profiles.h"
#include "tests/fuzz/bytes_of_fuzzer.h"
#include "tests/processor/metrics/build_profiles.h"

namespace splitprof::test {

// Indices reach a little past both ends of every table.
inline otel::Profiles random_profiles(BytesOfFuzzer& bytes) {
  otel::Profiles out;
  auto& in = out.dictionary;
  const auto index = [&] { return static_cast<int32_t>(bytes.take<uint8_t>() % 34) - 1; };
  const auto count = [&](unsigned most) { return bytes.take<uint8_t>() % (most + 1); };
  for (const char* text : {"", "samples", "count", "profile.frame.type", "kernel", "native", "go", "jvm", "luajit",
                           "tcp_v4_rcv", "ksys_write", "__x64_sys_futex", "schedule", "vfs_read", "/lib/libc.so.6",
                           "/usr/bin/x", "net/http.(*conn).serve", "void a.B.c(int)", "off_cpu"})
    in.strings.add(text);
  for (unsigned n = count(3); n > 0; --n) {
    const auto text = bytes.take_bytes(count(8));
    in.strings.add({reinterpret_cast<const char*>(text.data()), text.size()});
  }
  const int32_t strings = static_cast<int32_t>(in.strings.size());
  for (int32_t type = 4; type < 9; ++type) in.attributes.push_back({3, otel::Value{std::string(in.strings[type])}, 0});
  for (unsigned n = count(3); n > 0; --n) {
    otel::Value value;
    if (bytes.take<uint8_t>() % 2) value.v = int64_t{1};
    in.attributes.push_back({index() % (strings + 1), value, 0});
  }
  for (unsigned n = count(3); n > 0; --n) in.mappings.push_back({.filename = index()});
  for (unsigned n = count(12); n > 0; --n) {
    otel::Function function;
    function.name = index();
    in.functions.push_back(function);
  }
  const auto indices = [&](unsigned most, int32_t highest) {
    otel::Range range{static_cast<uint32_t>(in.indices.size()), count(most)};
    for (uint32_t i = 0; i < range.count; ++i) in.indices.push_back(std::min(index(), highest));
    return range;
  };
  for (unsigned n = count(20); n > 0; --n) {
    otel::Location location;
    location.mapping = index() % 5;
    location.attributes = indices(2, static_cast<int32_t>(in.attributes.size()));
    location.lines = {static_cast<uint32_t>(in.lines.size()), count(2)};
    for (uint32_t i = 0; i < location.lines.count; ++i) in.lines.push_back({.function = index() % 14});
    in.locations.push_back(location);
  }
  for (unsigned n = count(12); n > 0; --n) in.stacks.push_back({indices(6, static_cast<int32_t>(in.locations.size()))});
  for (unsigned n = count(3); n > 0; --n) {
    auto& resource = out.resources.emplace_back();
    if (bytes.take<uint8_t>() % 2)
      resource.resource.attributes.push_back({"process.pid", otel::Value{int64_t{bytes.take<uint8_t>() % 2}}});
    for (unsigned scopes = count(2); scopes > 0; --scopes) {
      auto& scope = resource.scopes.emplace_back();
      for (unsigned profiles = count(2); profiles > 0; --profiles) {
        auto& profile = scope.profiles.emplace_back();
        const bool samples = bytes.take<uint8_t>() % 4 != 0;
        profile.sample_type = samples ? otel::ValueType{1, 2} : otel::ValueType{index(), index()};
        profile.time_ns = bytes.take<uint8_t>();
        for (unsigned i = count(12); i > 0; --i) {
          otel::Sample sample;
          sample.stack = index() % 14;
          sample.timestamps = {static_cast<uint32_t>(profile.timestamps_ns.size()), count(3)};
          profile.timestamps_ns.insert(profile.timestamps_ns.end(), sample.timestamps.count, 1);
          profile.samples.push_back(sample);
        }
      }
    }
  }
  return out;
}

// Sum of all values by metric and attributes, as point_text() has them but for the value.
using Totals = std::map<std::string, int64_t>;

class PlainMetrics {
 public:
  explicit PlainMetrics(const otel::Profiles& profiles) : in_(profiles.dictionary) {
    for (const auto& resource : profiles.resources)
      for (const auto& scope : resource.scopes)
        for (const auto& profile : scope.profiles) add(profile);
  }
  Totals totals;

 private:
  void add(const otel::Profile& profile) {
    const std::string type(in_.strings[profile.sample_type.type]), unit(in_.strings[profile.sample_type.unit]);
    for (const auto& sample : profile.samples) {
      if (type == "samples" && unit == "count") add_sums(sample);
      if (sample.stack != 0)
        for (const int32_t location : in_.locations_of(sample.stack)) add_gauges(location, type + "_" + unit);
    }
  }

  std::optional<metrics::FrameType> type_of(int32_t number) const {
    const auto* location = in_.location(number);
    if (location == nullptr) return std::nullopt;
    for (const int32_t attribute_number : in_.attributes_of(*location)) {
      const auto* attribute = in_.attribute(attribute_number);
      if (attribute == nullptr || !in_.strings.has(attribute->key)) return std::nullopt;
      if (in_.strings[attribute->key] == "profile.frame.type")
        return metrics::frame_type_of(otel::text_of(attribute->value));
    }
    return std::nullopt;
  }

  std::string_view name_of(const otel::Line& line) const {
    const auto* function = in_.function(line.function);
    return function == nullptr ? std::string_view() : in_.strings[function->name];
  }

  void add_sums(const otel::Sample& sample) {
    const int64_t weight = std::max(sample.timestamps.count, 1u);
    bool kernel = false;
    int best = metrics::kWeakestKernelRank + 1;
    std::string syscall;
    for (const int32_t number : in_.locations_of(sample.stack)) {
      const auto type = type_of(number);
      if (!type) break;
      if (*type != metrics::FrameType::kernel) {
        if (!kernel) add_user(*type, *in_.location(number), weight);
        break;
      }
      kernel = true;
      std::string_view name;
      for (const auto& line : in_.lines_of(*in_.location(number)))
        if (name.empty()) name = name_of(line);
      if (const int rank = metrics::kernel_rank(name); rank != 0) best = std::min(best, rank);
      syscall = metrics::syscall_name(name);
      if (!syscall.empty()) break;
    }
    if (!kernel) return;
    if (syscall == "write" && best == 1) best = 2;
    const auto& kind = metrics::kernel_class(static_cast<metrics::KernelRank>(best > 12 ? 0 : best));
    std::vector<std::string> attributes;
    if (!syscall.empty()) attributes.push_back("syscall_name=" + syscall);
    if (!kind.area.empty()) attributes.push_back("kernel_area=" + std::string(kind.area));
    if (!kind.proto.empty()) attributes.push_back("kernel_proto=" + std::string(kind.proto));
    if (!kind.io.empty()) attributes.push_back("kernel_io=" + std::string(kind.io));
    count("kernel", attributes, weight);
  }

  void add_user(metrics::FrameType type, const otel::Location& location, int64_t weight) {
    count("user", {}, weight);
    std::vector<std::string> attributes;
    if (const auto* mapping = in_.mapping(location.mapping); type == metrics::FrameType::native && mapping != nullptr)
      if (const auto name = metrics::shlib_name(in_.strings[mapping->filename]); !name.empty())
        attributes.push_back("shlib_name=" + std::string(name));
    count(short_name(metrics::text_of(metrics::metric_of(type)).name), attributes, weight);
  }

  void add_gauges(int32_t number, const std::string& type_unit) {
    const auto* location = in_.location(number);
    if (location == nullptr) return;
    std::optional<std::string> type;
    for (const int32_t attribute_number : in_.attributes_of(*location)) {
      const auto* attribute = in_.attribute(attribute_number);
      if (attribute == nullptr || in_.strings[attribute->key] != "profile.frame.type") continue;
      type = otel::text_of(attribute->value);
      break;
    }
    const auto unit = "profile.type_unit=" + type_unit;
    if (type) count("frame_type", {"frame_type=" + *type, unit}, 1);
    for (const auto& line : in_.lines_of(*location)) {
      if (in_.function(line.function) == nullptr) continue;
      const std::string name(name_of(line));
      if (type == "go")
        count("classification", {"classification=go", "frame_type=" + std::string(metrics::go_package(name)), unit}, 1);
      if (type == "jvm")
        count("classification", {"classification=jvm", "frame_type=" + metrics::jvm_class(name), unit}, 1);
      if (name.find("a") != std::string::npos) count("custom_aggregation", {"frame_type=with a", unit}, 1);
      if (name.empty()) count("custom_aggregation", {"frame_type=empty", unit}, 1);
    }
  }

  void count(const std::string& metric, const std::vector<std::string>& attributes, int64_t value) {
    std::string text = metric;
    for (const auto& attribute : attributes) text += (&attribute == &attributes.front() ? "{" : ", ") + attribute;
    if (!attributes.empty()) text += "}";
    totals[text] += value;
  }

  const otel::Dictionary& in_;
};

// What the rules of PlainMetrics are, with every metric on and nothing averaged.
inline ProfilingMetricsOptions options_of_plain_metrics(int64_t flush_interval_ns) {
  ProfilingMetricsOptions options;
  options.name = "profilingmetrics";
  options.flush_interval_ns = flush_interval_ns;
  options.enabled.fill(true);
  options.aggregations = {{"a", "with a"}, {"^$", "empty"}};
  for (auto* gauge : {&options.classification_gauge, &options.custom_aggregation_gauge, &options.frame_type_gauge})
    gauge->strategy = ProfilingMetricsOptions::Strategy::sum;
  return options;
}

inline Totals totals_of(const std::vector<otel::Metrics>& batches) {
  Totals totals;
  for (const auto& batch : batches)
    for (const auto& resource : batch.resources)
      for (const auto& scope : resource.scopes)
        for (const auto& metric : scope.metrics)
          for (const auto& point : metric.points) {
            const auto text = point_text(metric, point);
            totals[text.substr(0, text.rfind(' '))] += point.value;
          }
  return totals;
}

}  // namespace splitprof::test
