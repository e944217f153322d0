// SPDX-License-Identifier: Apache-2.0
//
// The text of /proc/PID/maps to values. Only executable mappings are kept: nothing else holds code. The text is the
// kernel's, but its paths are the process's choice, so nothing is trusted: lines that do not parse are counted and
// skipped, and there is a bound on what is kept. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shared/ids.h"

namespace splitprof {

// Which file a mapping shows, in the words of the process's own listing. Device numbers of listings and of fstat
// differ on overlayfs and btrfs: this is a key to remember an opened file by, never its identity.
struct MappedFileKey {
  uint32_t device_major = 0;
  uint32_t device_minor = 0;
  uint64_t inode = 0;       // 0: no file
  uint64_t generation = 0;  // of the inode; 0: unknown, as always in a listing
  std::string path;         // as the kernel shows it, escapes and all
  friend auto operator<=>(const MappedFileKey&, const MappedFileKey&) = default;
};

struct Mapping {
  RuntimeAddress start;
  uint64_t length = 0;  // bytes
  FileOffset file_offset;
  MappedFileKey file;
};

// SP_MAX_MAPPINGS of bpf/abi.h: more would be of no use, since the kernel's list ends there.
constexpr size_t kMaxMappings = 8192;
constexpr size_t kMaxPathBytes = 4096;  // PATH_MAX

struct MappingList {
  std::vector<Mapping> mappings;  // executable ones, sorted by start, not overlapping
  uint64_t malformed = 0;         // lines that were skipped
  uint64_t dropped = 0;           // executable mappings past kMaxMappings
};

MappingList parse_mappings(std::string_view text);

}  // namespace splitprof
