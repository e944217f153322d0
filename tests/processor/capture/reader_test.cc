// SPDX-License-Identifier: Apache-2.0
//
// What a replay answers when the program asks and reads other things, or in another order, than the one that recorded.
#include "processor/capture/capture_reader.h"

#include <gtest/gtest.h>

#include <numeric>

#include "processor/capture/question_key.h"
#include "processor/ingest/questions.h"
#include "tests/processor/capture/capture_in_memory.h"

namespace splitprof {
namespace {

std::vector<std::byte> counting(size_t size) {
  std::vector<std::byte> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 + i / 256);
  return bytes;
}

constexpr FileIdentity kLibc{.device = 1, .inode = 2, .size = 300'000};

class CapturedReadsTest : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = open_capture(write_capture([this](CaptureLog& log) {
      const FileIdentity identities[] = {kLibc, kLibc, {}, {}};  // the same file twice, and two processes' memory
      for (uint32_t i = 0; i < 4; ++i) {
        log.add(AskedEntry{i, "AskMappedFile", ""});
        log.add(AnswerEntry{i, CapturedFileValue{i, identities[i]}});
      }
      const auto add = [&](CapturedFile file, uint64_t offset, uint64_t length, uint64_t size) {
        log.add_read(file, offset, length, std::span<const std::byte>(content).subspan(offset, size));
      };
      add(0, 0, 1000, 1000);
      add(0, 900, 100'000, 100'000);
      add(0, 290'000, 20'000, 10'000);  // up to the end
      log.add_read(0, 5, 7, Error{Errc::io, "EIO"});
      add(2, 4096, 4096, 4096);
      const auto changed = counting(4097);
      log.add_read(2, 4096, 4096, std::span<const std::byte>(changed).subspan(1));
    }));
    ASSERT_TRUE(opened);
    capture = std::move(*opened);
    reads.emplace(*capture.file, capture.index);
  }
  void expect(CapturedFile file, uint64_t offset, size_t length, size_t size) {
    SCOPED_TRACE(testing::Message() << file << ", " << length << " at " << offset);
    std::vector<std::byte> into(length);
    const auto n = reads->read(file, offset, into);
    ASSERT_TRUE(n) << n.error().message;
    ASSERT_EQ(*n, size);
    EXPECT_TRUE(std::equal(into.begin(), into.begin() + static_cast<ptrdiff_t>(size),
                           content.begin() + static_cast<ptrdiff_t>(offset)));
  }
  Errc error_of(CapturedFile file, uint64_t offset, size_t length) {
    std::vector<std::byte> into(length);
    const auto n = reads->read(file, offset, into);
    EXPECT_FALSE(n);
    return n ? Errc::malformed : n.error().code;
  }

  std::vector<std::byte> content = counting(300'000);
  OpenedCapture capture;
  std::optional<CapturedReads> reads;
};

TEST_F(CapturedReadsTest, TheVeryReadAndWhatOthersCover) {
  expect(0, 0, 1000, 1000);
  expect(0, 900, 100'000, 100'000);
  expect(0, 290'000, 20'000, 10'000);
  expect(0, 10, 20, 20);
  expect(0, 500, 90'000, 90'000);     // over the seam of two reads
  expect(0, 299'000, 5000, 1000);     // up to the end of the file
  expect(0, 300'000, 10, 0);          // past it
  expect(0, UINT64_MAX - 4, 100, 0);  // and far past it
  expect(1, 64, 1000, 1000);          // through another descriptor of the same file
  EXPECT_EQ(reads->unanswered(), 0u);
}

TEST_F(CapturedReadsTest, WhatWasNotReadIsGoneAndCounted) {
  EXPECT_EQ(error_of(0, 200'000, 10), Errc::gone);
  EXPECT_EQ(error_of(0, 100'000, 1000), Errc::gone);  // begins within, ends outside
  EXPECT_EQ(error_of(3, 4096, 4096), Errc::gone);     // another process's memory
  EXPECT_EQ(reads->unanswered(), 3u);
}

TEST_F(CapturedReadsTest, AnErrorIsRepeated) {
  EXPECT_EQ(error_of(0, 5, 7), Errc::io);
}

TEST_F(CapturedReadsTest, MemoryReadsAsItDidEachTime) {
  std::vector<std::byte> into(4096);
  const auto changed = counting(4097);
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(reads->read(2, 4096, into));
    const auto& wanted = i == 0 ? content : changed;
    EXPECT_TRUE(std::equal(into.begin(), into.end(), wanted.begin() + (i == 0 ? 4096 : 1))) << i;
  }
}

class CaptureReaderTest : public testing::Test {
 protected:
  // Three processes' mappings, asked in order and answered in another; a job; the host.
  void SetUp() override {
    auto opened = open_capture(write_capture([](CaptureLog& log) {
      const auto asked = [&](Ticket ticket, const Question& question) {
        const auto known = key_of(question);
        log.add(AskedEntry{ticket, known.name, known.key});
      };
      for (uint64_t i = 1; i <= 3; ++i) asked(i, AskMappings{ProcessKey(i)});
      log.add(JobStartedEntry{0});
      log.add(JobStartedEntry{1});
      log.add(TickEntry{1'000'000'000});
      for (const Ticket ticket : {2, 1}) log.add_text(ticket, ticket == 1 ? "one" : "two");
      log.add(JobFinishedEntry{1});
      log.add(TickEntry{1'100'000'000});
      asked(4, AskHost{});
      log.add(AnswerEntry{4, Host{.kernel_release = "6.1"}});
    }));
    ASSERT_TRUE(opened);
    capture = std::move(*opened);
    reader.emplace(*capture.file, capture.index, metrics);
  }
  void ask_mappings(Ticket ticket, uint64_t process) { reader->ask(ticket, AskMappings{ProcessKey(process)}); }
  // "tick", "3: text", "3: gone", "job 1"
  std::string next() {
    const auto event = reader->next();
    if (std::holds_alternative<TickEvent>(event)) return "tick";
    if (std::holds_alternative<StopEvent>(event)) return "stop";
    if (const auto* job = std::get_if<JobEvent>(&event)) {
      job->job->done();
      return "job " + std::to_string(done);
    }
    const auto& answer = std::get<AnswerEvent>(event);
    const auto ticket = std::to_string(answer.ticket) + ": ";
    if (!answer.answer) return ticket + (answer.answer.error().code == Errc::gone ? "gone" : "error");
    if (const auto* text = std::get_if<Text>(&*answer.answer)) return ticket + text->bytes;
    return ticket + std::get<Host>(*answer.answer).kernel_release;
  }
  void start(int number) {
    reader->start(work([number] { return number; }, [this](int made) { done = made; }));
  }

  OpenedCapture capture;
  Metrics metrics;
  std::optional<CaptureReader> reader;
  int done = -1;
};

TEST_F(CaptureReaderTest, TheSameQuestionsAreAnsweredInTheRecordedOrder) {
  for (uint64_t i = 1; i <= 3; ++i) ask_mappings(i, i);
  start(0);
  start(1);
  EXPECT_EQ(next(), "tick");
  EXPECT_EQ(next(), "2: two");
  EXPECT_EQ(next(), "1: one");
  EXPECT_EQ(next(), "job 1");
  EXPECT_EQ(next(), "tick");
  reader->ask(4, AskHost{});
  EXPECT_EQ(next(), "4: 6.1");
  EXPECT_TRUE(reader->exact());
}

TEST_F(CaptureReaderTest, OtherTicketsAndOrdersFindTheirAnswers) {
  EXPECT_EQ(next(), "tick");
  ask_mappings(70, 1);
  reader->ask(71, AskHost{});  // earlier than it was recorded
  EXPECT_EQ(next(), "70: one");
  EXPECT_EQ(next(), "tick");
  EXPECT_EQ(next(), "71: 6.1");
  ask_mappings(72, 2);  // later
  EXPECT_EQ(next(), "72: two");
  ask_mappings(73, 3);  // was never answered
  ask_mappings(74, 3);  // and this one never asked
  ask_mappings(75, 9);
  EXPECT_EQ(next(), "74: gone");
  EXPECT_EQ(next(), "75: gone");
  EXPECT_EQ(next(), "stop");
  EXPECT_EQ(metrics.replay_questions_unanswered, 2u);
  EXPECT_EQ(metrics.replay_questions_out_of_order, 4u);
  EXPECT_FALSE(reader->exact());
}

TEST_F(CaptureReaderTest, JobsThatWereNotRecordedOrComeLateRunAtOnce) {
  start(0);  // never finished then, nor now, until the end
  EXPECT_EQ(next(), "tick");
  EXPECT_EQ(next(), "tick");  // its answers and job 1 have gone by
  start(1);
  start(2);
  EXPECT_EQ(next(), "job 1");
  EXPECT_EQ(next(), "job 2");
  EXPECT_EQ(metrics.replay_jobs_unknown, 1u);
  EXPECT_EQ(next(), "job 0");  // nothing will come any more
  EXPECT_EQ(next(), "stop");
}

}  // namespace
}  // namespace splitprof
