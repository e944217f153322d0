// SPDX-License-Identifier: Apache-2.0
//
// The Elasticsearch encoder over any batch of profiles and metrics: every line that it writes is JSON, no line is
// longer than its input allows, and every sample is accounted for. Ranges lie within their pools, as readers promise;
// indices may be anything.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "processor/elasticsearch/encoder.h"
#include "shared/check.h"
#include "shared/log.h"
#include "tests/fuzz/bytes_of_fuzzer.h"

namespace splitprof {
namespace {

constexpr std::string_view kWords[] = {
    "samples",
    "count",
    "cpu",
    "nanoseconds",
    "profile.frame.type",
    "process.executable.build_id.htlhash",
    "native",
    "process.executable.build_id.gnu",
    "kernel",
    "cpython",
    "abort-marker",
    "00112233445566778899aabbccddeeff",
    "thread.name",
    "host.id",
    "process.executable.name",
    "service.name",
    "data_stream.dataset",
    "elasticsearch.index",
    "elasticsearch.mapping.hints",
    "_noindex",
    "a.geo.location.lat",
    "a.geo.location.lon",
    "process.pid",
};

class Maker {
 public:
  explicit Maker(BytesOfFuzzer& bytes) : bytes_(bytes) {}

  otel::Profiles profiles() {
    otel::Profiles batch;
    auto& dictionary = batch.dictionary;
    for (size_t n = count(); n > 0; --n) dictionary.strings.add(text());
    for (size_t n = count(); n > 0; --n) dictionary.attributes.push_back({index(), value(0), index()});
    for (size_t n = count(); n > 0; --n) dictionary.functions.push_back({index(), index(), index(), 0});
    for (size_t n = count(); n > 0; --n) dictionary.mappings.push_back({0, 0, 0, index(), indices(dictionary.indices)});
    for (size_t n = count(); n > 0; --n) dictionary.locations.push_back(location(dictionary));
    for (size_t n = count(); n > 0; --n) dictionary.stacks.push_back({indices(dictionary.indices)});
    for (size_t n = few(); n > 0; --n) {
      otel::ResourceProfiles resource{.resource = {attributes(), 0}};
      for (size_t m = few(); m > 0; --m) {
        otel::ScopeProfiles scope{.scope = {text(), text(), attributes(), 0}};
        for (size_t k = few(); k > 0; --k) scope.profiles.push_back(profile());
        resource.scopes.push_back(std::move(scope));
      }
      batch.resources.push_back(std::move(resource));
    }
    return batch;
  }

  otel::Metrics metrics() {
    otel::Metrics batch;
    for (size_t n = few(); n > 0; --n) {
      otel::ResourceMetrics resource{.resource = {attributes(), bytes_.take<uint8_t>()}};
      otel::ScopeMetrics scope{.scope = {text(), text(), attributes(), 0}};
      for (size_t m = count(); m > 0; --m) {
        otel::Metric metric{text(), text(), text()};
        for (size_t k = few(); k > 0; --k) {
          metric.points.push_back(
              {attributes(), bytes_.take<uint64_t>(), bytes_.take<uint64_t>(), bytes_.take<int64_t>()});
        }
        scope.metrics.push_back(std::move(metric));
      }
      resource.scopes.push_back(std::move(scope));
      batch.resources.push_back(std::move(resource));
    }
    return batch;
  }

