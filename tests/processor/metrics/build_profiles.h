// SPDX-License-Identifier: Apache-2.0
//
// Profiles from a few words, and metrics as a few words, for tests. A stack is text, leaf first, parted by ", ": `k:f`
// is the kernel function f, `n:FILE` native code of a file, `TYPE` a frame of that type, `TYPE=f;g` one whose lines are
// the functions f and g, `-` one without a type. A list of metrics is a line a point: `kernel{kernel_area=disk} 3`.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "processor/otel/metrics.h"
#include "processor/otel/profiles.h"

namespace splitprof::test {

inline std::vector<std::string> split(std::string_view text, std::string_view by) {
  std::vector<std::string> parts;
  while (true) {
    const size_t end = text.find(by);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + by.size());
  }
}

class ProfilesBuilder {
 public:
  // Entries 0 are empty, as the protocol asks.
  ProfilesBuilder() {
    string("");
    out.dictionary.attributes.emplace_back();
    out.dictionary.mappings.emplace_back();
    out.dictionary.functions.emplace_back();
    out.dictionary.locations.emplace_back();
    out.dictionary.stacks.emplace_back();
  }

  otel::Profiles out;

  int32_t string(std::string_view text) {
    const auto [entry, added] = strings_.try_emplace(std::string(text), 0);
    if (added) entry->second = out.dictionary.strings.add(text);
    return entry->second;
  }
  int32_t frame_type(std::string_view type) {
    return add(out.dictionary.attributes,
               otel::Attribute{string(otel::key::kFrameType), otel::Value{std::string(type)}, 0});
  }
  int32_t function(std::string_view name) {
    otel::Function function;
    function.name = string(name);
    return add(out.dictionary.functions, function);
  }
  int32_t location(std::string_view text) {
    otel::Location location;
    std::string type(text), lines;
    if (text.starts_with("k:")) {
      type = "kernel";
      lines = text.substr(2);
    } else if (text.starts_with("n:")) {
      type = "native";
      otel::Mapping mapping;
      mapping.filename = string(text.substr(2));
      location.mapping = add(out.dictionary.mappings, mapping);
    } else if (const size_t equals = text.find('='); equals != std::string_view::npos) {
      type = text.substr(0, equals);
      lines = text.substr(equals + 1);
    }
    auto& dictionary = out.dictionary;
    if (type != "-") {
      location.attributes = {static_cast<uint32_t>(dictionary.indices.size()), 1};
      const int32_t attribute = frame_type(type);
      dictionary.indices.push_back(attribute);
    }
    location.lines.begin = static_cast<uint32_t>(dictionary.lines.size());
    if (type != std::string(text) || !lines.empty())
      for (const auto& name : split(lines, ";")) {
        dictionary.lines.push_back({.function = function(name)});
        ++location.lines.count;
      }
    return add(dictionary.locations, location);
  }
  int32_t stack(std::string_view text) {
    std::vector<int32_t> locations;
    if (!text.empty())
      for (const auto& frame : split(text, ", ")) locations.push_back(location(frame));
    return stack_of(locations);
  }
  int32_t stack_of(const std::vector<int32_t>& locations) {
    auto& dictionary = out.dictionary;
    otel::Stack stack;
    stack.locations = {static_cast<uint32_t>(dictionary.indices.size()), static_cast<uint32_t>(locations.size())};
    dictionary.indices.insert(dictionary.indices.end(), locations.begin(), locations.end());
    return add(dictionary.stacks, stack);
  }

  otel::ResourceProfiles& resource(otel::Attributes attributes = {}) {
    auto& resource = out.resources.emplace_back();
    resource.resource.attributes = std::move(attributes);
    resource.scopes.emplace_back();
    return resource;
  }
  // Of the last resource.
  otel::Profile& profile(uint64_t time_ns = 0, std::string_view type = "samples", std::string_view unit = "count") {
    if (out.resources.empty()) resource();
    auto& profile = out.resources.back().scopes.back().profiles.emplace_back();
    profile.sample_type = {string(type), string(unit)};
    profile.time_ns = time_ns;
    return profile;
  }
  // Of the last profile.
  otel::Sample& sample(int32_t stack, uint32_t timestamps = 1) {
    auto& profile = out.resources.back().scopes.back().profiles.back();
    otel::Sample sample;
    sample.stack = stack;
    sample.timestamps = {static_cast<uint32_t>(profile.timestamps_ns.size()), timestamps};
    profile.timestamps_ns.insert(profile.timestamps_ns.end(), timestamps, 1);
    profile.samples.push_back(sample);
    return profile.samples.back();
  }
  otel::Sample& sample(std::string_view text, uint32_t timestamps = 1) { return sample(stack(text), timestamps); }

 private:
  template <typename T>
  static int32_t add(std::vector<T>& table, const T& entry) {
    table.push_back(entry);
    return static_cast<int32_t>(table.size() - 1);
  }

  std::map<std::string, int32_t> strings_;
};

inline std::string short_name(std::string_view metric) {
  if (metric.starts_with("samples.")) metric.remove_prefix(8);
  if (metric.ends_with(".count")) metric.remove_suffix(6);
  return std::string(metric);
}

inline std::string point_text(const otel::Metric& metric, const otel::NumberPoint& point) {
  std::string text = short_name(metric.name);
  if (!point.attributes.empty()) {
    text += "{";
    for (const auto& attribute : point.attributes) {
      if (text.back() != '{') text += ", ";
      text += attribute.key + "=" + std::string(otel::text_of(attribute.value));
    }
    text += "}";
  }
  return text + " " + std::to_string(point.value);
}

// Sorted: the order of points is no promise.
inline std::vector<std::string> points_of(const otel::ResourceMetrics& resource) {
  std::vector<std::string> lines;
  for (const auto& scope : resource.scopes)
    for (const auto& metric : scope.metrics)
      for (const auto& point : metric.points) lines.push_back(point_text(metric, point));
  std::sort(lines.begin(), lines.end());
  return lines;
}
inline std::vector<std::string> points_of(const otel::Metrics& metrics) {
  std::vector<std::string> lines;
  for (const auto& resource : metrics.resources) {
    const auto more = points_of(resource);
    lines.insert(lines.end(), more.begin(), more.end());
  }
  return lines;
}

}  // namespace splitprof::test
