// SPDX-License-Identifier: Apache-2.0
//
// How many samples a second the profilingmetrics connector takes, on one core: 100,000 samples of 30 frames from 50
// processes, with 1,000 and 5,000 distinct stacks and with none that occurs twice; without buffering, with a flush each
// batch, and with every metric on. Each batch is new to the connector, as its dictionary is. One operation is one
// batch, its points made included; where it buffers, the flush too.
#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "processor/metrics/profiling_metrics.h"
#include "shared/check.h"
#include "tests/bench/allocations.h"
#include "tests/bench/table.h"

namespace splitprof {
namespace {

constexpr unsigned kSamples = 100'000, kFrames = 30, kResources = 50, kLocations = 20'000, kFunctions = 5'000;
constexpr int kRepeats = 20;

// A third of the stacks begins in the kernel, a third is native, the rest of the runtimes.
class Input {
 public:
  explicit Input(unsigned distinct_stacks) {
    make_tables();
    auto& stacks = out.dictionary.stacks;
    for (unsigned i = 0; i < distinct_stacks; ++i) stacks.push_back({make_stack(i % 3)});
    for (unsigned r = 0; r < kResources; ++r) {
      auto& resource = out.resources.emplace_back();
      resource.resource.attributes = {{"process.pid", otel::Value{int64_t{1000 + r}}},
                                      {"process.executable.name", otel::Value{"program" + std::to_string(r)}},
                                      {"service.name", otel::Value{std::string("service")}}};
      auto& profile = resource.scopes.emplace_back().profiles.emplace_back();
      profile.sample_type = {samples_, count_};
      profile.time_ns = 1'700'000'000'000'000'000;
      for (unsigned s = 0; s < kSamples / kResources; ++s) {
        otel::Sample sample;
        const unsigned nth = r * (kSamples / kResources) + s;
        sample.stack = static_cast<int32_t>(distinct_stacks == kSamples ? nth : random_() % distinct_stacks);
        sample.timestamps = {s, 1};
        profile.timestamps_ns.push_back(profile.time_ns + s);
        profile.samples.push_back(sample);
      }
    }
  }

  otel::Profiles out;

 private:
  void make_tables() {
    auto& in = out.dictionary;
    const int32_t type_key = in.strings.add(otel::key::kFrameType);
    samples_ = in.strings.add("samples");
    count_ = in.strings.add("count");
    for (const char* type : {"kernel", "native", "cpython", "jvm", "go", "v8js"})
      in.attributes.push_back({type_key, otel::Value{std::string(type)}, 0});
    for (int i = 0; i < 100; ++i) {
      otel::Mapping mapping;
      mapping.filename = in.strings.add("/usr/lib/x86_64-linux-gnu/libsomething" + std::to_string(i) + ".so.1.2.3");
      in.mappings.push_back(mapping);
    }
    const std::vector<std::string> kernel_names{
        "tcp_sendmsg_locked", "ext4_file_read_iter", "do_syscall_64", "handle_mm_fault", "__x64_sys_write",
        "futex_wait",         "copy_user_generic",   "vfs_read",      "__schedule"};
    for (unsigned i = 0; i < kFunctions; ++i) {
      otel::Function function;
      const auto number = std::to_string(i);
      function.name = in.strings.add(i % 3 == 0   ? kernel_names[i % kernel_names.size()] + number
                                     : i % 3 == 1 ? "void com.acme.part" + number + ".Class.method(int)"
                                                  : "example.org/shop/cart" + number + ".(*Cart).Add");
      in.functions.push_back(function);
    }
    for (unsigned i = 0; i < kLocations; ++i) {
      otel::Location location;
      const unsigned kind = i % 3;  // kernel, native, runtime
      location.attributes = {static_cast<uint32_t>(in.indices.size()), 1};
      in.indices.push_back(static_cast<int32_t>(kind < 2 ? kind : 2 + random_() % 4));
      location.mapping = static_cast<int32_t>(random_() % in.mappings.size());
      location.lines = {static_cast<uint32_t>(in.lines.size()), 1};
      in.lines.push_back({.function = static_cast<int32_t>(random_() % (kFunctions / 3) * 3 + kind)});
      in.locations.push_back(location);
    }
  }

  otel::Range make_stack(unsigned kind) {
    const otel::Range range{static_cast<uint32_t>(out.dictionary.indices.size()), kFrames};
    for (unsigned i = 0; i < kFrames; ++i) {
      const unsigned of_kind = kind == 0 && i >= 8 ? 1 : kind;
      out.dictionary.indices.push_back(static_cast<int32_t>(random_() % (kLocations / 3) * 3 + of_kind));
    }
    return range;
  }

  std::mt19937 random_{1};
  int32_t samples_ = 0, count_ = 0;
};

struct Counting final : MetricsConsumer {
  void consume(const otel::Metrics& batch) override { resources += batch.resources.size(); }
  uint64_t resources = 0;
};

void run(const Input& input, const std::string& stacks, const std::string& setting, ProfilingMetricsOptions options) {
  Counting next;
  Times now{.monotonic_ns = 1, .unix_ns = 1};
  auto connector = ProfilingMetrics::make(options, next, "1", now);
  CHECK(connector.has_value());
  std::vector<double> per_second, allocated;
  for (int i = 0; i < kRepeats; ++i) {
    const auto allocations_before = allocations();
    const auto begin = std::chrono::steady_clock::now();
    (*connector)->consume(input.out);
    if (options.flush_interval_ns > 0) now.monotonic_ns += static_cast<uint64_t>(options.flush_interval_ns);
    (*connector)->tick(now);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    per_second.push_back(kSamples / took.count());
    allocated.push_back(static_cast<double>(allocations() - allocations_before));
  }
  CHECK(next.resources == uint64_t{kRepeats} * kResources);
  CHECK((*connector)->counters().samples_user + (*connector)->counters().samples_kernel ==
        uint64_t{kRepeats} * kSamples);
  const auto name = "profilingmetrics, " + stacks + " stacks, " + setting;
  print_row(name, "samples/s", std::move(per_second));
  print_row(name, "allocations", std::move(allocated));
}

void run_all() {
  ProfilingMetricsOptions at_once, flushed, everything;
  at_once.flush_interval_ns = everything.flush_interval_ns = 0;
  everything.enabled.fill(true);
  everything.aggregations = {{"^com\\.acme\\.", "acme"}, {"[Cc]art", "shop"}};
  for (const auto& [distinct, stacks] : std::vector<std::pair<unsigned, std::string>>{
           {1'000, "1,000"}, {5'000, "5,000"}, {kSamples, "100,000 (all different)"}}) {
    const Input input(distinct);
    run(input, stacks, "at once", at_once);
    run(input, stacks, "flush interval", flushed);
    run(input, stacks, "every metric and 2 rules", everything);
  }
}

}  // namespace
}  // namespace splitprof

int main() {
  splitprof::run_all();
}
