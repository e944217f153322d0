// SPDX-License-Identifier: Apache-2.0
//
// The layout of a capture, a file that holds one session: what Input handed out, in its order. docs/captures.md gives
// every byte. Values here are part of the format: added, never renumbered.
#pragma once

#include <cstddef>
#include <cstdint>

namespace splitprof {

constexpr uint64_t kCaptureMagic = 0x5255545041435053;  // "SPCAPTUR", little-endian
constexpr uint16_t kCaptureMajor = 1;                   // another one cannot be read
constexpr uint16_t kCaptureMinor = 0;                   // a newer one has more kinds of entries, which are skipped

struct CaptureHeader {
  uint64_t magic;
  uint16_t major;
  uint16_t minor;
  uint32_t zero;
};
static_assert(sizeof(CaptureHeader) == 16);

struct CaptureFrameHeader {
  uint32_t stored_bytes;   // of the zstd frame that follows
  uint32_t content_bytes;  // what it becomes
  uint64_t hash;           // XXH3_64 of the stored bytes, seeded with the frame's number and content_bytes
};
static_assert(sizeof(CaptureFrameHeader) == 16);
// A frame that stands in another's place is noticed, and a changed length.
constexpr uint64_t frame_seed(uint32_t number, uint32_t content_bytes) {
  return uint64_t{number} << 32 | content_bytes;
}

enum class EntryKind : uint8_t {
  session = 1,
  content = 2,
  record = 3,
  tick = 4,
  stop = 5,
  disconnected = 6,
  asked = 7,
  answer = 8,
  read = 9,
  job_started = 10,
  job_finished = 11,
  end = 12,
};
constexpr size_t kEntryKinds = 13;

enum class AnswerKind : uint8_t {
  error = 0,
  ok = 1,
  text = 2,
  description = 3,
  file = 4,
  installed_table = 5,
  host = 6,
  counters = 7,
};

constexpr size_t kFrameBytes = 1u << 20;     // a frame is closed once it holds so many
constexpr size_t kMaxFrameBytes = 2u << 20;  // with the entry that closed it
constexpr size_t kMaxEntryBytes = kMaxFrameBytes - kFrameBytes;
constexpr size_t kContentBytes = 64u << 10;   // contents are cut at multiples of this in the file that was read
constexpr size_t kMaxTextBytes = 128u << 20;  // twice the largest listing that is asked for

// What a reader keeps in memory for each of these is some tens of bytes. A storm of 1,000 new processes a second asks
// and reads about 10,000 times a second: enough for minutes of the worst, and for hours of the usual.
constexpr size_t kMaxCaptureFrames = 1u << 16;  // 64 GiB of content
constexpr size_t kMaxCaptureItems = 1u << 22;   // of contents, of reads, of questions, of jobs, of files

}  // namespace splitprof
