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
// Entries and their attributes, line rows, ranges, matches, and each 16 bytes that are looked at: 5 to 20 ns each, so
// at most ten seconds of one core.
constexpr uint64_t kMaxSteps = 500'000'000;

// A unit is read whole. Rust makes one of a crate, full LTO one of a program: 100 MB is large.
constexpr uint64_t kMaxUnitBytes = 256u << 20;
constexpr uint64_t kMaxLineProgramBytes = 64u << 20;  // of one unit; node's largest has 40 KB
// Of all sections that a file holds compressed, decompressed: these are not readable by position, and are held whole.
// ceph-mon of Debian 12, 100 MB compressed, takes 250 MB. A section that is larger than a few MB when it is
// decompressed has to be worth it on disk, too: strings shrink most, to a tenth.
constexpr uint64_t kMaxDecompressedBytes = 512u << 20;
constexpr uint64_t kAlwaysDecompressedBytes = 8u << 20;  // of one section
constexpr uint64_t kMaxLargeExpansion = 32;              // of a larger one
constexpr uint64_t kMaxAbbrevBytes = 4u << 20;           // of one unit's abbreviations; libc's 2,063 units have 144 KB
constexpr uint64_t kMaxUnitHeaderBytes = 64u << 10;      // with its root entry, whose producer text can be long
constexpr uint64_t kMaxEntryBytes = 64u << 10;           // one entry outside its unit: names, no long blocks
constexpr size_t kMaxUnits = 1u << 18;                   // Chrome has some 50,000; up to 50 bytes each

constexpr uint64_t kMaxNameBytes = 16u << 10;  // C++ templates reach several thousand; a longer name is unknown
constexpr size_t kMaxAttributes = 1024;        // of one kind of entry; compilers use up to 30
constexpr size_t kMaxDepth = 1024;             // entries in each other
constexpr size_t kMaxInlined = 64;             // frames of one address; the middle is cut out
constexpr size_t kMaxReferences = 16;          // from an entry to what has its name; compilers need three
constexpr size_t kMaxFunctions = 1u << 20;     // that hold a wanted address, of one unit; 40 bytes each
constexpr size_t kMaxFiles = 1u << 20;         // of one line program; 24 bytes each
constexpr uint32_t kMaxRanges = 1u << 20;      // in one list; a program of one section per function has one for each

constexpr size_t kMaxCachedUnits = 256;              // headers of units that others refer to
constexpr size_t kMaxCachedAbbrevBytes = 32u << 20;  // in memory: units of one file often share a table
constexpr size_t kMaxCachedTextBytes = 16u << 20;    // names and paths that came up

}  // namespace splitprof::dwarf
