// SPDX-License-Identifier: Apache-2.0
//
// Batches of profiles for tests and benchmarks of the Elasticsearch encoder, put together entry by entry.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "processor/otel/profiles.h"

namespace splitprof::test {

class ProfilesBuilder {
 public:
  struct Line {
    std::string_view function, file;
    int64_t line = 0, column = 0;
  };

  ProfilesBuilder() {
    auto& dictionary = batch.dictionary;
    string("");
    dictionary.mappings.emplace_back();
    dictionary.locations.emplace_back();
    dictionary.functions.emplace_back();
    dictionary.attributes.emplace_back();
    dictionary.links.emplace_back();
    dictionary.stacks.emplace_back();
  }

  int32_t string(std::string_view text) {
    const auto [found, is_new] = strings_.emplace(text, static_cast<int32_t>(batch.dictionary.strings.size()));
    if (is_new) batch.dictionary.strings.add(text);
    return found->second;
  }
  int32_t attribute(std::string_view key, otel::Value value) {
    return push(batch.dictionary.attributes, otel::Attribute{string(key), std::move(value)});
  }
  int32_t text_attribute(std::string_view key, std::string_view value) {
    return attribute(key, otel::Value{std::string(value)});
  }
  int32_t mapping(std::string_view file, std::string_view htlhash, std::string_view gnu_build_id = {}) {
    otel::Mapping mapping;
    mapping.filename = string(file);
    std::vector<int32_t> attributes;
    if (!htlhash.empty()) attributes.push_back(text_attribute(otel::key::kHtlHash, htlhash));
    if (!gnu_build_id.empty()) attributes.push_back(text_attribute(otel::key::kGnuBuildId, gnu_build_id));
    mapping.attributes = indices(attributes);
    return push(batch.dictionary.mappings, mapping);
  }
  // `type` empty: a location without that attribute.
  int32_t location(std::string_view type, int32_t mapping, uint64_t address, const std::vector<Line>& lines = {}) {
    otel::Location location;
    location.mapping = mapping;
    location.address = address;
    location.lines.begin = static_cast<uint32_t>(batch.dictionary.lines.size());
    location.lines.count = static_cast<uint32_t>(lines.size());
    for (const Line& line : lines) {
      const otel::Function function{string(line.function), 0, string(line.file), 0};
      batch.dictionary.lines.push_back({push(batch.dictionary.functions, function), line.line, line.column});
    }
    if (!type.empty()) location.attributes = indices({text_attribute(otel::key::kFrameType, type)});
    return push(batch.dictionary.locations, location);
  }
  int32_t stack(const std::vector<int32_t>& locations) {
    return push(batch.dictionary.stacks, otel::Stack{indices(locations)});
  }

  otel::ResourceProfiles& resource(otel::Attributes attributes) {
    batch.resources.push_back({.resource = {std::move(attributes), 0}});
    batch.resources.back().scopes.push_back({.scope = {"splitprof", "0.1.0", {}, 0}});
    return batch.resources.back();
  }
  // An on-CPU profile, appended to the newest resource.
  otel::Profile& profile(int64_t samples_per_second) {
    otel::Profile profile;
    profile.sample_type = {string("samples"), string("count")};
    profile.period_type = {string("cpu"), string("nanoseconds")};
    profile.period = 1'000'000'000 / samples_per_second;
    batch.resources.back().scopes.back().profiles.push_back(std::move(profile));
    return batch.resources.back().scopes.back().profiles.back();
  }
  static void sample(otel::Profile& profile, int32_t stack, const std::vector<uint64_t>& times_ns,
                     const std::vector<int32_t>& attributes = {}, const std::vector<int64_t>& values = {}) {
    otel::Sample sample;
    sample.stack = stack;
    sample.timestamps = append(profile.timestamps_ns, times_ns);
    sample.attributes = append(profile.indices, attributes);
    sample.values = append(profile.values, values);
    profile.samples.push_back(sample);
  }

  otel::Profiles batch;

 private:
  template <typename T>
  static int32_t push(std::vector<T>& table, T entry) {
    table.push_back(std::move(entry));
    return static_cast<int32_t>(table.size() - 1);
  }
  template <typename T>
  static otel::Range append(std::vector<T>& pool, const std::vector<T>& entries) {
    const otel::Range range{static_cast<uint32_t>(pool.size()), static_cast<uint32_t>(entries.size())};
    pool.insert(pool.end(), entries.begin(), entries.end());
    return range;
  }
  otel::Range indices(const std::vector<int32_t>& entries) { return append(batch.dictionary.indices, entries); }

  std::map<std::string, int32_t, std::less<>> strings_;
};

// One stack of each kind of frame, at known times: kernel, native, Python twice. Its ids stand in ids_test.cc.
inline otel::Profiles one_of_each_kind() {
  ProfilesBuilder builder;
  const auto vmlinux = builder.mapping("vmlinux", "67b20636f437c7d87d0956d53df80ea3");
  const auto library = builder.mapping("/usr/lib/libexample.so.1", "00112233445566778899aabbccddeeff");
  const auto stack = builder.stack({
      builder.location("kernel", vmlinux, 0x2e9145, {{"do_syscall_64", "", 0, 0}}),
      builder.location("native", library, 0x1f3a0),
      builder.location("cpython", 0, 0, {{"handle_request", "app/server.py", 42, 0}}),
      builder.location("cpython", 0, 0, {{"main", "app/server.py", 7, 0}}),
  });
  const auto leaf_without_name = builder.stack({builder.location("native", library, 0x2000)});
  builder.resource({{"host.id", {std::string("5f0c1d2e3b4a59687766554433221100")}},
                    {"host.name", {std::string("Node-7")}},
                    {"host.arch", {std::string("amd64")}},
                    {"container.id", {std::string("c0ffee")}},
                    {"process.pid", {int64_t{4711}}},
                    {"process.executable.name", {std::string("python3.12")}},
                    {"service.name", {std::string("checkout")}},
                    {std::string(otel::key::kPresentCpuCores), {int64_t{8}}}});
  auto& profile = builder.profile(19);
  const auto thread = builder.text_attribute(otel::key::kThreadName, "worker-3");
  ProfilesBuilder::sample(profile, stack, {1'788'000'000'123'456'700}, {thread});
  ProfilesBuilder::sample(profile, leaf_without_name, {1'788'000'001'000'000'000, 1'788'000'002'500'000'000});
  return std::move(builder.batch);
}

}  // namespace splitprof::test
