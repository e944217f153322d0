// SPDX-License-Identifier: Apache-2.0
#include "processor/otlp/json_files.h"

#include <gmock/gmock.h>

#include "processor/otlp/codec.h"
#include "processor/otlp/json_lines.h"
#include "random_telemetry.h"
#include "received.h"

namespace splitprof::otlp {
namespace {

using testing::ElementsAre;

constexpr uint64_t kMillisecond = 1'000'000;

// A batch of that many samples, as a line.
std::string batch(uint32_t samples) {
  return encode(typical_profiles(samples, 2, 3), Encoding::json) + "\n";
}

class JsonFilesTest : public testing::Test {
 protected:
  JsonFileReceiver& receiver(OtlpJsonFileOptions options = {}) {
    options.name = "otlpjsonfile";
    if (options.include.empty()) options.include = {folder_ / "*.json"};
    receiver_ = std::make_unique<JsonFileReceiver>(options, out_);
    return *receiver_;
  }
  void run(uint64_t milliseconds = 1000) {
    for (uint64_t i = 0; i < milliseconds; i += 50) receiver_->tick({.monotonic_ns = now_ns_ += 50 * kMillisecond});
  }
  std::vector<uint64_t> samples() const {
    std::vector<uint64_t> counts;
    for (const auto& one : out_.batches) counts.push_back(one.sample_count());
    return counts;
  }

  ScratchFolder folder_;
  KeepingConsumer out_;
  std::unique_ptr<JsonFileReceiver> receiver_;
  uint64_t now_ns_ = 1;
};

TEST_F(JsonFilesTest, ReadsWhatIsThereAndWhatIsAppended) {
  folder_.write("a.json", batch(1) + "\n" + batch(2));
  folder_.write("a.txt", batch(9));
  receiver();
  run();
  EXPECT_THAT(samples(), ElementsAre(1, 2));
  folder_.write("a.json", batch(3));
  folder_.write("b.json", batch(4));
  run();
  EXPECT_THAT(samples(), testing::UnorderedElementsAre(1, 2, 3, 4));
  EXPECT_EQ(metric_of(*receiver_, "samples_received"), 10u);
}

TEST_F(JsonFilesTest, StartsAtTheEndOfFilesThatWereThere) {
  folder_.write("a.json", batch(1));
  receiver({.start_at_beginning = false});
  run();
  folder_.write("a.json", batch(2));
  folder_.write("b.json", batch(3));  // is new: all of it
  run();
  EXPECT_THAT(samples(), testing::UnorderedElementsAre(2, 3));
}

TEST_F(JsonFilesTest, WaitsForTheRestOfALine) {
  const auto line = batch(5);
  folder_.write("a.json", line.substr(0, 100));
  receiver();
  run(5000);
  EXPECT_THAT(samples(), ElementsAre());
  folder_.write("a.json", line.substr(100));
  run();
  EXPECT_THAT(samples(), ElementsAre(5));
  EXPECT_EQ(metric_of(*receiver_, "batches_malformed"), 0u);
}

TEST_F(JsonFilesTest, TakesALastLineWithoutItsNewline) {
  auto line = batch(5);
  line.pop_back();
  folder_.write("a.json", line);
  receiver();
  run(500);
  EXPECT_THAT(samples(), ElementsAre());
  run(2000);
  EXPECT_THAT(samples(), ElementsAre(5));
}

TEST_F(JsonFilesTest, FollowsAFileThatIsRenamed) {
  folder_.write("a.json", batch(1));
  receiver({.include = {folder_ / "*.json*"}});
  run();
  std::filesystem::rename(folder_ / "a.json", folder_ / "a.json.1");
  folder_.write("a.json", batch(2));
  run();
  folder_.write("a.json.1", batch(3));  // by a writer that has it open still
  run();
  EXPECT_THAT(samples(), ElementsAre(1, 2, 3));
}

TEST_F(JsonFilesTest, NoticesAFileThatBecameShorter) {
  folder_.write("a.json", batch(1) + batch(2));
  receiver();
  run();
  folder_.write("a.json", batch(3), false);
  run();
  EXPECT_THAT(samples(), ElementsAre(1, 2, 3));
  EXPECT_EQ(metric_of(*receiver_, "files_truncated"), 1u);
}

TEST_F(JsonFilesTest, GoesOnAfterBadLinesAndOtherSignals) {
  folder_.write("a.json", "not json\n" + batch(1) + "{\"resourceMetrics\":[]}\n[]\n" + batch(2));
  receiver();
  run();
  EXPECT_THAT(samples(), ElementsAre(1, 2));
  EXPECT_EQ(metric_of(*receiver_, "batches_malformed"), 2u);
  EXPECT_EQ(metric_of(*receiver_, "batches_empty"), 1u);
}

TEST_F(JsonFilesTest, PassesOverALineThatIsTooLong) {
  folder_.write("a.json", std::string(JsonLines::kMaxLineBytes + 1'000'000, 'x') + "\n" + batch(1));
  receiver();
  run(5000);
  EXPECT_THAT(samples(), ElementsAre(1));
  EXPECT_EQ(metric_of(*receiver_, "batches_too_large"), 1u);
}

TEST_F(JsonFilesTest, ReadsABoundedPieceInOneTick) {
  const auto line = batch(2000);
  for (int i = 0; i < 200; ++i) folder_.write("a.json", line);
  receiver();
  run(50);
  const size_t first = out_.batches.size();
  EXPECT_GT(first, 0u);
  EXPECT_LT(first, 200u);
  run(5000);
  EXPECT_EQ(out_.batches.size(), 200u);
}

TEST_F(JsonFilesTest, ReplaysAgainAndAgain) {
  folder_.write("a.json", batch(1) + batch(2));
  receiver({.replay_file = true, .poll_interval_ns = 200 * kMillisecond});
  run(2000);
  EXPECT_GE(samples().size(), 10u);
  EXPECT_LE(samples().size(), 22u);
}

TEST_F(JsonFilesTest, LeavesOutWhatIsExcludedAndWhatIsNoFile) {
  folder_.write("a.json", batch(1));
  folder_.write("b.json", batch(2));
  ASSERT_EQ(mkfifo((folder_ / "c.json").c_str(), 0600), 0);
  receiver({.include = {folder_ / "*.json"}, .exclude = {folder_ / "b*"}});
  run();
  EXPECT_THAT(samples(), ElementsAre(1));
  EXPECT_EQ(metric_of(*receiver_, "files_failed"), 1u);
}

TEST_F(JsonFilesTest, NamesTheFoldersThatItReads) {
  EXPECT_THAT(JsonFileReceiver::readable_folders({.include = {"/a/b/*.json", "/a/b/c.json", "/x/*/y.json", "/z*"}}),
              ElementsAre("/", "/a/b", "/x"));
}

}  // namespace
}  // namespace splitprof::otlp
