// SPDX-License-Identifier: Apache-2.0
//
// OpenTelemetry's profiles as one value: resources, scopes, profiles and samples, and one dictionary that they all
// refer to. What the profiling receiver makes and what the otlp receivers read is this, and every connector and
// exporter of profiles takes this. Its shape follows opentelemetry/proto/profiles/v1development as of protocol 1.10;
// field numbers stand in processor/otlp.
//
// Every `int32_t` that refers to a table comes from outside and may be anything; only the accessors of Dictionary
// follow one. Every Range was made here and lies within its pool. Plain values, written once, then only read.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "processor/otel/attributes.h"

namespace splitprof::otel {

// A list that stands in a pool beside its owner, so that a batch is a few allocations and not one for each list.
struct Range {
  uint32_t begin = 0, count = 0;
};
template <typename T>
std::span<const T> part_of(const std::vector<T>& pool, Range range) {
  return std::span<const T>(pool).subspan(range.begin, range.count);
}

// Strings by number, in one buffer.
class StringTable {
 public:
  int32_t add(std::string_view text) {
    text_ += text;
    ends_.push_back(text_.size());
    return static_cast<int32_t>(ends_.size() - 1);
  }
  size_t size() const { return ends_.size(); }
  bool has(int32_t index) const { return index >= 0 && static_cast<size_t>(index) < ends_.size(); }
  // Empty when there is no such string. Valid until the next add().
  std::string_view operator[](int32_t index) const {
    if (!has(index)) return {};
    const auto i = static_cast<size_t>(index);
    const uint64_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(text_).substr(begin, ends_[i] - begin);
  }

 private:
  std::string text_;
  std::vector<uint64_t> ends_;
};

struct ValueType {
  int32_t type = 0, unit = 0;  // strings
};
struct Attribute {
  int32_t key = 0;  // string
  Value value;
  int32_t unit = 0;  // string
};
struct Mapping {
  uint64_t memory_start = 0, memory_limit = 0, file_offset = 0;
  int32_t filename = 0;  // string
  Range attributes;      // of Dictionary::indices: attributes
};
struct Function {
  int32_t name = 0, system_name = 0, filename = 0;  // strings
  int64_t start_line = 0;
};
struct Line {
  int32_t function = 0;
  int64_t line = 0, column = 0;
};
struct Location {
  int32_t mapping = 0;
  uint64_t address = 0;
  Range lines;       // of Dictionary::lines: innermost first
  Range attributes;  // of Dictionary::indices: attributes
};
struct Link {
  std::string trace_id, span_id;  // raw bytes, 16 and 8 where they are right
};
struct Stack {
  Range locations;  // of Dictionary::indices: locations, leaf first
};

struct Dictionary {
  StringTable strings;
  std::vector<Mapping> mappings;
  std::vector<Location> locations;
  std::vector<Function> functions;
  std::vector<Link> links;
  std::vector<Attribute> attributes;
  std::vector<Stack> stacks;
  std::vector<int32_t> indices;  // pool
  std::vector<Line> lines;       // pool

  // Null when there is no such entry.
  const Mapping* mapping(int32_t index) const { return at(mappings, index); }
  const Location* location(int32_t index) const { return at(locations, index); }
  const Function* function(int32_t index) const { return at(functions, index); }
  const Link* link(int32_t index) const { return at(links, index); }
  const Attribute* attribute(int32_t index) const { return at(attributes, index); }
  // Empty when there is no such stack.
  std::span<const int32_t> locations_of(int32_t stack) const {
    const Stack* found = at(stacks, stack);
    return found == nullptr ? std::span<const int32_t>() : part_of(indices, found->locations);
  }
  std::span<const Line> lines_of(const Location& location) const { return part_of(lines, location.lines); }
  std::span<const int32_t> attributes_of(const Location& location) const {
    return part_of(indices, location.attributes);
  }
  std::span<const int32_t> attributes_of(const Mapping& mapping) const { return part_of(indices, mapping.attributes); }

 private:
  template <typename T>
  static const T* at(const std::vector<T>& table, int32_t index) {
    return index >= 0 && static_cast<size_t>(index) < table.size() ? &table[static_cast<size_t>(index)] : nullptr;
  }
};

struct Sample {
  int32_t stack = 0;
  int32_t link = 0;
  Range attributes;  // of Profile::indices: attributes
  Range values;      // of Profile::values
  Range timestamps;  // of Profile::timestamps_ns
};

struct Profile {
  ValueType sample_type, period_type;
  int64_t period = 0;
  uint64_t time_ns = 0;      // UNIX time, begin of collection
  uint64_t duration_ns = 0;  // of collection
  std::string id;            // raw bytes, 16 where they are right
  uint32_t dropped_attributes = 0;
  std::string original_payload_format, original_payload;
  std::vector<Sample> samples;
  std::vector<int32_t> attributes;      // of the profile
  std::vector<int32_t> indices;         // pool
  std::vector<int64_t> values;          // pool
  std::vector<uint64_t> timestamps_ns;  // pool; UNIX time
};

struct ScopeProfiles {
  Scope scope;
  std::string schema_url;
  std::vector<Profile> profiles;
};
struct ResourceProfiles {
  Resource resource;
  std::string schema_url;
  std::vector<ScopeProfiles> scopes;
};

struct Profiles {
  Dictionary dictionary;
  std::vector<ResourceProfiles> resources;

  uint64_t sample_count() const;  // timestamps of all samples; a sample without any counts 1
};

// Keys and values that both sides of a batch have to agree on: OpenTelemetry semantic conventions, "profile".
namespace key {
inline constexpr std::string_view kFrameType = "profile.frame.type";                     // of a location
inline constexpr std::string_view kHtlHash = "process.executable.build_id.htlhash";      // of a mapping: 32 digits
inline constexpr std::string_view kGnuBuildId = "process.executable.build_id.gnu";       // of a mapping
inline constexpr std::string_view kThreadName = "thread.name", kThreadId = "thread.id";  // of a sample
inline constexpr std::string_view kCpu = "cpu.logical_number";                           // of a sample
// Of a resource, as Universal Profiling names them: what a host's documents need for its share of CPU time.
inline constexpr std::string_view kPresentCpuCores = "profiling.agent.config.present_cpu_cores";  // integer
inline constexpr std::string_view kAgentVersion = "profiling.agent.version";
}  // namespace key

}  // namespace splitprof::otel
