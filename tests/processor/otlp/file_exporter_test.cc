// SPDX-License-Identifier: Apache-2.0
#include "processor/otlp/file_exporter.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <kj/io.h>
#include <zstd.h>

#include "processor/otlp/codec.h"
#include "processor/otlp/debug_exporter.h"
#include "processor/otlp/folded.h"
#include "random_telemetry.h"
#include "received.h"

namespace splitprof::otlp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Format = FileExporterOptions::Format;

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kNow = 1'700'000'000 * kSecond;  // 2023-11-14T22:13:20Z

otel::Metrics small_metrics() {
  otel::Metrics out;
  auto& metric = out.resources.emplace_back().scopes.emplace_back().metrics.emplace_back();
  metric.name = "samples.user.count";
  metric.points.push_back({.time_ns = kNow, .value = 7});
  return out;
}

class FileExporterTest : public testing::Test {
 protected:
  FileExporter& exporter(FileExporterOptions options) {
    options.name = "file";
    if (options.path.empty()) options.path = folder_ / "out.json";
    auto made = FileExporter::make(options);
    EXPECT_TRUE(made) << made.error().message;
    exporter_ = std::move(*made);
    tick(0);
    return *exporter_;
  }
  void tick(uint64_t seconds) {
    exporter_->tick({.monotonic_ns = kSecond + seconds * kSecond, .unix_ns = kNow + seconds * kSecond});
  }
  void stop() { exporter_->stop({.monotonic_ns = 1000 * kSecond, .unix_ns = kNow}, 1001 * kSecond); }
  void expect_balance() {
    EXPECT_EQ(metric_of(*exporter_, "samples_received"), metric_of(*exporter_, "samples_delivered") +
                                                             metric_of(*exporter_, "samples_given_up") +
                                                             metric_of(*exporter_, "samples_waiting"));
  }

  ScratchFolder folder_;
  std::unique_ptr<FileExporter> exporter_;
};

TEST_F(FileExporterTest, WritesALineOfJsonForEachBatch) {
  const auto profiles = typical_profiles(3, 2, 2);
  const auto metrics = small_metrics();
  exporter({});
  exporter_->consume(profiles);
  exporter_->consume(metrics);
  EXPECT_EQ(folder_.read("out.json"), "");  // until flush_interval has passed
  EXPECT_EQ(metric_of(*exporter_, "samples_waiting"), 3u);
  tick(2);
  EXPECT_EQ(folder_.read("out.json"), encode(profiles, Encoding::json) + "\n" + encode(metrics, Encoding::json) + "\n");
  EXPECT_EQ(metric_of(*exporter_, "samples_delivered"), 3u);
  expect_balance();
}

TEST_F(FileExporterTest, WritesProtobufBehindItsLength) {
  const auto proto = encode(typical_profiles(300, 20, 20), Encoding::proto);
  exporter({.format = Format::proto}).consume(typical_profiles(300, 20, 20));
  stop();
  EXPECT_TRUE(exporter_->finished());
  const auto file = folder_.read("out.json");
  ASSERT_GT(file.size(), 4u);
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(file[i]); };
  EXPECT_EQ((byte(0) << 24 | byte(1) << 16 | byte(2) << 8 | byte(3)), static_cast<int>(proto.size()));
  EXPECT_EQ(file.substr(4), proto);
}

TEST_F(FileExporterTest, WritesEachBatchAsAFrameOfZstd) {
  const auto json = encode(typical_profiles(3, 2, 2), Encoding::json);
  exporter({.zstd = true}).consume(typical_profiles(3, 2, 2));
  stop();
  const auto file = folder_.read("out.json");
  std::string text(json.size() + 1, '\0');
  const size_t size = ZSTD_decompress(text.data(), text.size(), file.data() + 4, file.size() - 4);
  ASSERT_FALSE(ZSTD_isError(size));
  text.resize(size);
  EXPECT_EQ(text, json);
}

