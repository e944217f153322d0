// SPDX-License-Identifier: Apache-2.0
#include "processor/otlp/debug_exporter.h"

#include <fmt/format.h>

#include "processor/otlp/count.h"
#include "shared/log.h"

namespace splitprof::otlp {
namespace {

using Verbosity = DebugExporterOptions::Verbosity;

constexpr size_t kMaxLines = 1000;  // of one batch
constexpr size_t kMaxFrames = 128;  // of one stack
constexpr size_t kMaxTextBytes = 128;

std::string shown(std::string_view text) {
  return log::printable(text, kMaxTextBytes);
}

std::string shown(const otel::Value& value) {
  if (const auto* text = std::get_if<std::string>(&value.v)) return shown(*text);
  if (const auto* truth = std::get_if<bool>(&value.v)) return *truth ? "true" : "false";
  if (const auto* integer = std::get_if<int64_t>(&value.v)) return fmt::format("{}", *integer);
  if (const auto* number = std::get_if<double>(&value.v)) return fmt::format("{}", *number);
  if (const auto* bytes = std::get_if<otel::Bytes>(&value.v)) return fmt::format("({} bytes)", bytes->data.size());
  if (const auto* array = std::get_if<otel::Value::Array>(&value.v)) return fmt::format("({} values)", array->size());
  if (const auto* map = std::get_if<otel::Value::Map>(&value.v)) return fmt::format("({} members)", map->size());
  return "(nothing)";
}

std::string shown(const otel::Attributes& attributes) {
  std::string out;
  for (const auto& [key, value] : attributes) {
    if (out.size() > 8 * kMaxTextBytes) return out + " …";
    out += fmt::format("{}{}={}", out.empty() ? "" : " ", shown(key), shown(value));
  }
  return out;
}

// The lines of one batch, as far as there is room.
class Listing {
 public:
  explicit Listing(const DebugExporter::Line& line) : line_(line) {}
  ~Listing() {
    if (left_out_ > 0) line_(fmt::format("  … and {} lines more", left_out_));
  }
  void add(const std::string& text) {
    if (lines_++ < kMaxLines)
      line_(text);
    else
      ++left_out_;
  }
  bool full() const { return lines_ >= kMaxLines; }
  void leave_out(size_t lines) { left_out_ += lines; }

 private:
  const DebugExporter::Line& line_;
  size_t lines_ = 0, left_out_ = 0;
};

void list_stack(Listing& listing, const otel::Dictionary& dictionary, int32_t stack) {
  const auto locations = dictionary.locations_of(stack);
  for (size_t i = 0; i < locations.size(); ++i) {
    if (i == kMaxFrames || listing.full()) return listing.leave_out(locations.size() - i);
    const auto* location = dictionary.location(locations[i]);
    if (location == nullptr) {
      listing.add(fmt::format("      (no location {})", locations[i]));
      continue;
    }
    const auto* mapping = dictionary.mapping(location->mapping);
    const auto file = mapping == nullptr ? std::string_view() : dictionary.strings[mapping->filename];
    std::string names;
    for (const auto& line : dictionary.lines_of(*location)) {
      const auto* function = dictionary.function(line.function);
      if (names.size() > 8 * kMaxTextBytes) break;
      names += fmt::format(" {}:{}", function == nullptr ? "?" : shown(dictionary.strings[function->name]), line.line);
    }
    listing.add(fmt::format("      {:#x} {}{}", location->address, shown(file), names));
  }
}

void list_samples(Listing& listing, const otel::Dictionary& dictionary, const otel::Profile& profile) {
  for (const auto& sample : profile.samples) {
    if (listing.full()) {
      listing.leave_out(1);
      continue;
    }
    std::string attributes;
    for (const int32_t index : part_of(profile.indices, sample.attributes)) {
      const auto* attribute = dictionary.attribute(index);
      if (attribute == nullptr || attributes.size() > 8 * kMaxTextBytes) continue;
      attributes += fmt::format(" {}={}", shown(dictionary.strings[attribute->key]), shown(attribute->value));
    }
    const auto values = part_of(profile.values, sample.values);
    const auto times = part_of(profile.timestamps_ns, sample.timestamps);
    listing.add(fmt::format("    sample: {} values, first {}; {} timestamps, first {};{}", values.size(),
                            values.empty() ? 0 : values[0], times.size(), times.empty() ? 0 : times[0], attributes));
    list_stack(listing, dictionary, sample.stack);
  }
}

}  // namespace

DebugExporter::DebugExporter(const DebugExporterOptions& options)
    : DebugExporter(options, [](const std::string& line) { log::info("{}", line); }) {}
DebugExporter::DebugExporter(const DebugExporterOptions& options, Line line)
    : options_(options), line_(std::move(line)) {}

void DebugExporter::consume(const otel::Profiles& batch) {
  const uint64_t samples = batch.sample_count(), profiles = profile_count(batch);
  counters_.samples_received += samples;
  counters_.samples_delivered += samples;
  counters_.items_encoded += profiles;
  counters_.items_delivered += profiles;
  line_(fmt::format("{}: profiles: {} resources, {} profiles, {} samples", options_.name, batch.resources.size(),
                    profiles, samples));
  if (options_.verbosity == Verbosity::basic) return;
  Listing listing(line_);
  const auto& strings = batch.dictionary.strings;
  for (const auto& resource : batch.resources) {
    listing.add("  resource: " + shown(resource.resource.attributes));
    for (const auto& scope : resource.scopes)
      for (const auto& profile : scope.profiles) {
        listing.add(fmt::format("  profile: {} in {}, {} samples, at {} for {} ns",
                                shown(strings[profile.sample_type.type]), shown(strings[profile.sample_type.unit]),
                                profile.samples.size(), profile.time_ns, profile.duration_ns));
        if (options_.verbosity == Verbosity::detailed) list_samples(listing, batch.dictionary, profile);
      }
  }
}

void DebugExporter::consume(const otel::Metrics& batch) {
  const uint64_t points = point_count(batch);
  counters_.items_encoded += points;
  counters_.items_delivered += points;
  line_(fmt::format("{}: metrics: {} resources, {} metrics, {} points", options_.name, batch.resources.size(),
                    metric_count(batch), points));
  if (options_.verbosity == Verbosity::basic) return;
  Listing listing(line_);
  for (const auto& resource : batch.resources) {
    listing.add("  resource: " + shown(resource.resource.attributes));
    for (const auto& scope : resource.scopes)
      for (const auto& metric : scope.metrics) {
        listing.add(fmt::format("  metric: {} ({}), {} points", shown(metric.name),
                                metric.kind == otel::Metric::Kind::gauge ? "gauge" : "sum", metric.points.size()));
        if (options_.verbosity != Verbosity::detailed) continue;
        for (const auto& point : metric.points)
          listing.add(fmt::format("    {} at {}: {}", point.value, point.time_ns, shown(point.attributes)));
      }
  }
}

}  // namespace splitprof::otlp
