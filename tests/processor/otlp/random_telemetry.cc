// SPDX-License-Identifier: Apache-2.0
#include "random_telemetry.h"

#include <fmt/core.h>

#include <limits>
#include <random>

namespace splitprof {
namespace {

class Dice {
 public:
  explicit Dice(uint32_t seed) : engine_(seed) {}

  uint32_t below(uint32_t limit) { return static_cast<uint32_t>(engine_() % limit); }
  uint64_t number64() {
    switch (below(4)) {
      case 0:
        return 0;
      case 1:
        return below(1000);
      case 2:
        return std::numeric_limits<uint64_t>::max() - below(2);
      default:
        return uint64_t{engine_()} << 32 | engine_();
    }
  }
  int64_t signed64() { return static_cast<int64_t>(number64()); }
  // Mostly an index, sometimes one that leads nowhere.
  int32_t index() {
    switch (below(16)) {
      case 0:
        return -static_cast<int32_t>(below(5));
      case 1:
        return std::numeric_limits<int32_t>::max() - static_cast<int32_t>(below(2));
      case 2:
        return std::numeric_limits<int32_t>::min();
      default:
        return static_cast<int32_t>(below(10));
    }
  }
  std::string text() {
    static const char* const kTexts[] = {"",          "main",   "process.pid", "a\"b\\c\n\t\x01\x7f",
                                         "übermäßig", "日本語", "😀",           "</script>\u2028"};
    return kTexts[below(std::size(kTexts))];
  }
  std::string bytes(uint32_t size) {
    std::string out;
    for (uint32_t i = 0; i < size; ++i) out += static_cast<char>(below(256));
    return out;
  }
  otel::Value value(unsigned depth = 0) {
    otel::Value out;
    switch (below(depth < 4 ? 8 : 6)) {
      case 0:
        break;
      case 1:
        out.v = text();
        break;
      case 2:
        out.v = below(2) == 1;
        break;
      case 3:
        out.v = signed64();
        break;
      case 4:
        out.v = static_cast<double>(signed64()) / 7;
        break;
      case 5:
        out.v = otel::Bytes{bytes(below(5))};
        break;
      case 6: {
        otel::Value::Array list;
        for (uint32_t i = below(4); i > 0; --i) list.push_back(value(depth + 1));
        out.v = std::move(list);
        break;
      }
      default:
        out.v = attributes(depth + 1);
    }
    return out;
  }
  otel::Attributes attributes(unsigned depth = 0) {
    otel::Attributes out;
    for (uint32_t i = below(4); i > 0; --i) out.push_back({text(), value(depth)});
    return out;
  }
  otel::Resource resource() { return {attributes(), below(3)}; }
  otel::Scope scope() { return {text(), text(), attributes(), below(3)}; }

  // Appends a few of what `make` makes.
  template <typename T, typename Make>
  otel::Range some(std::vector<T>& pool, const Make& make) {
    const otel::Range range{static_cast<uint32_t>(pool.size()), below(5)};
    for (uint32_t i = 0; i < range.count; ++i) pool.push_back(make());
    return range;
  }

