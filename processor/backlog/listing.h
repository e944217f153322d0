// SPDX-License-Identifier: Apache-2.0
//
// Listing: what is in a backlog's folder, for people; every checksum is compared, nothing is changed, and a process may
// be writing there. A plain value.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "shared/result.h"

namespace splitprof::backlog {

struct Sums {
  uint64_t messages = 0, items = 0, samples = 0;
  std::map<uint16_t, uint64_t> messages_by_kind;
  uint64_t oldest_unix_ns = 0, newest_unix_ns = 0;  // 0: there is none
};

struct SegmentListing {
  uint64_t number = 0;
  uint64_t bytes = 0;
  Sums waiting;
  uint64_t finished = 0;          // records that are done with, or replaced by a later one
  uint64_t damaged_places = 0;    // where no record could be found
  uint64_t damaged_bodies = 0;    // of messages that wait
  uint64_t unfinished_bytes = 0;  // at the end of the newest one: being written, or cut off by a crash
  std::string problem;            // why nothing of it can be read; empty: it can
};

struct Listing {
  bool in_use = false;  // by a process, now
  bool has_progress = false;
  bool cut = false;  // there are more records than are looked at
  std::vector<SegmentListing> segments;
  Sums waiting;
  bool damaged() const;
};

Result<Listing> list_folder(const std::string& path);

}  // namespace splitprof::backlog