TEST_F(FileExporterTest, EmptiesTheFileUnlessItAppends) {
  folder_.write("out.json", "old\n");
  exporter({.append = true});
  stop();
  EXPECT_EQ(folder_.read("out.json"), "old\n");
  exporter({.append = false});
  stop();
  EXPECT_EQ(folder_.read("out.json"), "");
}

TEST_F(FileExporterTest, SetsFilesAsideAndRemovesTheOldest) {
  const auto batch = typical_profiles(3000, 2000, 30);  // more than half a megabyte
  folder_.write("out-2023-11-14T22-13-19.000.json", "of before\n");
  folder_.write("out-2023-11-14T22-13-19.json", "somebody else's\n");
  folder_.write("out.json", "appended to\n");
  exporter({.rotate = true, .max_megabytes = 1, .max_backups = 2});
  for (uint64_t i = 0; i < 4; ++i) {
    tick(2 * i);
    exporter_->consume(batch);
  }
  stop();
  EXPECT_THAT(folder_.list(), ElementsAre("out-2023-11-14T22-13-19.json", "out-2023-11-14T22-13-24.000.json",
                                          "out-2023-11-14T22-13-26.000.json", "out.json"));
  const auto line = encode(batch, Encoding::json) + "\n";
  ASSERT_GT(line.size(), 512u << 10);
  EXPECT_EQ(folder_.read("out.json"), line);
  EXPECT_EQ(folder_.read("out-2023-11-14T22-13-26.000.json"), line);
  EXPECT_EQ(metric_of(*exporter_, "samples_delivered"), 12'000u);
}

TEST_F(FileExporterTest, RemovesFilesThatAreTooOld) {
  folder_.write("out-2023-11-13T22-13-19.000.json", "more than a day\n");
  folder_.write("out-2023-11-13T22-13-21.000.json", "less than a day\n");
  folder_.write("out.json", std::string(2 << 20, 'x'));
  exporter({.rotate = true, .max_megabytes = 1, .max_days = 1, .max_backups = 0}).consume(typical_profiles(1, 1, 1));
  EXPECT_THAT(folder_.list(),
              ElementsAre("out-2023-11-13T22-13-21.000.json", "out-2023-11-14T22-13-20.000.json", "out.json"));
}

TEST_F(FileExporterTest, CountsWhatADiskThatIsFullDoesNotTake) {
  exporter({.path = "/dev/full"}).consume(typical_profiles(5, 2, 2));
  EXPECT_TRUE(exporter_->healthy());
  tick(2);
  EXPECT_FALSE(exporter_->healthy());
  EXPECT_EQ(metric_of(*exporter_, "samples_given_up"), 5u);
  expect_balance();
}

TEST_F(FileExporterTest, DoesNotWaitForAReaderOfAFifo) {
  ASSERT_EQ(mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  EXPECT_THAT(FileExporter::make({.name = "file/x", .path = folder_ / "fifo"}).error().message,
              testing::AllOf(HasSubstr("exporter file/x"), HasSubstr("No such device")));
  const kj::AutoCloseFd reader(open((folder_ / "fifo").c_str(), O_RDONLY | O_NONBLOCK));
  exporter({.path = folder_ / "fifo"});
  for (int i = 0; i < 10; ++i) exporter_->consume(typical_profiles(2000, 100, 30));
  tick(2);
  EXPECT_GT(metric_of(*exporter_, "samples_given_up"), 0u);
  expect_balance();
}

TEST_F(FileExporterTest, SaysWhyAFileCannotBeOpened) {
  EXPECT_THAT(FileExporter::make({.name = "file", .path = folder_ / "no/such"}).error().message,
              HasSubstr("No such file or directory"));
  EXPECT_THAT(FileExporter::make({.name = "file", .path = folder_.path()}).error().message,
              HasSubstr("Is a directory"));
}

otel::Profiles small_profiles() {
  otel::Profiles out;
  auto& tables = out.dictionary;
  tables.strings.add("");
  const auto name = [&](std::string_view text) {
    tables.functions.push_back({tables.strings.add(text)});
    return static_cast<int32_t>(tables.functions.size() - 1);
  };
  const int32_t main = name("main"), inlined = name("in;lined\n"), outer = name("outer"), kernel = name("do_syscall");
  tables.attributes.push_back({tables.strings.add(otel::key::kFrameType), {std::string("kernel")}});
  tables.mappings.push_back({.filename = tables.strings.add("/usr/lib/libc.so.6")});
  tables.lines = {{main, 1}, {inlined, 2}, {outer, 3}, {kernel, 0}};
  tables.indices = {0, /* stacks */ 3, 2, 1, 0, 99};
  tables.locations.push_back({.lines = {0, 1}});
  tables.locations.push_back({.lines = {1, 2}});
  tables.locations.push_back({.mapping = 0, .address = 0x1234});
  tables.locations.push_back({.lines = {3, 1}, .attributes = {0, 1}});
  tables.stacks.push_back({{1, 4}});
  tables.stacks.push_back({{4, 2}});
  auto& resource = out.resources.emplace_back();
  otel::set(resource.resource.attributes, "process.executable.name", {std::string("demo")});
  auto& profile = resource.scopes.emplace_back().profiles.emplace_back();
  profile.timestamps_ns = {1, 2, 3};
  profile.values = {7};
  profile.samples = {{.stack = 0, .timestamps = {0, 2}},
                     {.stack = 0, .timestamps = {2, 1}},
                     {.stack = 1, .values = {0, 1}},
                     {.stack = -1}};
  return out;
}

TEST(Folded, AddsUpStacksFromTheOutermostFrame) {
  EXPECT_EQ(to_folded(small_profiles()),
            "demo 1\n"
            "demo;[unknown];main 7\n"
            "demo;main;outer;in:lined?_[i];libc.so.6+0x1234;do_syscall_[k] 3\n");
}

TEST_F(FileExporterTest, AddsFoldedStacksToAFileThatHasSome) {
  folder_.write("out.folded", "demo 1\n");
  exporter({.path = folder_ / "out.folded", .format = Format::folded}).consume(small_profiles());
  exporter_->consume(small_metrics());
  stop();
  EXPECT_EQ(folder_.read("out.folded"), "demo 1\n" + to_folded(small_profiles()));
  EXPECT_EQ(metric_of(*exporter_, "points_without_document"), 1u);
}

std::vector<std::string> debug_lines(DebugExporterOptions::Verbosity verbosity, const otel::Profiles& profiles) {
  std::vector<std::string> lines;
  DebugExporter exporter({.name = "debug", .verbosity = verbosity},
                         [&](const std::string& line) { lines.push_back(line); });
  exporter.consume(profiles);
  EXPECT_EQ(metric_of(exporter, "samples_delivered"), profiles.sample_count());
  return lines;
}

TEST(DebugExporter, SaysAsMuchAsItIsAskedFor) {
  using Verbosity = DebugExporterOptions::Verbosity;
  const auto profiles = small_profiles();
  EXPECT_THAT(debug_lines(Verbosity::basic, profiles),
              ElementsAre("debug: profiles: 1 resources, 1 profiles, 5 samples"));
  EXPECT_THAT(debug_lines(Verbosity::normal, profiles),
              ElementsAre(testing::_, "  resource: process.executable.name=demo", HasSubstr("4 samples")));
  EXPECT_THAT(debug_lines(Verbosity::detailed, profiles), testing::Contains(HasSubstr("0x1234 /usr/lib/libc.so.6")));
  EXPECT_THAT(debug_lines(Verbosity::detailed, profiles), testing::Contains(HasSubstr("in;lined\\x0a")));
}

TEST(DebugExporter, EndsAListingThatIsTooLong) {
  const auto lines = debug_lines(DebugExporterOptions::Verbosity::detailed, typical_profiles(1000, 10, 500));
  EXPECT_LE(lines.size(), 1002u);
  EXPECT_THAT(lines.back(), HasSubstr("lines more"));
}

}  // namespace
}  // namespace splitprof::otlp
