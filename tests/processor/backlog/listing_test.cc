// SPDX-License-Identifier: Apache-2.0
#include "processor/backlog/listing.h"

#include "tests/processor/backlog/backlog_folder.h"

using namespace splitprof;
using namespace splitprof::testing;

namespace {

class ListingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened =
        Backlog::open_with({.folder = folder_.backlog(), .max_bytes = 1 << 20}, metrics_, kNow, test_writer(disk_));
    ASSERT_TRUE(opened.has_value());
    backlog_ = std::move(*opened);
  }
  void settle() {
    for (int i = 0; i < 100 && !backlog_->settled(); ++i) continue;
    ASSERT_TRUE(backlog_->settled());
  }
  backlog::Listing list() {
    auto listing = backlog::list_folder(folder_.backlog());
    EXPECT_TRUE(listing.has_value());
    return std::move(*listing);
  }
  TemporaryFolder folder_;
  Disk disk_;
  ExporterMetrics metrics_;
  std::unique_ptr<Backlog> backlog_;
};

TEST_F(ListingTest, SaysWhatWaitsWhileAProcessUsesIt) {
  for (uint64_t number = 1; number <= 40; ++number) backlog_->append(number, numbered_message(number, 60'000));
  settle();
  for (uint64_t number = 1; number <= 5; ++number) backlog_->forget(number);
  backlog_->append(9, numbered_message(9, 10));
  settle();
  const auto listing = list();
  EXPECT_TRUE(listing.in_use);
  EXPECT_TRUE(listing.has_progress);
  EXPECT_FALSE(listing.damaged());
  EXPECT_EQ(listing.segments.size(), folder_.segments().size());
  uint64_t items = 0, samples = 0, messages = 0, bytes = 0;
  for (uint64_t number = 6; number <= 40; ++number) {
    items += numbered_message(number, 1).items;
    samples += numbered_message(number, 1).samples;
  }
  for (const auto& segment : listing.segments) messages += segment.waiting.messages, bytes += segment.bytes;
  EXPECT_EQ(listing.waiting.messages, 35u);
  EXPECT_EQ(messages, 35u);
  EXPECT_EQ(bytes, metrics_.backlog_bytes);
  EXPECT_EQ(listing.waiting.items, items);
  EXPECT_EQ(listing.waiting.samples, samples);
  EXPECT_EQ(listing.waiting.messages_by_kind.size(), 6u);
  EXPECT_EQ(listing.waiting.oldest_unix_ns, kNow);
  backlog_.reset();
  EXPECT_FALSE(list().in_use);
}

TEST_F(ListingTest, SaysWhatIsDamagedAndChangesNothing) {
  for (uint64_t number = 1; number <= 4; ++number) {
    backlog_->append(number, numbered_message(number));
    settle();
  }
  backlog_.reset();
  const std::string path = folder_.segments().at(0);
  const std::string whole = read_file(path);
  const size_t second = whole.find("SPRC", whole.find("SPRC") + 1);
  std::string bytes = whole;
  bytes[second + 64 + 3] ^= 1;
  write_file(path, bytes);
  EXPECT_EQ(list().segments.at(0).damaged_bodies, 1u);
  EXPECT_EQ(list().waiting.messages, 3u);
  bytes = whole;
  bytes[second + 9] ^= 1;
  write_file(path, bytes);
  EXPECT_EQ(list().segments.at(0).damaged_places, 1u);
  EXPECT_EQ(list().waiting.messages, 3u);
  write_file(path, whole.substr(0, whole.size() - 9));
  EXPECT_FALSE(list().damaged());
  EXPECT_GT(list().segments.at(0).unfinished_bytes, 64u);
  EXPECT_EQ(list().waiting.messages, 3u);
  bytes[1] = 'x';
  write_file(path, bytes);
  EXPECT_TRUE(list().damaged());
  EXPECT_EQ(list().segments.at(0).problem, "not a segment of a backlog");
  EXPECT_EQ(read_file(path), bytes);
}

TEST(Listing, AFolderThatIsNotThereIsAnError) {
  EXPECT_FALSE(backlog::list_folder("/nonexistent/backlog").has_value());
}

}  // namespace
