// SPDX-License-Identifier: Apache-2.0
//
// A record of the ring as plain values: everything in it is bounded and checked, and names are still bytes that the
// profiled process chose. decode_record() is the only reader of the wire format; it keeps nothing, and may be called
// from any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "shared/ids.h"
#include "shared/result.h"

namespace splitprof {

// A user frame of a sample. Its words stand in SampleRecord::user_words.
struct RawFrame {
  uint8_t kind = 0;     // enum sp_frame_kind: native, kernel or abort, each of one word; or of a runtime
  uint8_t n_words = 0;  // at least 1
  uint16_t flags = 0;   // enum sp_frame_flags
  uint32_t extra = 0;   // abort marker of a gap: frames left out
  uint32_t first_word = 0;
  // Of a runtime: its first word is a function's number in the upper half, a line in the lower one.
  bool named = false;
  friend bool operator==(const RawFrame&, const RawFrame&) = default;
};

struct SampleRecord {
  uint64_t time_ns = 0;  // CLOCK_MONOTONIC
  uint64_t walk_ns = 0;
  ProcessKey process;          // 0: none
  uint64_t start_time_ns = 0;  // CLOCK_BOOTTIME
  uint64_t cgroup_id = 0;
  uint64_t value = 0;
  Pid pid;
  Tid tid;
  uint32_t cpu = 0;
  uint16_t flags = 0;  // enum sp_sample_flags
  uint16_t end = 0;    // below SP_COUNT_MAX
  uint16_t kind = 0;   // enum sp_sample_kind
  std::string comm;
  std::vector<uint64_t> kernel_frames;  // leaf first
  std::vector<RawFrame> user_frames;    // leaf first
  std::vector<uint64_t> user_words;
  uint32_t unknown_frames = 0;      // of kinds that this version does not know; skipped
  uint32_t interpreted_frames = 0;  // of runtimes
  bool names_asked = false;         // every one of those that has no name yet was asked for
  std::vector<std::pair<std::string, std::string>> labels;
  std::vector<uint64_t> registers;
  uint64_t stack_address = 0;
  std::vector<std::byte> stack;

  std::span<const uint64_t> words(const RawFrame& frame) const {
    return std::span(user_words).subspan(frame.first_word, frame.n_words);
  }
};

struct ProcessRecord {
  struct Exec {
    uint64_t key = 0;  // for AskExecutable; 0: the file was not taken
    std::string comm;
  };
  struct Fork {
    Pid parent_pid;
    Tid parent_tid;
  };
  struct Exit {};  // of the thread; of the process when tid == pid
  struct Comm {
    std::string comm;
  };
  struct MappingAdded {
    RuntimeAddress start;
    uint64_t length = 0;  // bytes; start + length does not overflow
    FileOffset file_offset;
    uint32_t device_major = 0;
    uint32_t device_minor = 0;
    uint64_t inode = 0;
    uint64_t inode_generation = 0;
    std::string path;  // at most 4,096 bytes
  };
  // The executable of the program that `pid` began at or before `time_ns` is there to be had: for AskExecutable, within
  // 2 s. Later in time than the Exec event of that program and the mappings that came with it, earlier than the next.
  struct Taken {
    uint64_t key = 0;
  };
  uint64_t time_ns = 0;  // CLOCK_MONOTONIC
  Pid pid;
  Tid tid;
  ProcessKey process;  // 0: never sampled
  std::variant<Exit, Exec, Fork, Comm, MappingAdded, Taken> event;
};

struct LossRecord {
  enum class Reason { bpf_ring, shared_ring, side_band, no_client };
  uint64_t time_ns = 0;  // CLOCK_MONOTONIC
  uint32_t cpu = 0;      // of side_band
  uint64_t count = 0;
  Reason reason = Reason::bpf_ring;
};

struct ClockSyncRecord {
  uint64_t monotonic_ns = 0;
  uint64_t realtime_ns = 0;
  uint64_t boottime_ns = 0;
};

struct KernelSymbolsChangedRecord {
  uint64_t time_ns = 0;  // CLOCK_MONOTONIC
};

using Record = std::variant<SampleRecord, ProcessRecord, LossRecord, ClockSyncRecord, KernelSymbolsChangedRecord>;

// Decodes `words` into `record`, whose memory is used again when it held a sample before. `unsupported`: of a kind that
// this version does not know; any other error: the record breaks the layout. Then `record` holds no particular value.
Result<> decode_record(uint32_t format, std::span<const uint64_t> words, Record& record);

}  // namespace splitprof