 private:
  std::mt19937 engine_;
};

otel::Dictionary random_dictionary(Dice& dice) {
  otel::Dictionary out;
  const auto index = [&] { return dice.index(); };
  out.strings.add("");
  for (uint32_t i = dice.below(10); i > 0; --i) out.strings.add(dice.text());
  for (uint32_t i = dice.below(5); i > 0; --i)
    out.mappings.push_back(
        {dice.number64(), dice.number64(), dice.number64(), dice.index(), dice.some(out.indices, index)});
  for (uint32_t i = dice.below(10); i > 0; --i) {
    const auto lines = dice.some(out.lines, [&] { return otel::Line{dice.index(), dice.signed64(), dice.signed64()}; });
    out.locations.push_back({dice.index(), dice.number64(), lines, dice.some(out.indices, index)});
  }
  for (uint32_t i = dice.below(10); i > 0; --i)
    out.functions.push_back({dice.index(), dice.index(), dice.index(), dice.signed64()});
  for (uint32_t i = dice.below(3); i > 0; --i) out.links.push_back({dice.bytes(16), dice.bytes(8)});
  for (uint32_t i = dice.below(10); i > 0; --i) out.attributes.push_back({dice.index(), dice.value(), dice.index()});
  for (uint32_t i = dice.below(10); i > 0; --i) out.stacks.push_back({dice.some(out.indices, index)});
  return out;
}

otel::Profile random_profile(Dice& dice) {
  otel::Profile out;
  const auto index = [&] { return dice.index(); };
  out.sample_type = {dice.index(), dice.index()};
  out.period_type = {dice.index(), dice.index()};
  out.period = dice.signed64();
  out.time_ns = dice.number64();
  out.duration_ns = dice.number64();
  if (dice.below(2) == 1) out.id = dice.bytes(16);
  out.dropped_attributes = dice.below(3);
  out.original_payload_format = dice.text();
  out.original_payload = dice.bytes(dice.below(20));
  dice.some(out.attributes, index);
  for (uint32_t i = dice.below(6); i > 0; --i) {
    otel::Sample sample{.stack = dice.index(), .link = dice.index()};
    sample.attributes = dice.some(out.indices, index);
    sample.values = dice.some(out.values, [&] { return dice.signed64(); });
    sample.timestamps = dice.some(out.timestamps_ns, [&] { return dice.number64(); });
    out.samples.push_back(sample);
  }
  return out;
}

}  // namespace

otel::Profiles random_profiles(uint32_t seed) {
  Dice dice(seed);
  otel::Profiles out;
  out.dictionary = random_dictionary(dice);
  for (uint32_t i = dice.below(3); i > 0; --i) {
    auto& resource = out.resources.emplace_back();
    resource.resource = dice.resource();
    resource.schema_url = dice.text();
    for (uint32_t j = dice.below(3); j > 0; --j) {
      auto& scope = resource.scopes.emplace_back();
      scope.scope = dice.scope();
      scope.schema_url = dice.text();
      for (uint32_t k = dice.below(3); k > 0; --k) scope.profiles.push_back(random_profile(dice));
    }
  }
  return out;
}

otel::Metrics random_metrics(uint32_t seed) {
  Dice dice(seed);
  otel::Metrics out;
  for (uint32_t i = dice.below(4); i > 0; --i) {
    auto& resource = out.resources.emplace_back();
    resource.resource = dice.resource();
    auto& scope = resource.scopes.emplace_back();
    scope.scope = dice.scope();
    for (uint32_t j = dice.below(4); j > 0; --j) {
      auto& metric = scope.metrics.emplace_back();
      metric.name = dice.text();
      metric.description = dice.text();
      metric.unit = dice.text();
      metric.kind = dice.below(2) == 0 ? otel::Metric::Kind::gauge : otel::Metric::Kind::delta_sum;
      for (uint32_t k = dice.below(4); k > 0; --k)
        metric.points.push_back({dice.attributes(), dice.number64(), dice.number64(), dice.signed64()});
    }
  }
  return out;
}

otel::Profiles typical_profiles(uint32_t samples, uint32_t stacks, uint32_t frames) {
  constexpr uint32_t kResources = 50, kFiles = 20, kFunctions = 5000;
  constexpr uint64_t kStart = 1'700'000'000'000'000'000;
  Dice dice(1);
  otel::Profiles out;
  auto& dictionary = out.dictionary;
  dictionary.strings.add("");
  const int32_t type = dictionary.strings.add("samples"), unit = dictionary.strings.add("count");
  const int32_t frame_type = dictionary.strings.add(otel::key::kFrameType);
  const int32_t thread = dictionary.strings.add(otel::key::kThreadId);
  dictionary.attributes.push_back({});
  dictionary.attributes.push_back({frame_type, {std::string("native")}});
  for (uint32_t i = 0; i < 200; ++i) dictionary.attributes.push_back({thread, {int64_t{1000 + i}}});
  for (uint32_t i = 0; i <= kFiles; ++i) {
    const auto file = dictionary.strings.add(i == 0 ? "" : fmt::format("/usr/lib/x86_64-linux-gnu/libnumber{}.so", i));
    dictionary.mappings.push_back({i * 0x1000000ull, (i + 1) * 0x1000000ull, 0, file, {}});
  }
  dictionary.functions.push_back({});
  dictionary.locations.push_back({});
  for (uint32_t i = 1; i <= kFunctions; ++i) {
    const auto name = dictionary.strings.add(fmt::format("some::space::function_number_{}(int, char const*)", i));
    dictionary.functions.push_back({name, 0, 0, 0});
    dictionary.lines.push_back({static_cast<int32_t>(i), dice.below(2000), 0});
    dictionary.indices.push_back(1);
    dictionary.locations.push_back({static_cast<int32_t>(1 + i % kFiles),
                                    dice.below(0x1000000),
                                    {static_cast<uint32_t>(dictionary.lines.size() - 1), 1},
                                    {static_cast<uint32_t>(dictionary.indices.size() - 1), 1}});
  }
  dictionary.stacks.push_back({});
  for (uint32_t i = 0; i < stacks; ++i) {
    dictionary.stacks.push_back({{static_cast<uint32_t>(dictionary.indices.size()), frames}});
    for (uint32_t j = 0; j < frames; ++j)
      dictionary.indices.push_back(static_cast<int32_t>(1 + dice.below(kFunctions)));
  }
  for (uint32_t i = 0; i < kResources; ++i) {
    auto& resource = out.resources.emplace_back();
    otel::set(resource.resource.attributes, "process.pid", {int64_t{100 + i}});
    otel::set(resource.resource.attributes, "process.executable.name", {fmt::format("program{}", i)});
    auto& profile = resource.scopes.emplace_back().profiles.emplace_back();
    profile.sample_type = {type, unit};
    profile.time_ns = kStart;
    profile.duration_ns = 5'000'000'000;
    for (uint32_t j = i; j < samples; j += kResources) {
      profile.indices.push_back(static_cast<int32_t>(2 + dice.below(200)));
      profile.values.push_back(1);
      profile.timestamps_ns.push_back(kStart + j * 50'000ull);
      const auto at = static_cast<uint32_t>(profile.samples.size());
      profile.samples.push_back({static_cast<int32_t>(1 + j % stacks), 0, {at, 1}, {at, 1}, {at, 1}});
    }
  }
  return out;
}

}  // namespace splitprof
