// SPDX-License-Identifier: Apache-2.0
#include "processor/capture/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "processor/capture/captured_reads.h"
#include "tests/processor/capture/capture_in_memory.h"

namespace splitprof {
namespace {

std::vector<std::byte> noise(size_t size, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<std::byte> bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

void add_files(CaptureLog& log, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    log.add(AskedEntry{i + 1, "AskMappedFile", "x"});
    log.add(AnswerEntry{i + 1, CapturedFileValue{i, {.device = 1, .inode = i, .size = 1u << 20}}});
  }
}

TEST(CaptureLog, EqualContentsOfDifferentFilesAreStoredOnce) {
  const auto bytes = noise(300'000, 1);
  const auto once = write_capture([&](CaptureLog& log) {
    add_files(log, 10);
    log.add_read(0, 100, bytes.size(), std::span<const std::byte>(bytes));
  });
  const auto ten_times = write_capture([&](CaptureLog& log) {
    add_files(log, 10);
    for (uint32_t i = 0; i < 10; ++i) log.add_read(i, 100, bytes.size(), std::span<const std::byte>(bytes));
  });
  EXPECT_GT(once.size(), 300'000u);
  EXPECT_LT(ten_times.size(), once.size() + 1000);
  auto capture = open_capture(ten_times);
  ASSERT_TRUE(capture);
  CapturedReads reads(*capture->file, capture->index);
  for (uint32_t i = 0; i < 10; ++i) {
    std::vector<std::byte> read(bytes.size());
    ASSERT_TRUE(reads.read(i, 100, read));
    EXPECT_EQ(read, bytes);
  }
}

TEST(CaptureLog, OverlappingReadsShareWhatLiesBetween) {
  const auto bytes = noise(1 << 20, 2);
  const auto whole = write_capture([&](CaptureLog& log) {
    add_files(log, 1);
    log.add_read(0, 0, bytes.size(), std::span<const std::byte>(bytes));
  });
  const auto overlapping = write_capture([&](CaptureLog& log) {
    add_files(log, 1);
    log.add_read(0, 0, bytes.size(), std::span<const std::byte>(bytes));
    log.add_read(0, 70'000, 800'000, std::span<const std::byte>(bytes).subspan(70'000, 800'000));
  });
  EXPECT_LT(overlapping.size(), whole.size() + 2 * kContentBytes + 1000);
}

TEST(CaptureLog, IsThreadSafeAndKeepsTheOrderOfEachThread) {
  constexpr uint32_t kThreads = 4, kReads = 2000;
  const auto written = write_capture([&](CaptureLog& log) {
    add_files(log, kThreads);
    std::vector<std::thread> threads;
    for (uint32_t t = 0; t < kThreads; ++t)
      threads.emplace_back([&log, t] {
        for (uint32_t i = 0; i < kReads; ++i) {
          const auto bytes = noise(100 + i % 7, t * kReads + i % 500);
          log.add_read(t, i, bytes.size(), std::span<const std::byte>(bytes));
        }
      });
    for (auto& thread : threads) thread.join();
  });
  auto capture = open_capture(written);
  ASSERT_TRUE(capture);
  EXPECT_FALSE(capture->index.damage);
  std::vector<uint64_t> next(kThreads);
  for (const auto& entry : entries_of(*capture)) {
    const auto* read = std::get_if<ReadEntry>(&entry);
    if (read == nullptr) continue;
    EXPECT_EQ(read->offset, next[read->file]++);
  }
  EXPECT_EQ(next, std::vector<uint64_t>(kThreads, kReads));
}

TEST(CaptureLog, PastItsBoundRecordsEndFirstAndItSaysSo) {
  const CaptureLog::Limits limits{.max_bytes = 16u << 20};
  uint64_t left_out = 0;
  const auto written = write_capture(
      [&](CaptureLog& log) {
        add_files(log, 1);
        for (uint32_t i = 0; i < 400; ++i) {
          const auto message = noise(64 << 10, i);
          log.add(RecordEntry{1, message});
        }
        EXPECT_TRUE(log.full());
        left_out = log.records_left_out();
        const auto bytes = noise(1000, 1);  // names are read last, and are still taken in
        log.add_read(0, 0, bytes.size(), std::span<const std::byte>(bytes));
      },
      limits);
  EXPECT_LE(written.size(), limits.max_bytes);
  EXPECT_GT(written.size(), limits.max_bytes / 2);
  auto capture = open_capture(written);
  ASSERT_TRUE(capture);
  EXPECT_FALSE(capture->index.damage);
  ASSERT_TRUE(capture->index.ending);
  EXPECT_EQ(capture->index.ending->records_left_out, left_out);
  EXPECT_GT(left_out, 0u);
  EXPECT_EQ(capture->index.reads.size(), 1u);
}

TEST(CaptureLog, AFullDiskIsAnErrorAtTheEndAndNotBefore) {
  const kj::AutoCloseFd full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  ASSERT_GE(full.get(), 0);
  CaptureLog log(full, {.version = "test"}, {});
  for (uint32_t i = 0; i < 100; ++i) log.add(RecordEntry{1, noise(64 << 10, i)});
  const auto finished = log.finish();
  ASSERT_FALSE(finished);
  EXPECT_NE(finished.error().message.find("No space"), std::string::npos) << finished.error().message;
}

TEST(CaptureLog, IgnoresWhatComesAfterItsEnd) {
  const auto fd = memory_file();
  CaptureLog log(fd, {.version = "test"}, {});
  ASSERT_TRUE(log.finish());
  const auto size = bytes_of(fd).size();
  log.add(TickEntry{1});
  const auto bytes = noise(10, 1);
  log.add_read(0, 0, 10, std::span<const std::byte>(bytes));
  ASSERT_TRUE(log.finish());
  EXPECT_EQ(bytes_of(fd).size(), size);
}

}  // namespace
}  // namespace splitprof
