// SPDX-License-Identifier: Apache-2.0
#include "processor/backlog/backlog.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "processor/backlog/format.h"
#include "tests/processor/backlog/backlog_folder.h"

using namespace splitprof;
using namespace splitprof::testing;

namespace {

class BacklogTest : public ::testing::Test {
 protected:
  // Ends the one before.
  Backlog& open() {
    backlog_.reset();
    metrics_ = {};
    options_.folder = folder_.backlog();
    auto opened = Backlog::open_with(options_, metrics_, kNow, test_writer(disk_));
    EXPECT_TRUE(opened.has_value()) << opened.error().message;
    backlog_ = std::move(*opened);
    time_ = 0;
    return *backlog_;
  }
  void append(uint64_t number, size_t size = 1000) { append(number, numbered_message(number, size)); }
  void append(uint64_t number, const Message& message) {
    metrics_.samples_waiting += message.samples;
    backlog_->append(number, message);
  }
  void tick(uint64_t seconds = 1) {
    time_ += seconds * kSecond;
    backlog_->tick(time_, kNow + time_);
  }
  void settle() {
    for (int i = 0; i < 100 && !backlog_->settled(); ++i) tick();
    EXPECT_TRUE(backlog_->settled());
  }
  // Numbers of all that can be taken; each is what was appended under its number, and is forgotten.
  std::vector<uint64_t> take_all(bool forget = true) {
    std::vector<uint64_t> numbers;
    while (auto entry = backlog_->take()) {
      EXPECT_TRUE(same(entry->message, numbered_message(entry->number, entry->message.body.size())));
      numbers.push_back(entry->number);
    }
    for (const uint64_t number : numbers)
      if (forget) backlog_->forget(number);
    return numbers;
  }