 private:
  size_t count() { return bytes_.take<uint8_t>() % 16; }
  size_t few() { return bytes_.take<uint8_t>() % 3; }
  int32_t index() {
    const auto small = bytes_.take<int8_t>();
    return small == INT8_MAX ? bytes_.take<int32_t>() : small;
  }
  std::string text() {
    const auto which = bytes_.take<uint8_t>();
    if (which < std::size(kWords)) return std::string(kWords[which]);
    const auto taken = bytes_.take_bytes(which % 32);
    std::string text(taken.begin(), taken.end());
    // Long enough to be cut, and few enough of them to leave time for others.
    if (which == UINT8_MAX && ++long_texts_ <= 3) text.resize(40'000, static_cast<char>(bytes_.take<uint8_t>()));
    return text;
  }
  otel::Value value(unsigned depth) {
    switch (bytes_.take<uint8_t>() % (depth < 3 ? 8 : 6)) {
      case 1:
        return {bytes_.take<uint8_t>() % 2 == 1};
      case 2:
        return {bytes_.take<int64_t>()};
      case 3:
        return {bytes_.take<double>()};
      case 4:
        return {otel::Bytes{text()}};
      case 5:
        return {};
      case 6: {
        otel::Value::Array array;
        for (size_t n = few(); n > 0; --n) array.push_back(value(depth + 1));
        return {std::move(array)};
      }
      case 7: {
        otel::Value::Map map;
        for (size_t n = few(); n > 0; --n) map.push_back({text(), value(depth + 1)});
        return {std::move(map)};
      }
      default:
        return {text()};
    }
  }
  otel::Attributes attributes() {
    otel::Attributes attributes;
    for (size_t n = few() * 2; n > 0; --n) attributes.push_back({text(), value(0)});
    return attributes;
  }
  otel::Range indices(std::vector<int32_t>& pool) {
    const auto begin = static_cast<uint32_t>(pool.size());
    for (size_t n = count(); n > 0; --n) pool.push_back(index());
    return {begin, static_cast<uint32_t>(pool.size()) - begin};
  }
  otel::Location location(otel::Dictionary& dictionary) {
    otel::Location location;
    location.mapping = index();
    location.address = bytes_.take<uint8_t>() % 2 == 0 ? 0 : bytes_.take<uint64_t>();
    location.attributes = indices(dictionary.indices);
    location.lines.begin = static_cast<uint32_t>(dictionary.lines.size());
    for (size_t n = few(); n > 0; --n)
      dictionary.lines.push_back({index(), bytes_.take<int64_t>(), bytes_.take<int8_t>()});
    location.lines.count = static_cast<uint32_t>(dictionary.lines.size()) - location.lines.begin;
    return location;
  }
  otel::Profile profile() {
    otel::Profile profile;
    profile.sample_type = {index(), index()};
    profile.period_type = {index(), index()};
    profile.period = bytes_.take<int64_t>();
    for (size_t n = count(); n > 0; --n) profile.attributes.push_back(index());
    for (size_t n = count(); n > 0; --n) {
      otel::Sample sample;
      sample.stack = index();
      sample.attributes = indices(profile.indices);
      sample.values.begin = static_cast<uint32_t>(profile.values.size());
      for (size_t k = few(); k > 0; --k) profile.values.push_back(bytes_.take<int8_t>());
      sample.values.count = static_cast<uint32_t>(profile.values.size()) - sample.values.begin;
      sample.timestamps.begin = static_cast<uint32_t>(profile.timestamps_ns.size());
      for (size_t k = few(); k > 0; --k) profile.timestamps_ns.push_back(bytes_.take<uint64_t>());
      sample.timestamps.count = static_cast<uint32_t>(profile.timestamps_ns.size()) - sample.timestamps.begin;
      profile.samples.push_back(sample);
    }
    return profile;
  }

  BytesOfFuzzer& bytes_;
  unsigned long_texts_ = 0;
};

void check_body(const Message& message, size_t max_line) {
  const std::string_view body = message.body;
  CHECK(!body.empty() && body.back() == '\n');
  size_t lines = 0;
  for (size_t begin = 0; begin < body.size();) {
    const size_t end = body.find('\n', begin);
    CHECK(end - begin <= max_line);
    // Of many equal events the first ones are read, or a run would take its time for the parser.
    if (lines < 60) CHECK(nlohmann::json::accept(body.substr(begin, end - begin)));
    begin = end + 1;
    ++lines;
  }
  CHECK(lines == 2 * message.items);
}

}  // namespace
}  // namespace splitprof

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace splitprof;
  spdlog::set_level(spdlog::level::off);
  BytesOfFuzzer bytes(data, size);
  const auto flags = bytes.take<uint8_t>();
  ElasticsearchOptions options;
  if (flags & 1) options.profiles_schema = ElasticsearchOptions::ProfilesSchema::otel;
  options.keep_process_attributes = (flags & 2) != 0;
  options.queue.max_size = flags & 4 ? 1000 : 5'000'000;
  uint64_t samples = 0, items = 0;
  ExporterMetrics metrics;
  // A byte is six in JSON, and twice that inside of a map's text; a long text is three bytes here.
  const size_t max_line = (8u << 20) + size * 100;
  elasticsearch::Encoder encoder(options, metrics, flags, [&](const Message& message) {
    check_body(message, max_line);
    samples += message.samples;
    items += message.items;
  });
  if (flags & 8) encoder.create_executables();
  Maker maker(bytes);
  const auto profiles = maker.profiles();
  encoder.encode(profiles, {1'000'000'000, 1'788'000'000'000'000'000});
  encoder.encode(maker.metrics(), {2'000'000'000, 1'788'000'001'000'000'000});
  encoder.encode(profiles, {3'000'000'000, 1'788'000'002'000'000'000});
  encoder.flush();
  CHECK(metrics.samples_received == samples + metrics.samples_without_document);
  CHECK(metrics.items_encoded == items);
  CHECK(encoder.pending_bytes() == 0);
  return 0;
}
