// SPDX-License-Identifier: Apache-2.0
//
// Real sessions as OpenTelemetry's profiles: tests/golden/otel-profiles. Their captures hold no host and were recorded
// without the hashes of files, which are therefore not there.
#include <fmt/format.h>

#include "processor/profiling_receiver.h"
#include "tests/captures/replay_capture.h"
#include "tests/golden.h"

namespace splitprof {
namespace {

struct Replayed {
  otel::Profiles batch;
  Metrics metrics;
  uint64_t moments = 0;
};

void replay(const std::filesystem::path& path, Replayed& replayed) {
  auto capture = open_capture_file(path);
  CaptureReader reader(*capture.file, capture.index, replayed.metrics);
  Run::Options options{
      .hz = capture.index.session.hz, .duration_ns = capture.index.session.duration_ns, .max_moments = 1u << 20};
  for (const uint32_t pid : capture.index.session.pids) options.only.emplace_back(pid);
  Run run(reader, replayed.metrics, options);
  const ProfilingReceiverOptions receiver{.samples_per_second = capture.index.session.hz, .send_error_frames = true};
  run.on_report = [&](const Profile& profile, const Symbolizer& symbolizer) {
    EXPECT_EQ(profile.moments_dropped(), 0u);
    replayed.moments += profile.moments().size();
    replayed.batch = profiles_of(run, receiver, profile, symbolizer, replayed.metrics);
  };
  const auto ran = run.run();
  ASSERT_TRUE(ran) << ran.error().message;
}

// What keeping moments asks of a capture: nothing more than a recording's replay does.
void expect_no_more_questions(const std::filesystem::path& path, const Metrics& metrics) {
  auto capture = open_capture_file(path);
  Metrics recording;
  replay_capture(capture, recording, [](const Profile&, const Symbolizer&) {});
  EXPECT_EQ(metrics.replay_questions_unanswered, recording.replay_questions_unanswered);
  EXPECT_EQ(metrics.replay_questions_out_of_order, recording.replay_questions_out_of_order);
  EXPECT_EQ(metrics.replay_reads_unanswered, recording.replay_reads_unanswered);
  EXPECT_EQ(metrics.replay_jobs_unknown, recording.replay_jobs_unknown);
}

std::string shown(const otel::Value& value) {
  if (const auto* number = std::get_if<int64_t>(&value.v)) return std::to_string(*number);
  return std::string(otel::text_of(value));
}

class Printer {
 public:
  explicit Printer(const otel::Profiles& batch) : batch_(batch), in_(batch.dictionary) {}

  std::string print() {
    for (const auto& mapping : in_.mappings)
      add("mapping {}{}\n", in_.strings[mapping.filename], attributes(in_.attributes_of(mapping)));
    for (size_t i = 0; i < in_.locations.size(); ++i) {
      add("location {} ", i);
      print(in_.locations[i]);
    }
    for (size_t i = 0; i < in_.stacks.size(); ++i) {
      add("stack {}:", i);
      for (const int32_t index : in_.locations_of(static_cast<int32_t>(i))) add(" {}", index);
      out_ += '\n';
    }
    for (const auto& resource : batch_.resources) {
      add("resource");
      for (const auto& [key, value] : resource.resource.attributes) add(" {}={}", key, shown(value));
      out_ += '\n';
      for (const auto& profile : resource.scopes.at(0).profiles) print(profile);
    }
    return out_;
  }

 private:
  template <typename... Args>
  void add(std::string_view format, const Args&... args) {
    out_ += fmt::vformat(format, fmt::make_format_args(args...));
  }
  std::string attributes(std::span<const int32_t> indices) {
    std::string text;
    for (const int32_t index : indices) {
      const auto& attribute = *in_.attribute(index);
      text += fmt::format(" {}={}", in_.strings[attribute.key], shown(attribute.value));
    }
    return text;
  }
  void print(const otel::Profile& profile) {
    add("profile {}/{} period {}/{} {} begins {} lasts {}\n", in_.strings[profile.sample_type.type],
        in_.strings[profile.sample_type.unit], in_.strings[profile.period_type.type],
        in_.strings[profile.period_type.unit], profile.period, profile.time_ns, profile.duration_ns);
    for (const auto& sample : profile.samples) {
      add("  stack {}{} times", sample.stack, attributes(otel::part_of(profile.indices, sample.attributes)));
      for (const uint64_t time_ns : otel::part_of(profile.timestamps_ns, sample.timestamps))
        add(" +{}", time_ns - profile.time_ns);
      out_ += '\n';
    }
  }
  void print(const otel::Location& location) {
    add("{}+{:#x}{}", in_.strings[in_.mapping(location.mapping)->filename], location.address,
        attributes(in_.attributes_of(location)));
    for (const auto& line : in_.lines_of(location)) {
      const auto& function = *in_.function(line.function);
      add(" | {}", in_.strings[function.name]);
      if (function.filename != 0) add(" {}:{}", in_.strings[function.filename], line.line);
    }
    out_ += '\n';
  }

  const otel::Profiles& batch_;
  const otel::Dictionary& in_;
  std::string out_;
};

class CapturedProfiles : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(CapturedProfiles, HoldEverySampleThatWasAggregated) {
  Replayed replayed;
  replay(GetParam(), replayed);
  expect_no_more_questions(GetParam(), replayed.metrics);
  EXPECT_GT(replayed.metrics.samples_aggregated, 50u);
  EXPECT_EQ(replayed.moments, replayed.metrics.samples_aggregated);
  EXPECT_EQ(replayed.batch.sample_count(), replayed.metrics.samples_aggregated);
  for (const auto& resource : replayed.batch.resources)
    for (const auto& profile : resource.scopes.at(0).profiles)
      for (const uint64_t time_ns : profile.timestamps_ns) {
        EXPECT_GE(time_ns, profile.time_ns);
        EXPECT_LE(time_ns, profile.time_ns + profile.duration_ns);
      }
}

INSTANTIATE_TEST_SUITE_P(All, CapturedProfiles, testing::ValuesIn(all_captures()), [](const auto& one) {
  std::string name = one.param.stem().string();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST(CapturedProfile, OfThreadsIsAsItAlwaysWas) {
  Replayed replayed;
  replay(SPLITPROF_SOURCE_DIR "/tests/data/captures/threads.splitprof", replayed);
  test::expect_golden("otel-profiles/threads.txt", Printer(replayed.batch).print());
}

}  // namespace
}  // namespace splitprof
