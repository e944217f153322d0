// SPDX-License-Identifier: Apache-2.0
//
// What samples add to the sums, and what surrounds the points.
#include "processor/metrics/profiling_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/processor/metrics/connector.h"

namespace splitprof {
namespace {

using test::Connector;
using test::ProfilesBuilder;
using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::IsEmpty;
using Lines = std::vector<std::string>;

struct WeightedStack {
  const char* frames;
  uint32_t timestamps;
};
struct Example {
  const char* what;
  std::vector<WeightedStack> samples;
  Lines points;  // sorted
};

class Examples : public testing::TestWithParam<Example> {};

TEST_P(Examples, GiveThesePoints) {
  ProfilesBuilder profiles;
  profiles.profile();
  for (const auto& sample : GetParam().samples) profiles.sample(sample.frames, sample.timestamps);
  Connector connector;
  connector->consume(profiles.out);
  EXPECT_THAT(connector.points(), ElementsAreArray(GetParam().points));
}

const std::vector<Example> kExamples{
    {"the leaf of a runtime counts for it and for user space",
     {{"cpython, cpython, n:libc.so.6", 3}},
     {"cpython 3", "user 3"}},
    {"native leaves count by library, or without one",
     {{"n:/usr/lib/libz.so.1.2.13, cpython", 2}, {"n:/usr/bin/nginx", 1}},
     {"native 1", "native{shlib_name=libz} 2", "user 3"}},
    {"two files of one library are one",
     {{"n:/lib/libm.so.6", 2}, {"n:/usr/lib/libm.so", 3}},
     {"native{shlib_name=libm} 5", "user 5"}},
    {"of all kernel frames the strongest class counts, and user frames behind them do not",
     {{"k:copy_user, k:tcp_recvmsg_locked, k:tcp_recvmsg, k:sock_recvmsg, k:__x64_sys_recvfrom, go", 4}},
     {"kernel{syscall_name=recvfrom, kernel_area=network, kernel_proto=tcp, kernel_io=read} 4"}},
    {"the direction of disks stands in kernel_io",
     {{"k:_raw_spin_lock, k:filemap_read, k:ext4_file_read_iter, k:vfs_read, k:ksys_read, k:__x64_sys_read", 1}},
     {"kernel{syscall_name=read, kernel_area=disk, kernel_io=read} 1"}},
    {"a write that runs the receiving half of TCP is a write",
     {{"k:tcp_v4_rcv, k:tcp_write_xmit, k:ksys_write", 2}},
     {"kernel{syscall_name=write, kernel_area=network, kernel_proto=tcp, kernel_io=write} 2"}},
    {"a sendto is not, whatever else it runs",
     {{"k:tcp_v4_rcv, k:tcp_write_xmit, k:__x64_sys_sendto", 2}},
     {"kernel{syscall_name=sendto, kernel_area=network, kernel_proto=tcp, kernel_io=read} 2"}},
    {"without a system call there is no such attribute",
     {{"k:clear_page, k:handle_mm_fault, k:exc_page_fault, jvm", 5}},
     {"kernel{kernel_area=memory} 5"}},
    {"frames behind the system call's entry are not looked at, those of its name are",
     {{"k:__schedule, k:futex_wait, k:__x64_sys_futex, k:tcp_sendmsg", 1}},
     {"kernel{syscall_name=futex, kernel_area=synchronization} 1"}},
    {"a kernel frame without a name counts, and without a class there is no attribute",
     {{"k:, k:native_halt", 1}},
     {"kernel 1"}},
    {"a type without a metric as the leaf counts nowhere", {{"luajit, n:luajit", 1}}, {}},
    {"such a type behind kernel frames takes nothing away", {{"k:do_idle, abort-marker", 1}}, {"kernel 1"}},
    {"behind a leaf of user space nothing is looked at", {{"go, abort-marker", 1}}, {"go 1", "user 1"}},
    {"an empty stack counts nowhere", {{"", 9}}, {}},
    {"without timestamps a sample counts once", {{"ruby", 0}}, {"ruby 1", "user 1"}},
    {"each runtime has its metric",
     {{"native", 1},
      {"jvm", 2},
      {"cpython", 3},
      {"go", 4},
      {"v8js", 5},
      {"php", 6},
      {"perl", 7},
      {"ruby", 8},
      {"dotnet", 9},
      {"rust", 10},
      {"beam", 11},
      {"kernel", 12}},
     {"beam 11", "cpython 3", "dotnet 9", "go 4", "jvm 2", "kernel 12", "native 1", "perl 7", "php 6", "ruby 8",
      "rust 10", "user 66", "v8js 5"}},
    {"kernel points are one a class and system call",
     {{"k:tcp_sendmsg, k:ksys_write", 1},
      {"k:tcp_push, k:__x64_sys_write", 1},
      {"k:tcp_push", 1},
      {"k:pipe_write, k:ksys_write", 1},
      {"k:udp_rcv", 1},
      {"k:sock_sendmsg", 1}},
     {"kernel{kernel_area=network, kernel_proto=other, kernel_io=write} 1",
      "kernel{kernel_area=network, kernel_proto=tcp, kernel_io=write} 1",
      "kernel{kernel_area=network, kernel_proto=udp, kernel_io=read} 1",
      "kernel{syscall_name=write, kernel_area=ipc, kernel_io=write} 1",
      "kernel{syscall_name=write, kernel_area=network, kernel_proto=tcp, kernel_io=write} 2"}},
    {"the first function with a name names an inlined kernel frame",
     {{"kernel=;tcp_sendmsg;udp_rcv", 1}},
     {"kernel{kernel_area=network, kernel_proto=tcp, kernel_io=write} 1"}},
};

INSTANTIATE_TEST_SUITE_P(ProfilingMetrics, Examples, testing::ValuesIn(kExamples),
                         [](const auto& example) { return std::to_string(example.index + 1); });

TEST(ProfilingMetrics, ValuesOfSamplesDoNotCount) {
  ProfilesBuilder profiles;
  auto& profile = profiles.profile();
  auto& sample = profiles.sample("ruby", 0);
  profile.values = {7};
  sample.values = {0, 1};
  Connector connector;
  connector->consume(profiles.out);
  EXPECT_THAT(connector.points(), ElementsAre("ruby 1", "user 1"));
}

TEST(ProfilingMetrics, OtherKindsOfProfilesAreInNoSum) {
  for (const auto& [type, unit] : std::vector<std::pair<const char*, const char*>>{
           {"off_cpu", "nanoseconds"}, {"events", "count"}, {"samples", "counts"}, {"", ""}}) {
    ProfilesBuilder profiles;
    profiles.profile(1, type, unit);
    profiles.sample("go, go", 2);
    Connector connector;
    connector->consume(profiles.out);
    EXPECT_THAT(connector.points(), IsEmpty()) << type;
    EXPECT_EQ(connector->counters().samples_of_other_kinds, 2u);
  }
}

TEST(ProfilingMetrics, AMetricThatIsOffIsAbsentAndNothingElseIs) {
  auto options = test::pass_through();
  options.enabled[ProfilingMetricsOptions::go] = false;
  options.enabled[ProfilingMetricsOptions::kernel] = false;
  ProfilesBuilder profiles;
  profiles.profile();
  profiles.sample("go", 2);
  profiles.sample("ruby", 3);
  profiles.sample("k:tcp_push", 4);
  Connector connector(options);
  connector->consume(profiles.out);
  EXPECT_THAT(connector.points(), ElementsAre("ruby 3", "user 5"));
  options = test::pass_through();
  options.enabled[ProfilingMetricsOptions::user] = false;
  Connector without_user(options);
  without_user->consume(profiles.out);
  EXPECT_THAT(without_user.points(),
              ElementsAre("go 2", "kernel{kernel_area=network, kernel_proto=tcp, kernel_io=write} 4", "ruby 3"));
}

// Entries 0 of tables are ordinary ones, apart from the gauges' look at stack 0.
TEST(ProfilingMetrics, TablesMayBeginWithARealEntry) {
  otel::Profiles profiles;
  auto& dictionary = profiles.dictionary;
  const int32_t key = dictionary.strings.add(otel::key::kFrameType);
  const int32_t samples = dictionary.strings.add("samples"), count = dictionary.strings.add("count");
  dictionary.attributes.push_back({key, otel::Value{std::string("go")}, 0});
  dictionary.indices = {0, 0};
  dictionary.locations.push_back({.attributes = {0, 1}});
  dictionary.stacks.push_back({{1, 1}});
  auto& profile = profiles.resources.emplace_back().scopes.emplace_back().profiles.emplace_back();
  profile.sample_type = {samples, count};
  profile.samples.emplace_back();
  auto options = test::pass_through();
  options.enabled[ProfilingMetricsOptions::frame_type] = true;
  Connector connector(options);
  connector->consume(profiles);
  EXPECT_THAT(connector.points(), ElementsAre("go 1", "user 1"));
}

TEST(ProfilingMetrics, TheFirstFrameTypeOfALocationCounts) {
  ProfilesBuilder profiles;
  auto& dictionary = profiles.out.dictionary;
  otel::Attribute other;
  other.key = profiles.string("other");
  dictionary.attributes.push_back(other);
  const auto none = static_cast<int32_t>(dictionary.attributes.size() - 1);
  const int32_t php = profiles.frame_type("php"), go = profiles.frame_type("go");
  otel::Location location;
  location.attributes = {static_cast<uint32_t>(dictionary.indices.size()), 3};
  dictionary.indices.insert(dictionary.indices.end(), {none, php, go});
  dictionary.locations.push_back(location);
  profiles.profile();
  profiles.sample(profiles.stack_of({static_cast<int32_t>(dictionary.locations.size() - 1)}));
  Connector connector;
  connector->consume(profiles.out);
  EXPECT_THAT(connector.points(), ElementsAre("php 1", "user 1"));
}

TEST(ProfilingMetrics, TwoProfilesOfAResourceAreTwoPointsOfOneMetric) {
  ProfilesBuilder profiles;
  profiles.profile(5);
  profiles.sample("go", 4);
  profiles.profile(5);
  profiles.sample("go", 2);
  Connector connector;
  connector->consume(profiles.out);
  ASSERT_EQ(connector.kept.batches.size(), 1u);
  const auto& metrics = connector.kept.batches[0].resources[0].scopes[0].metrics;
  ASSERT_EQ(metrics.size(), 2u);
  EXPECT_EQ(metrics[0].points.size(), 2u);
  EXPECT_THAT(connector.points(), ElementsAre("go 2", "go 4", "user 2", "user 4"));
}

TEST(ProfilingMetrics, PointsComeInTheirEnvelope) {
  ProfilesBuilder profiles;
  auto& resource =
      profiles.resource({{"service.name", otel::Value{std::string("shop")}}, {"process.pid", otel::Value{int64_t{7}}}});
  resource.resource.dropped_attributes = 3;
  resource.schema_url = "https://example.org/schema";
  resource.scopes[0].scope.name = "the receiver";
  profiles.profile(42);
  profiles.sample("v8js, v8js");
  profiles.sample("k:schedule");
  const auto wanted = resource.resource;
  profiles.resource({});  // has no profile
  profiles.resource({{"process.pid", otel::Value{int64_t{8}}}});
  profiles.profile(0);
  profiles.sample("beam");
  Connector connector;
  connector->consume(profiles.out);

  ASSERT_EQ(connector.kept.batches.size(), 2u) << "one for each resource with points";
  const auto& batch = connector.kept.batches[0];
  ASSERT_EQ(batch.resources.size(), 1u);
  EXPECT_EQ(batch.resources[0].resource, wanted);
  ASSERT_EQ(batch.resources[0].scopes.size(), 1u);
  const auto& scope = batch.resources[0].scopes[0];
  EXPECT_EQ(scope.scope.name,
            "github.com/elastic/opentelemetry-collector-components/connector/profilingmetricsconnector");
  EXPECT_EQ(scope.scope.version, "9.3.0");
  EXPECT_THAT(scope.scope.attributes, IsEmpty());
  ASSERT_EQ(scope.metrics.size(), 3u);
  EXPECT_EQ(scope.metrics[0].name, "samples.kernel.count") << "alphabetical";
  EXPECT_EQ(scope.metrics[0].description, "Number of samples executing kernel code (self)");
  EXPECT_EQ(scope.metrics[1].name, "samples.user.count");
  EXPECT_EQ(scope.metrics[2].name, "samples.v8js.count");
  for (const auto& metric : scope.metrics) {
    EXPECT_EQ(metric.unit, "1");
    EXPECT_EQ(metric.kind, otel::Metric::Kind::delta_sum);
    ASSERT_EQ(metric.points.size(), 1u);
    EXPECT_EQ(metric.points[0].start_time_ns, test::kCreated.unix_ns);
    EXPECT_EQ(metric.points[0].time_ns, 42u);
  }
  EXPECT_EQ(connector.kept.batches[1].resources[0].scopes[0].metrics[0].points[0].time_ns, 0u);
}

TEST(ProfilingMetrics, EverySampleIsAccountedFor) {
  ProfilesBuilder profiles;
  profiles.profile();
  profiles.sample("go", 2);
  profiles.sample("k:schedule, go", 3);
  profiles.sample("", 4);
  profiles.sample("luajit", 5);
  profiles.sample("-", 1);
  profiles.sample(12345, 6);
  profiles.profile(0, "events", "count");
  profiles.sample("go", 7);
  Connector connector;
  connector->consume(profiles.out);
  const auto& counters = connector->counters();
  EXPECT_EQ(counters.samples_received, profiles.out.sample_count());
  EXPECT_EQ(counters.samples_user, 2u);
  EXPECT_EQ(counters.samples_kernel, 3u);
  EXPECT_EQ(counters.samples_without_stack, 10u);
  EXPECT_EQ(counters.samples_unclassified, 6u);
  EXPECT_EQ(counters.samples_of_other_kinds, 7u);
  EXPECT_EQ(counters.ended_at_unknown_frame_type, 5u);
  EXPECT_EQ(counters.ended_at_untyped_frame, 1u);
  EXPECT_EQ(counters.points_emitted, 3u);
  EXPECT_EQ(counters.batches_emitted, 1u);
}

TEST(ProfilingMetrics, ABadRuleIsAnErrorWhenItIsMade) {
  auto options = test::pass_through();
  options.aggregations = {{"(", "label"}};
  test::KeptMetrics kept;
  EXPECT_FALSE(ProfilingMetrics::make(options, kept, "1", test::kCreated).has_value());
}

}  // namespace
}  // namespace splitprof
