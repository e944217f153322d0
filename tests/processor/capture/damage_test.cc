// SPDX-License-Identifier: Apache-2.0
//
// Captures that were cut, broken or written by another version: what is said of them, and what of them is usable.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "processor/capture/capture_reader.h"
#include "tests/processor/capture/capture_in_memory.h"

namespace splitprof {
namespace {

using testing::HasSubstr;

// Four frames: ticks, each with a record of noise between.
std::vector<std::byte> four_frames() {
  return write_capture([](CaptureLog& log) {
    std::mt19937 random(1);
    for (uint64_t i = 1; i <= 56; ++i) {
      log.add(TickEntry{i * 100'000'000});
      std::vector<std::byte> message(64 << 10);
      for (auto& byte : message) byte = static_cast<std::byte>(random());
      log.add(RecordEntry{1, message});
    }
  });
}

// Offsets of the frames' headers, and of the end.
std::vector<size_t> frames_of(const std::vector<std::byte>& bytes) {
  std::vector<size_t> frames = {sizeof(CaptureHeader)};
  while (frames.back() < bytes.size()) {
    CaptureFrameHeader header;
    std::memcpy(&header, bytes.data() + frames.back(), sizeof(header));
    frames.push_back(frames.back() + sizeof(header) + header.stored_bytes);
  }
  return frames;
}

size_t ticks_of(OpenedCapture& capture) {
  size_t ticks = 0;
  for (const auto& entry : entries_of(capture)) ticks += std::holds_alternative<TickEntry>(entry);
  return ticks;
}

TEST(CaptureDamage, TheWholeOneHasNone) {
  auto capture = open_capture(four_frames());
  ASSERT_TRUE(capture) << capture.error().message;
  EXPECT_FALSE(capture->index.damage) << capture->index.damage->message;
  EXPECT_EQ(ticks_of(*capture), 56u);
}

TEST(CaptureDamage, ACutOneSaysWhereAndIsUsableUntilThere) {
  const auto bytes = four_frames();
  const auto frames = frames_of(bytes);
  ASSERT_EQ(frames.size(), 5u);
  for (size_t i = 0; i < 4; ++i)
    for (const size_t beyond : {size_t{0}, size_t{1}, sizeof(CaptureFrameHeader), sizeof(CaptureFrameHeader) + 1000}) {
      SCOPED_TRACE(testing::Message() << "frame " << i << " + " << beyond);
      auto cut = bytes;
      cut.resize(frames[i] + beyond);
      auto capture = open_capture(cut);
      if (i == 0) {
        EXPECT_FALSE(capture);  // not even the beginning is there
        continue;
      }
      ASSERT_TRUE(capture) << capture.error().message;
      ASSERT_TRUE(capture->index.damage);
      EXPECT_EQ(capture->index.damage->code, Errc::truncated);
      EXPECT_THAT(capture->index.damage->message, HasSubstr(fmt::format("byte {} (frame {})", frames[i], i)));
      EXPECT_GE(ticks_of(*capture), 15 * i);
      EXPECT_LT(ticks_of(*capture), 15 * i + 4);
    }
}

TEST(CaptureDamage, AFlippedBitIsNoticedWhereverItIs) {
  const auto bytes = four_frames();
  const auto frames = frames_of(bytes);
  std::mt19937 random(3);
  for (int i = 0; i < 60; ++i) {
    auto broken = bytes;
    // Every other one in the header of a frame.
    const size_t at = i % 2 == 0 ? frames[1 + random() % 3] + random() % sizeof(CaptureFrameHeader)
                                 : frames[1] + random() % (bytes.size() - frames[1]);
    broken[at] ^= static_cast<std::byte>(1u << random() % 8);
    SCOPED_TRACE(at);
    auto capture = open_capture(broken);
    ASSERT_TRUE(capture) << capture.error().message;
    ASSERT_TRUE(capture->index.damage);
    const size_t frame = static_cast<size_t>(std::upper_bound(frames.begin(), frames.end(), at) - frames.begin()) - 1;
    EXPECT_THAT(capture->index.damage->message, HasSubstr(fmt::format("byte {} (frame {})", frames[frame], frame)));
    EXPECT_GE(ticks_of(*capture), 15 * frame);
  }
}

TEST(CaptureDamage, FramesThatChangedPlacesAreNoticed) {
  const auto bytes = four_frames();
  const auto frames = frames_of(bytes);
  std::vector<std::byte> mixed(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(frames[1]));
  const auto add = [&](size_t i) {
    mixed.insert(mixed.end(), bytes.begin() + static_cast<ptrdiff_t>(frames[i]),
                 bytes.begin() + static_cast<ptrdiff_t>(frames[i + 1]));
  };
  for (const size_t i : {2, 1, 3}) add(i);
  auto capture = open_capture(mixed);
  ASSERT_TRUE(capture);
  ASSERT_TRUE(capture->index.damage);
  EXPECT_THAT(capture->index.damage->message, HasSubstr("frame 1"));
}

TEST(CaptureDamage, AnotherMajorVersionIsNamed) {
  auto bytes = four_frames();
  bytes[8] = std::byte{9};
  const auto capture = open_capture(bytes);
  ASSERT_FALSE(capture);
  EXPECT_EQ(capture.error().code, Errc::unsupported);
  EXPECT_THAT(capture.error().message, HasSubstr("9.0"));
}

TEST(CaptureDamage, ANewerMinorVersionIsRead) {
  auto bytes = four_frames();
  bytes[10] = std::byte{9};
  const auto capture = open_capture(bytes);
  ASSERT_TRUE(capture) << capture.error().message;
  EXPECT_FALSE(capture->index.damage);
}

TEST(CaptureDamage, AnythingElseIsNoCapture) {
  for (const std::string_view text : {"", "SPCAPTU", "#!/bin/sh\nexit 1\n#", "SPCAPTUR"}) {
    const auto bytes = std::as_bytes(std::span(text));
    const auto capture = open_capture({bytes.begin(), bytes.end()});
    ASSERT_FALSE(capture) << text;
    EXPECT_EQ(capture.error().code, Errc::malformed);
  }
}

// What a hostile capture may say, and what becomes of it.
TEST(CaptureDamage, LiesEndItWhereTheyStand) {
  struct Lie {
    const char* what;
    std::function<void(CaptureLog&)> tell;
  };
  const auto file = [](CaptureLog& log) {
    log.add(AskedEntry{1, "AskMemory", ""});
    log.add(AnswerEntry{1, CapturedFileValue{0, {}}});
  };
  const Lie lies[] = {
      {"time runs backwards", [](CaptureLog& log) { log.add(TickEntry{1}); }},
      {"time runs backwards", [](CaptureLog& log) { log.add(TickEntry{UINT64_MAX}); }},
      {"an answer to no question",
       [](CaptureLog& log) {
         log.add(AnswerEntry{99, Ok{}});
       }},
      {"was given twice",
       [](CaptureLog& log) {
         log.add(AskedEntry{1, "AskHost", ""});
         log.add(AskedEntry{1, "AskHost", ""});
       }},
      {"which was not opened",
       [](CaptureLog& log) {
         log.add(ReadEntry{0, 0, 1, Error{Errc::io, ""}});
       }},
      {"out of its order",
       [](CaptureLog& log) {
         log.add(AskedEntry{1, "AskMemory", ""});
         log.add(AnswerEntry{1, CapturedFileValue{1, {}}});
       }},
      {"does not stand before its use",
       [&](CaptureLog& log) {
         file(log);
         log.add(ReadEntry{0, 0, 1, std::vector<ContentId>{0}});
       }},
      {"a read of 1 bytes that got 3",
       [&](CaptureLog& log) {
         file(log);
         log.add(ContentEntry{std::as_bytes(std::span("xyz", 3))});
         log.add(ReadEntry{0, 0, 1, std::vector<ContentId>{0}});
       }},
      {"a text past",
       [](CaptureLog& log) {
         log.add(AskedEntry{1, "AskKernelSymbols", ""});
         const std::vector<std::byte> zeroes(kContentBytes);
         log.add(ContentEntry{zeroes});
         log.add(AnswerEntry{1, CapturedText{std::vector<ContentId>(kMaxTextBytes / kContentBytes + 1)}});
       }},
      {"out of its order", [](CaptureLog& log) { log.add(JobStartedEntry{7}); }},
      {"was not under way", [](CaptureLog& log) { log.add(JobFinishedEntry{0}); }},
      {"follows the end mark", [](CaptureLog& log) { log.add(EndEntry{}); }},
      {"a second beginning", [](CaptureLog& log) { log.add(SessionEntry{}); }},
      {"no multiple of 8",
       [](CaptureLog& log) {
         log.add(RecordEntry{1, std::as_bytes(std::span("12345", 5))});
       }},
  };
  for (const auto& lie : lies) {
    SCOPED_TRACE(lie.what);
    auto capture = open_capture(write_capture([&](CaptureLog& log) {
      log.add(TickEntry{1'000'000'000});
      lie.tell(log);
      log.add(TickEntry{2'000'000'000});
    }));
    ASSERT_TRUE(capture) << capture.error().message;
    ASSERT_TRUE(capture->index.damage);
    EXPECT_THAT(capture->index.damage->message, HasSubstr(lie.what));
    EXPECT_EQ(ticks_of(*capture), 1u);
  }
}

TEST(CaptureDamage, AfterTheEndTheSessionIsStoppedAndTimeGoesOn) {
  auto capture = open_capture(write_capture([](CaptureLog& log) { log.add(TickEntry{1'000'000'000}); }));
  ASSERT_TRUE(capture);
  Metrics metrics;
  CaptureReader reader(*capture->file, capture->index, metrics);
  EXPECT_EQ(std::get<TickEvent>(reader.next()).now_ns, 1'000'000'000u);
  EXPECT_TRUE(std::holds_alternative<StopEvent>(reader.next()));
  EXPECT_EQ(std::get<TickEvent>(reader.next()).now_ns, 1'100'000'000u);
  EXPECT_EQ(std::get<TickEvent>(reader.next()).now_ns, 1'200'000'000u);
  EXPECT_EQ(metrics.replay_events_made_up, 3u);
  EXPECT_FALSE(reader.exact());
}

}  // namespace
}  // namespace splitprof