  TemporaryFolder folder_;
  Disk disk_;
  Backlog::Options options_;
  ExporterMetrics metrics_;
  std::unique_ptr<Backlog> backlog_;
  uint64_t time_ = 0;
};

using Numbers = std::vector<uint64_t>;

TEST_F(BacklogTest, GivesBackInOrderAfterARestart) {
  open();
  for (const uint64_t number : {3, 1, 2, 7}) append(number);
  settle();
  for (const uint64_t number : {1, 2, 3, 7}) EXPECT_TRUE(backlog_->on_disk(number));
  open();
  EXPECT_EQ(metrics_.samples_left_before, 3u + 1 + 2 + 2);
  EXPECT_EQ(metrics_.samples_waiting, metrics_.samples_left_before);
  EXPECT_EQ(metrics_.backlog_messages, 4u);
  EXPECT_EQ(backlog_->first_free_number(), 8u);
  EXPECT_EQ(take_all(), (Numbers{1, 2, 3, 7}));
}

TEST_F(BacklogTest, DoesNotBringBackWhatIsForgotten) {
  open();
  for (uint64_t number = 1; number <= 9; ++number) append(number);
  settle();
  for (const uint64_t number : {2, 3, 9, 5}) backlog_->forget(number);
  settle();
  open();
  EXPECT_EQ(take_all(false), (Numbers{1, 4, 6, 7, 8}));
}

TEST_F(BacklogTest, BringsBackWhatWasTakenButNotForgotten) {
  open();
  append(1);
  append(2);
  settle();
  EXPECT_EQ(take_all(false).size(), 2u);
  EXPECT_FALSE(backlog_->take().has_value());
  EXPECT_TRUE(backlog_->give_back(1, 0));
  EXPECT_EQ(take_all(false), (Numbers{1}));
  open();
  EXPECT_EQ(take_all(), (Numbers{1, 2}));
}

TEST_F(BacklogTest, AReplacedMessageKeepsItsPlace) {
  open();
  for (uint64_t number = 1; number <= 3; ++number) append(number);
  settle();
  backlog_->append(2, numbered_message(2, 100));
  settle();
  open();
  EXPECT_EQ(metrics_.backlog_messages, 3u);
  ASSERT_TRUE(backlog_->take().has_value());
  EXPECT_EQ(backlog_->take()->message.body.size(), 100u);
  EXPECT_EQ(backlog_->take()->number, 3u);
}

TEST_F(BacklogTest, TheOldFormStandsUntilTheNewOneIsOnDisk) {
  open();
  append(1);
  settle();
  disk_.slow = true;
  backlog_->append(1, numbered_message(1, 100));
  open();  // as after a crash
  EXPECT_EQ(backlog_->take()->message.body.size(), 1000u);
}

TEST_F(BacklogTest, TakesFromMemoryWhatIsNotOnDiskYet) {
  open();
  disk_.slow = true;
  append(1);
  append(2);
  EXPECT_FALSE(backlog_->settled());
  EXPECT_EQ(take_all(), (Numbers{1, 2}));
  EXPECT_TRUE(backlog_->empty());
  disk_.slow = false;
  settle();
  open();
  EXPECT_TRUE(backlog_->empty());
}

TEST_F(BacklogTest, RemovesSegmentsThatNobodyNeeds) {
  options_.max_bytes = 1 << 20;  // segments of 128 KiB
  open();
  for (uint64_t number = 1; number <= 40; ++number) append(number, 60'000);
  settle();
  const size_t most = folder_.segments().size();
  EXPECT_GT(most, 3u);
  for (uint64_t number = 1; number <= 20; ++number) backlog_->forget(number);
  settle();
  EXPECT_LT(folder_.segments().size(), most);
  for (uint64_t number = 21; number <= 40; ++number) backlog_->forget(number);
  settle();
  tick(11);
  settle();
  EXPECT_TRUE(folder_.segments().empty());
  EXPECT_EQ(metrics_.backlog_bytes, 0u);
  // Numbers and serials go on.
  append(41);
  settle();
  open();
  EXPECT_EQ(take_all(), (Numbers{41}));
}

TEST_F(BacklogTest, DropsTheOldestWhenItIsFull) {
  options_.max_bytes = 1 << 20;
  open();
  uint64_t samples = 0;
  for (uint64_t number = 1; number <= 200; ++number) {
    append(number, 60'000);
    samples += numbered_message(number, 1).samples;
    settle();
    EXPECT_LE(metrics_.backlog_bytes, options_.max_bytes);
  }
  EXPECT_GT(metrics_.backlog_dropped, 0u);
  EXPECT_EQ(metrics_.backlog_dropped + metrics_.backlog_messages, 200u);
  EXPECT_EQ(metrics_.samples_backlog_dropped + metrics_.samples_waiting, samples);
  const auto left = take_all();
  ASSERT_FALSE(left.empty());
  EXPECT_EQ(left.back(), 200u);
  for (size_t i = 1; i < left.size(); ++i) EXPECT_EQ(left[i], left[i - 1] + 1);
}

TEST_F(BacklogTest, DropsWhatIsTooOld) {
  options_.max_age_ns = 100 * kSecond;
  open();
  append(4);
  settle();
  tick(99);
  EXPECT_EQ(metrics_.backlog_messages, 1u);
  tick(20);
  EXPECT_EQ(metrics_.backlog_dropped, 1u);
  EXPECT_EQ(metrics_.samples_backlog_dropped, 4u);
  EXPECT_EQ(metrics_.samples_waiting, 0u);
  EXPECT_TRUE(folder_.segments().empty());
}

TEST_F(BacklogTest, WhatIsTakenWhenABoundDropsItIsCountedWhenItComesBack) {
  options_.max_age_ns = 100 * kSecond;
  open();
  append(3);
  append(4);
  settle();
  ASSERT_EQ(backlog_->take()->number, 3u);
  tick(200);
  EXPECT_EQ(metrics_.backlog_dropped, 1u);
  EXPECT_EQ(metrics_.samples_waiting, 3u);
  EXPECT_FALSE(backlog_->give_back(3, 3));
  EXPECT_EQ(metrics_.backlog_dropped, 2u);
  EXPECT_EQ(metrics_.samples_backlog_dropped, 7u);
  EXPECT_EQ(metrics_.samples_waiting, 0u);
}

TEST_F(BacklogTest, AFullDiskIsTriedAgainAndLosesNothing) {
  open();
  append(1);
  settle();
  for (const int error : {ENOSPC, EIO}) {
    SCOPED_TRACE(error);
    disk_ = {.error = error, .bytes_in_spite = 700};
    append(2 + 3 * static_cast<uint64_t>(error == EIO));
    append(3 + 3 * static_cast<uint64_t>(error == EIO));
    const uint64_t writes = disk_.writes;
    for (int i = 0; i < 50; ++i) (void)backlog_->settled();
    EXPECT_LE(disk_.writes, writes + 1) << "a busy loop";
    const uint64_t errors = metrics_.backlog_write_errors;
    EXPECT_GT(errors, 0u);
    for (int i = 0; i < 10; ++i) tick();
    EXPECT_GE(metrics_.backlog_write_errors, errors + 4);
    EXPECT_LE(metrics_.backlog_write_errors, errors + 10);
    disk_ = {};
    append(4 + 3 * static_cast<uint64_t>(error == EIO));
    settle();
  }
  open();
  EXPECT_EQ(metrics_.backlog_damaged, 0u);
  EXPECT_EQ(take_all(), (Numbers{1, 2, 3, 4, 5, 6, 7}));
}

TEST_F(BacklogTest, WhatWaitsForABrokenDiskIsBounded) {
  options_.max_unwritten_bytes = 100'000;
  open();
  disk_.error = EIO;
  uint64_t samples = 0;
  for (uint64_t number = 1; number <= 1000; ++number) {
    append(number);
    samples += numbered_message(number, 1).samples;
  }
  EXPECT_GT(metrics_.backlog_dropped, 500u);
  EXPECT_EQ(metrics_.samples_backlog_dropped + metrics_.samples_waiting, samples);
  disk_.error = 0;
  settle();
  EXPECT_EQ(metrics_.backlog_messages + metrics_.backlog_dropped, 1000u);
  EXPECT_EQ(take_all().back(), 1000u);
}

TEST_F(BacklogTest, AWriteThatACrashTearsIsCutOff) {
  open();
  append(1);
  append(2);
  settle();
  append(3, 5000);
  settle();
  const std::string path = folder_.segments().at(0);
  const std::string whole = read_file(path);
  // Every length of the last record that a crash could leave.
  std::filesystem::remove(folder_.backlog() + "/progress");
  for (size_t size = whole.size() - 1; size > whole.size() - 1000; size -= 97) {
    SCOPED_TRACE(size);
    backlog_.reset();
    for (const auto& other : folder_.segments()) std::filesystem::remove(other);
    write_file(path, whole.substr(0, size));
    open();
    EXPECT_EQ(metrics_.backlog_damaged, 0u);
    EXPECT_EQ(take_all(false), (Numbers{1, 2}));
    open();
    EXPECT_EQ(metrics_.backlog_damaged, 0u);
  }
}

TEST_F(BacklogTest, ABrokenBodyCostsOneMessage) {
  open();
  for (uint64_t number = 1; number <= 4; ++number) {
    append(number);
    settle();
  }
  const std::string path = folder_.segments().at(0);
  std::string bytes = read_file(path);
  const size_t second = bytes.find("SPRC", bytes.find("SPRC") + 1);
  bytes[second + 64 + 20] ^= 1;
  backlog_.reset();
  write_file(path, bytes);
  open();
  EXPECT_EQ(metrics_.samples_left_before, 1u + 2 + 3 + 4);
  EXPECT_EQ(take_all(), (Numbers{1, 3, 4}));
  EXPECT_EQ(metrics_.backlog_damaged, 1u);
  EXPECT_EQ(metrics_.samples_backlog_damaged, 2u);
}

TEST_F(BacklogTest, ABrokenHeaderIsSearchedPast) {
  open();
  for (uint64_t number = 1; number <= 4; ++number) {
    append(number);
    settle();
  }
  const std::string path = folder_.segments().at(0);
  std::string bytes = read_file(path);
  const size_t second = bytes.find("SPRC", bytes.find("SPRC") + 1);
  bytes[second + 40] ^= 1;
  backlog_.reset();
  write_file(path, bytes);
  open();
  EXPECT_EQ(metrics_.backlog_damaged, 1u);
  EXPECT_EQ(metrics_.samples_left_before, 1u + 3 + 4);
  EXPECT_EQ(take_all(), (Numbers{1, 3, 4}));
}

TEST_F(BacklogTest, ASegmentWithoutAHeaderIsRemovedAndCounted) {
  options_.max_bytes = 1 << 20;
  open();
  for (uint64_t number = 1; number <= 40; ++number) append(number, 60'000);
  settle();
  backlog_.reset();
  const auto paths = folder_.segments();
  ASSERT_GT(paths.size(), 1u);
  std::string bytes = read_file(paths[0]);
  bytes[20] ^= 1;
  write_file(paths[0], bytes);
  open();
  EXPECT_EQ(metrics_.backlog_damaged, 1u);
  EXPECT_FALSE(std::filesystem::exists(paths[0]));
  const auto left = take_all();
  EXPECT_FALSE(left.empty());
  EXPECT_EQ(left.back(), 40u);
}

TEST_F(BacklogTest, ACopyOfASegmentIsNotSentTwice) {
  open();
  append(1);
  settle();
  backlog_.reset();
  std::filesystem::copy(folder_.segments().at(0), folder_.backlog() + "/0000000000000077.seg");
  open();
  EXPECT_EQ(metrics_.backlog_damaged, 1u);
  EXPECT_EQ(take_all(), (Numbers{1}));
}

TEST_F(BacklogTest, WithoutItsProgressItSendsAgainAndGoesOn) {
  open();
  for (uint64_t number = 1; number <= 3; ++number) append(number);
  settle();
  backlog_->forget(1);
  settle();
  backlog_.reset();
  write_file(folder_.backlog() + "/progress", std::string(200'000, 'x'));
  open();
  EXPECT_EQ(take_all(), (Numbers{1, 2, 3}));
}

TEST_F(BacklogTest, ATornProgressCostsTheNewestOnly) {
  open();
  for (uint64_t number = 1; number <= 3; ++number) append(number);
  settle();
  backlog_->forget(1);
  settle();
  backlog_->forget(2);
  settle();
  const std::string path = folder_.backlog() + "/progress";
  const std::string whole = read_file(path);
  for (const size_t slot : {0, 1 << 16}) {
    backlog_.reset();
    std::string torn = whole;
    torn[slot + 33] ^= 1;
    write_file(path, torn);
    open();
    const auto left = take_all(false);
    EXPECT_TRUE(left == (Numbers{2, 3}) || left == (Numbers{3}));
  }
}

TEST_F(BacklogTest, ANewerFormatIsNotTouched) {
  open();
  append(1);
  settle();
  const std::string path = folder_.segments().at(0);
  backlog_.reset();
  auto header = backlog::make_segment_header(1, kNow, 5);
  header.version = 2;
  header = backlog::sealed(header);
  std::string bytes = read_file(path);
  std::memcpy(bytes.data(), &header, sizeof header);
  write_file(path, bytes);
  const auto opened = Backlog::open_with(options_, metrics_, kNow, test_writer(disk_));
  ASSERT_FALSE(opened.has_value());
  EXPECT_NE(opened.error().message.find("format 2; this program knows 1"), std::string::npos) << opened.error().message;
  EXPECT_EQ(read_file(path), bytes);
}

TEST_F(BacklogTest, OneFolderIsOneProcesss) {
  open();
  ExporterMetrics other;
  const auto second = Backlog::open_with(options_, other, kNow, test_writer(disk_));
  ASSERT_FALSE(second.has_value());
  EXPECT_NE(second.error().message.find("used by another process"), std::string::npos) << second.error().message;
}

TEST_F(BacklogTest, NobodyElseMayLookIn) {
  open();
  append(1);
  settle();
  struct stat status;
  ASSERT_EQ(stat(folder_.backlog().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0700u);
  ASSERT_EQ(stat(folder_.segments().at(0).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  backlog_.reset();
  ASSERT_EQ(chmod(folder_.backlog().c_str(), 0720), 0);
  const auto opened = Backlog::open_with(options_, metrics_, kNow, test_writer(disk_));
  ASSERT_FALSE(opened.has_value());
  EXPECT_NE(opened.error().message.find("chmod 0700"), std::string::npos) << opened.error().message;
}

TEST_F(BacklogTest, FollowsNoLinks) {
  open();
  backlog_.reset();
  write_file(folder_.path() + "/secret", "secret");
  std::filesystem::create_symlink(folder_.path() + "/secret", folder_.backlog() + "/0000000000000003.seg");
  open();
  append(1);
  settle();
  EXPECT_EQ(read_file(folder_.path() + "/secret"), "secret");
}

TEST_F(BacklogTest, AMessageThatIsTooLargeIsDroppedAndCounted) {
  options_.max_bytes = 100'000;
  open();
  Message large{.samples = 9};
  uint64_t state = 1;
  for (int i = 0; i < 200'000; ++i) large.body += static_cast<char>((state = state * 6364136223846793005 + 1) >> 56);
  append(1, large);
  EXPECT_TRUE(backlog_->empty());
  EXPECT_EQ(metrics_.samples_backlog_dropped, 9u);
  EXPECT_EQ(metrics_.samples_waiting, 0u);
}

TEST_F(BacklogTest, EmptyBodiesAreMessages) {
  open();
  append(1, Message{.kind = 3, .items = 4, .samples = 5});
  EXPECT_TRUE((settle(), backlog_->on_disk(1)));
  open();
  const auto entry = backlog_->take();
  ASSERT_TRUE(entry.has_value());
  EXPECT_TRUE(same(entry->message, Message{.kind = 3, .items = 4, .samples = 5}));
}

}  // namespace
