// SPDX-License-Identifier: Apache-2.0
#include "processor/metrics/gauge_reader.h"

#include "processor/metrics/go_package.h"
#include "processor/metrics/jvm_class.h"

namespace splitprof::metrics {
namespace {

constexpr auto kNone = SeriesTable::kNone;

}  // namespace

GaugeReader::GaugeReader(const otel::Dictionary& dictionary, const ProfilingMetricsOptions& options, const Rules& rules,
                         SeriesTable& series)
    : in_(dictionary),
      rules_(rules),
      series_(series),
      frame_types_(options.enabled[MetricNumber::frame_type]),
      classes_(options.enabled[MetricNumber::classification]),
      custom_(options.enabled[MetricNumber::custom_aggregation] && !rules.empty()) {
  if (!any()) return;
  stacks_.resize(dictionary.stacks.size());
  locations_.resize(dictionary.locations.size());
  type_keys_.resize(dictionary.attributes.size(), kNone);
  const size_t strings = dictionary.strings.size() + 1;
  if (classes_) {
    go_keys_.resize(strings, kNone);
    jvm_keys_.resize(strings, kNone);
  }
  if (custom_) {
    rule_matches_.resize(strings);
    for (size_t i = 0; i < rules.size(); ++i)
      label_keys_.push_back(series.gauge(MetricNumber::custom_aggregation, kNone, series.text(rules.label(i)), kNone));
  }
}

std::span<const GaugeCount> GaugeReader::counts(int32_t stack) {
  if (stack < 0 || static_cast<size_t>(stack) >= stacks_.size()) return {};
  List& list = stacks_[static_cast<size_t>(stack)];
  if (list.begin == kNone) {
    list.begin = static_cast<uint32_t>(stack_pool_.size());
    for (const int32_t location : in_.locations_of(stack)) {
      const List keys = keys_of(location);
      for (uint32_t i = 0; i < keys.count; ++i) tally_.add(key_pool_[keys.begin + i], 1);
    }
    tally_.drain([&](uint32_t key, int64_t count) { stack_pool_.push_back({key, static_cast<uint32_t>(count)}); });
    list.count = static_cast<uint32_t>(stack_pool_.size()) - list.begin;
  }
  return std::span<const GaugeCount>(stack_pool_).subspan(list.begin, list.count);
}

GaugeReader::List GaugeReader::keys_of(int32_t number) {
  const auto* location = in_.location(number);
  if (location == nullptr) return {0, 0};
  List& list = locations_[static_cast<size_t>(number)];
  if (list.begin == kNone) list = read_keys(*location);
  return list;
}

GaugeReader::List GaugeReader::read_keys(const otel::Location& location) {
  const auto begin = static_cast<uint32_t>(key_pool_.size());
  uint32_t type_key = kNone;
  const auto frame_type = frame_type_of(location, type_key);
  if (frame_types_ && type_key != kNone) key_pool_.push_back(type_key);
  if (custom_ || (classes_ && (frame_type == "go" || frame_type == "jvm"))) add_names(location, frame_type);
  return {begin, static_cast<uint32_t>(key_pool_.size()) - begin};
}

// `key` becomes its series, and stays kNone where the location has no type.
std::string_view GaugeReader::frame_type_of(const otel::Location& location, uint32_t& key) {
  for (const int32_t number : in_.attributes_of(location)) {
    const auto* attribute = in_.attribute(number);
    if (attribute == nullptr || in_.strings[attribute->key] != otel::key::kFrameType) continue;
    const auto text = otel::text_of(attribute->value);  // no text is an empty one
    uint32_t& known = type_keys_[static_cast<size_t>(number)];
    if (known == kNone) known = series_.gauge(MetricNumber::frame_type, kNone, series_.text(text), kNone);
    key = known;
    return text;
  }
  return {};
}

void GaugeReader::add_names(const otel::Location& location, std::string_view frame_type) {
  for (const auto& line : in_.lines_of(location)) {
    const auto* function = in_.function(line.function);
    if (function == nullptr) continue;
    const bool has_name = in_.strings.has(function->name);
    const size_t slot = has_name ? static_cast<size_t>(function->name) : in_.strings.size();
    const auto name = in_.strings[function->name];
    if (classes_) add_class(frame_type, slot, name);
    if (custom_) add_rules(slot, name);
  }
}

// The two values stand in each other's place, as those of the collector's connector have since its version 0.25: what
// reads one has to be able to read the other.
void GaugeReader::add_class(std::string_view frame_type, size_t slot, std::string_view name) {
  const bool go = frame_type == "go";
  if (!go && frame_type != "jvm") return;
  uint32_t& key = go ? go_keys_[slot] : jvm_keys_[slot];
  if (key == kNone) {
    const uint32_t class_text = go ? series_.text(go_package(name)) : series_.text(jvm_class(name));
    key = series_.gauge(MetricNumber::classification, series_.text(frame_type), class_text, kNone);
  }
  key_pool_.push_back(key);
}

void GaugeReader::add_rules(size_t slot, std::string_view name) {
  List& matches = rule_matches_[slot];
  if (matches.begin == kNone) {
    matches.begin = static_cast<uint32_t>(rule_pool_.size());
    rules_.find(name, rule_pool_);
    matches.count = static_cast<uint32_t>(rule_pool_.size()) - matches.begin;
  }
  for (uint32_t i = 0; i < matches.count; ++i) key_pool_.push_back(label_keys_[rule_pool_[matches.begin + i]]);
}

}  // namespace splitprof::metrics
