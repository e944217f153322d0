// SPDX-License-Identifier: Apache-2.0
//
// CaptureIndex: what a whole capture holds and where, found by walking over it once; so that damage is known before
// anything is done with it, and questions and reads can be answered in any order. Plain values, bounded by format.h.
#pragma once

#include <optional>
#include <unordered_map>
#include <vector>

#include "processor/capture/capture_file.h"

namespace splitprof {

struct CaptureIndex {
  static constexpr Place kNever{UINT32_MAX, UINT32_MAX};

  struct Content {
    Place place;
    uint32_t size = 0;  // bytes
  };
  struct Question {
    Ticket ticket = 0;      // as it was recorded
    uint64_t identity = 0;  // hash of name and key
    Place answered = kNever;
  };
  struct File {
    FileIdentity identity;
    uint32_t first_read = 0, end_read = 0;  // in reads
  };
  struct Read {
    uint64_t offset = 0;
    uint64_t length = 0;  // bytes asked for
    uint64_t size = 0;    // bytes that came; kFailed: an error
    CapturedFile file = 0;
    uint32_t taken = 0;  // of the first of several alike: how many of them were handed out
    Place place;
  };
  static constexpr uint64_t kFailed = UINT64_MAX;

  SessionEntry session;
  std::vector<Content> contents;
  std::vector<Question> questions;  // in the order in which they were asked
  std::vector<File> files;
  std::vector<Read> reads;  // by file, offset, length; those alike in their order
  std::vector<Place> jobs;  // where each has finished, by number
  uint64_t unknown_entries = 0;
  Place end;                       // past the last entry that is usable
  std::optional<EndEntry> ending;  // there is none when the recording was cut off
  std::optional<Error> damage;     // why `end` is not the end of the file; in words for people
};

uint64_t identity_of_question(std::string_view name, std::string_view key);

// An error: not even the first entry is usable.
Result<CaptureIndex> index_capture(CaptureFile& file);

}  // namespace splitprof
