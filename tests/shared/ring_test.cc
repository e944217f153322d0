// SPDX-License-Identifier: Apache-2.0
#include "shared/ring.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <deque>
#include <random>
#include <vector>

#include "tests/shared/hostile_ring.h"

namespace splitprof {
namespace {

constexpr size_t kMaxWords = kMaxRecordBytes / 8 - 1;

RingReader reader_of(const RingWriter& writer) {
  auto reader =
      RingReader::open(HostileRing::duplicate(writer.data_fd()), HostileRing::duplicate(writer.position_fd()));
  CHECK(reader.has_value());
  return std::move(reader).value();
}

// The reader's page as a hostile reader has it.
uint64_t& position_of(const RingWriter& writer) {
  void* page = mmap(nullptr, static_cast<size_t>(sysconf(_SC_PAGESIZE)), PROT_READ | PROT_WRITE, MAP_SHARED,
                    writer.position_fd(), 0);
  CHECK(page != MAP_FAILED);
  return static_cast<RingPosition*>(page)->read_position;
}

bool put(RingWriter& writer, const std::vector<uint64_t>& words, uint32_t format = kFormatRecord) {
  const auto slot = writer.reserve(words.size());
  if (slot.empty()) return false;
  std::ranges::copy(words, slot.begin());
  writer.commit(words.size(), format);
  return true;
}

TEST(Ring, BehavesLikeADequeOfRecords) {
  for (uint32_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    auto writer = RingWriter::create(kMinRingBytes);
    ASSERT_TRUE(writer) << writer.error().message;
    RingReader reader = reader_of(*writer);
    std::deque<std::vector<uint64_t>> expected;
    size_t unread_bytes = 0, unreleased_bytes = 0, uncollected_bytes = 0;  // model of what occupies room
    uint64_t released_samples = 0, unreleased_samples = 0, published_samples = 0;
    for (int step = 0; step < 2000; ++step) {
      switch (random() % 5) {
        case 0:
        case 1: {
          std::vector<uint64_t> words(1 + random() % (random() % 4 == 0 ? kMaxWords : 300));
          for (auto& word : words) word = random();
          const bool sample = random() % 2;
          const size_t bytes = 8 + words.size() * 8;
          const bool fits = unread_bytes + unreleased_bytes + uncollected_bytes + bytes <= kMinRingBytes;
          ASSERT_EQ(put(*writer, words, sample ? kFormatSampleRecord : kFormatRecord), fits);
          if (!fits) break;
          words.push_back(sample);
          expected.push_back(std::move(words));
          unread_bytes += bytes;
          published_samples += sample;
          break;
        }
        case 2: {
          auto message = reader.next();
          ASSERT_TRUE(message) << message.error().message;
          ASSERT_EQ(message->has_value(), !expected.empty());
          if (expected.empty()) {  // the reader gives everything back before it says that there is nothing
            uncollected_bytes += std::exchange(unreleased_bytes, 0);
            released_samples += std::exchange(unreleased_samples, 0);
            break;
          }
          const auto& front = expected.front();
          const size_t words = front.size() - 1;
          ASSERT_EQ((*message)->format, front.back() ? kFormatSampleRecord : kFormatRecord);
          ASSERT_TRUE(std::ranges::equal((*message)->words, std::span(front).first(words)));
          unread_bytes -= 8 + words * 8;
          unreleased_bytes += 8 + words * 8;
          unreleased_samples += front.back();
          expected.pop_front();
          break;
        }
        case 3:
          reader.release();
          uncollected_bytes += std::exchange(unreleased_bytes, 0);
          released_samples += std::exchange(unreleased_samples, 0);
          break;
        case 4:
          ASSERT_TRUE(writer->collect_consumed());
          uncollected_bytes = 0;
          ASSERT_EQ(writer->consumed_samples(), released_samples);
          ASSERT_EQ(writer->used_bytes(), unread_bytes + unreleased_bytes);
          break;
      }
      ASSERT_EQ(writer->published_samples(), published_samples);
    }
  }
}

TEST(Ring, HandsOutZeroedRoomAfterAnyUse) {
  auto writer = RingWriter::create(kMinRingBytes);
  RingReader reader = reader_of(*writer);
  for (int i = 0; i < 2000; ++i) {
    const auto slot = writer->reserve(700);
    ASSERT_EQ(slot.size(), 700u);
    ASSERT_TRUE(std::ranges::all_of(slot, [](uint64_t word) { return word == 0; }));
    std::ranges::fill(slot, ~uint64_t{0});  // all of it is dirty, only a part is published
    if (i % 3) writer->commit(1 + static_cast<size_t>(i) % 700, kFormatRecord);
    while (reader.next()->has_value()) {
    }
    ASSERT_TRUE(writer->collect_consumed());
  }
}

TEST(Ring, KeepsARecordThatPassesTheEndInOnePiece) {
  auto writer = RingWriter::create(kMinRingBytes);
  RingReader reader = reader_of(*writer);
  const std::vector<uint64_t> first(kMinRingBytes / 8 / 2 - 100, 1);
  for (int i = 0; i < 2; ++i) {
    for (size_t left = first.size(); left > 0;) {
      const size_t words = std::min(left, kMaxWords);
      ASSERT_TRUE(put(*writer, std::vector<uint64_t>(words, 1)));
      left -= words;
      ASSERT_TRUE(reader.next()->has_value());
    }
    reader.release();
    ASSERT_TRUE(writer->collect_consumed());
  }
  std::vector<uint64_t> across(1000);
  for (size_t i = 0; i < across.size(); ++i) across[i] = i;
  ASSERT_TRUE(put(*writer, across));
  const auto message = reader.next();
  ASSERT_TRUE(message && message->has_value());
  EXPECT_TRUE(std::ranges::equal((*message)->words, across));
}

TEST(Ring, RefusesSizesThatItWasNotMadeFor) {
  for (const size_t bytes : {size_t{0}, size_t{4096}, kMinRingBytes - 1, kMinRingBytes * 3, kMaxRingBytes * 2})
    EXPECT_FALSE(RingWriter::create(bytes)) << bytes;
}

// ---- Seals -----------------------------------------------------------------------------------------------------

TEST(RingSeals, LetNobodyElseWriteOrResize) {
  auto writer = RingWriter::create(kMinRingBytes);
  for (const int fd : {writer->data_fd(), writer->position_fd()}) {
    EXPECT_NE(ftruncate(fd, 0), 0);
    EXPECT_NE(ftruncate(fd, 1 << 22), 0);
    EXPECT_NE(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
  }
  // A memfd can be opened once more through /proc, for writing too: only the seals are in the way.
  const std::string path = "/proc/self/fd/" + std::to_string(writer->data_fd());
  const kj::AutoCloseFd again(open(path.c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_GE(again.get(), 0);
  EXPECT_EQ(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0), MAP_FAILED);
  EXPECT_EQ(pwrite(again, "x", 1, 0), -1);
  EXPECT_NE(fallocate(again, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), 0);
  void* readable = mmap(nullptr, 4096, PROT_READ, MAP_SHARED, again, 0);
  ASSERT_NE(readable, MAP_FAILED);
  EXPECT_NE(mprotect(readable, 4096, PROT_READ | PROT_WRITE), 0);
  munmap(readable, 4096);
}

TEST(RingSeals, AreAskedForByTheReader) {
  EXPECT_TRUE(HostileRing(kMinRingBytes).open());
  for (const int missing : {F_SEAL_FUTURE_WRITE, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_SEAL}) {
    EXPECT_FALSE(HostileRing(kMinRingBytes, HostileRing::kDataSeals & ~missing).open()) << missing;
    if (missing == F_SEAL_FUTURE_WRITE) continue;
    EXPECT_FALSE(HostileRing(kMinRingBytes, HostileRing::kDataSeals, HostileRing::kPositionSeals & ~missing).open())
        << missing;
  }
}

// ---- A hostile writer ------------------------------------------------------------------------------------------

TEST(RingReader, RefusesWhatIsNotARing) {
  const auto refuses = [](auto change) {
    HostileRing ring(kMinRingBytes);
    change(ring.header());
    return !ring.open().has_value();
  };
  EXPECT_TRUE(refuses([](RingHeader& header) { header.magic ^= 1; }));
  EXPECT_TRUE(refuses([](RingHeader& header) { header.version = 2; }));
  EXPECT_TRUE(refuses([](RingHeader& header) { header.header_bytes = 8192; }));
  EXPECT_TRUE(refuses([](RingHeader& header) { header.data_bytes *= 2; }));
  EXPECT_TRUE(refuses([](RingHeader& header) { header.data_bytes = 0; }));
  EXPECT_FALSE(HostileRing(kMinRingBytes + 4096).open());
  EXPECT_FALSE(
      RingReader::open(kj::AutoCloseFd(open("/dev/zero", O_RDWR)), kj::AutoCloseFd(open("/dev/zero", O_RDWR))));
  EXPECT_FALSE(RingReader::open(kj::AutoCloseFd(), kj::AutoCloseFd()));
}

TEST(RingReader, StopsWhenTheWritersPositionIsALie) {
  for (const uint64_t position : {uint64_t{kMinRingBytes + 8}, ~uint64_t{7}, uint64_t{13}}) {
    HostileRing ring(kMinRingBytes);
    auto reader = ring.open();
    ring.header().write_position = position;
    EXPECT_FALSE(reader->next()) << position;
  }
  HostileRing ring(kMinRingBytes);
  auto reader = ring.open();
  ring.put_record_header(0, {.words = 1, .format = kFormatRecord});
  ring.header().write_position = 16;
  EXPECT_TRUE(reader->next()->has_value());
  ring.header().write_position = 8;
  EXPECT_FALSE(reader->next());
}

TEST(RingReader, StopsAtALengthPastTheEnd) {
  for (const uint32_t words : {uint32_t{2}, uint32_t{kMaxWords}, uint32_t{kMaxWords + 1}, ~uint32_t{0}}) {
    HostileRing ring(kMinRingBytes);
    auto reader = ring.open();
    ring.put_record_header(0, {.words = words, .format = kFormatRecord});
    ring.header().write_position = 16;
    EXPECT_FALSE(reader->next()) << words;
  }
}

TEST(RingReader, KeepsTheCopyWhenTheWriterChangesARecordLater) {
  HostileRing ring(kMinRingBytes);
  auto reader = ring.open();
  ring.put_record_header(0, {.words = 1, .format = kFormatRecord});
  ring.header().write_position = 16;
  const auto message = reader->next();
  std::ranges::fill(ring.data(), std::byte{0xff});
  ASSERT_EQ((*message)->words.size(), 1u);
  EXPECT_EQ((*message)->words[0], 0u);
}

// ---- A hostile reader ------------------------------------------------------------------------------------------

TEST(RingWriter, EndsTheSessionWhenTheReadersPositionIsALie) {
  const auto after_three_records = [](uint64_t first_claim, uint64_t second_claim) {
    auto writer = RingWriter::create(kMinRingBytes);
    uint64_t& position = position_of(*writer);
    for (int i = 0; i < 3; ++i) CHECK(put(*writer, {1, 2, 3}, kFormatSampleRecord));  // 32 bytes each
    position = first_claim;
    CHECK(writer->collect_consumed());
    position = second_claim;
    const bool accepted = writer->collect_consumed().has_value();
    // What was refused changes nothing.
    CHECK(writer->consumed_samples() == (accepted ? second_claim : first_claim) / 32);
    return accepted;
  };
  EXPECT_TRUE(after_three_records(32, 96));
  EXPECT_FALSE(after_three_records(64, 32)) << "backwards";
  EXPECT_FALSE(after_three_records(32, 104)) << "past what was written";
  EXPECT_FALSE(after_three_records(32, ~uint64_t{0})) << "far past what was written";
  EXPECT_FALSE(after_three_records(32, 72)) << "inside a record";
  EXPECT_FALSE(after_three_records(32, 65)) << "inside a word";
}

TEST(RingWriter, TakesNothingFromTheReaderWhenItMakesRoom) {
  auto writer = RingWriter::create(kMinRingBytes);
  const std::vector<uint64_t> words(1023, 7);
  size_t records = 0;
  while (put(*writer, words)) ++records;
  EXPECT_EQ(records, kMinRingBytes / 8192);
  position_of(*writer) = ~uint64_t{0};
  EXPECT_FALSE(put(*writer, words));
  EXPECT_FALSE(writer->collect_consumed());
  EXPECT_FALSE(put(*writer, words));
}

TEST(RingWriter, AsksForAWakeUpOncePerBatch) {
  auto writer = RingWriter::create(kMinRingBytes);
  RingReader reader = reader_of(*writer);
  EXPECT_FALSE(writer->should_wake());
  put(*writer, {1});
  put(*writer, {2});
  EXPECT_TRUE(writer->should_wake());
  EXPECT_FALSE(writer->should_wake());
  put(*writer, {3});
  EXPECT_FALSE(writer->should_wake()) << "the reader has been woken for the first batch and has not come that far";
  while (reader.next()->has_value()) {
  }
  put(*writer, {4});
  EXPECT_TRUE(writer->should_wake());
  for (int i = 0; i < 3; ++i) put(*writer, std::vector<uint64_t>(kMaxWords / 2));
  EXPECT_TRUE(writer->should_wake()) << "more than half full";
}

// ---- Two processes ---------------------------------------------------------------------------------------------

constexpr uint64_t kRecordsAcross = 200'000;

// Reads until all records came; sleeps whenever there is none. Returns an exit code that names what went wrong.
int read_all(RingReader reader, int wakeup) {
  for (uint64_t expected = 0; expected < kRecordsAcross;) {
    auto message = reader.next();
    if (!message) return 1;
    if (!message->has_value()) {
      pollfd ready{.fd = wakeup, .events = POLLIN};
      if (poll(&ready, 1, 20'000) != 1) return 2;  // a lost wake-up
      char bytes[64];
      if (recv(wakeup, bytes, sizeof bytes, 0) <= 0) return 3;
      continue;
    }
    const auto words = (*message)->words;
    if (words.size() != 1 + expected % 97) return 4;
    if (!std::ranges::all_of(words, [&](uint64_t word) { return word == expected; })) return 5;
    if (++expected % 64 == 0) reader.release();
  }
  reader.release();
  return 0;
}

TEST(Ring, CarriesEveryRecordToAnotherProcessWithoutLosingAWakeUp) {
  auto writer = RingWriter::create(kMinRingBytes);
  int sockets[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(read_all(reader_of(*writer), sockets[1]));
  close(sockets[1]);
  std::mt19937 random(1);
  for (uint64_t record = 0; record < kRecordsAcross; ++record) {
    const size_t words = 1 + record % 97;
    std::span<uint64_t> slot;
    while ((slot = writer->reserve(words)).empty()) {
      ASSERT_TRUE(writer->collect_consumed());
      if (writer->should_wake()) send(sockets[0], "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
      sched_yield();
      ASSERT_EQ(waitpid(child, nullptr, WNOHANG), 0) << "the reader is gone";
    }
    std::ranges::fill(slot, record);
    writer->commit(words, kFormatSampleRecord);
    // Sometimes let the reader run dry, so that it goes to sleep.
    if (random() % 32 == 0 && writer->should_wake()) send(sockets[0], "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  if (writer->should_wake()) send(sockets[0], "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0) << "exit code " << WEXITSTATUS(status) << " of read_all";
  EXPECT_TRUE(writer->collect_consumed());
  EXPECT_EQ(writer->consumed_samples(), kRecordsAcross);
  EXPECT_EQ(writer->used_bytes(), 0u);
  close(sockets[0]);
}

}  // namespace
}  // namespace splitprof
