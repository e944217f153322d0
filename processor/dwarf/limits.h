// SPDX-License-Identifier: Apache-2.0
//
// Every bound of the DWARF reader, with its reason. A file that passes one loses a unit, a list or the rest of the job,
// and says so in DebugInfoCounts. Memory is at most about one unit, one line program and the sections that a file
// holds compressed.
#pragma once

#include <cstddef>
#include <cstdint>

namespace splitprof::dwarf {

// Of one DebugInfo, over all of its sections: what one job may cost a disk, and a capture.
constexpr uint64_t kMaxBytesRead = 1u << 30;
// Entries, line rows, ranges and matches together: some 20 ns each, so about ten seconds of one core.
constexpr uint64_t kMaxSteps = 500'000'000;

// A unit is read whole. Rust makes one of a crate, full LTO one of a program: 100 MB is large.
constexpr uint64_t kMaxUnitBytes = 256u << 20;
constexpr uint64_t kMaxLineProgramBytes = 64u << 20;  // of one unit; node's largest has 40 KB
// Decompressed. A section is not readable by position then, and is held whole.
constexpr uint64_t kMaxCompressedSectionBytes = 256u << 20;
constexpr uint64_t kMaxAbbrevBytes = 4u << 20;       // of one unit's abbreviations; libc's 700 units share 144 KB
constexpr uint64_t kMaxUnitHeaderBytes = 64u << 10;  // with its root entry, whose producer text can be long
constexpr uint64_t kMaxEntryBytes = 64u << 10;       // one entry outside its unit: names, no long blocks
constexpr size_t kMaxUnits = 1u << 20;               // Chrome has some 50,000; 8 bytes each

constexpr uint64_t kMaxNameBytes = 16u << 10;  // C++ templates reach several thousand; a longer name is unknown
constexpr size_t kMaxDepth = 1024;             // entries in each other
constexpr size_t kMaxInlined = 64;             // frames of one address; the middle is cut out
constexpr size_t kMaxReferences = 16;          // from an entry to what has its name; compilers need three
constexpr uint32_t kMaxRanges = 1u << 20;      // in one list; a program of one section per function has one for each

constexpr size_t kMaxCachedUnits = 256;            // headers of units that others refer to
constexpr size_t kMaxCachedAbbrevs = 64;           // tables: units of one file often share one
constexpr size_t kMaxCachedTextBytes = 16u << 20;  // names and paths that came up

}  // namespace splitprof::dwarf
