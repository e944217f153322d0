// SPDX-License-Identifier: Apache-2.0
//
// One entry of a capture as a value, and its bytes. What is decoded is checked, but borrows the bytes that it was
// decoded from. Pure functions; docs/captures.md has the layout.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "processor/capture/format.h"
#include "processor/ingest/input.h"

namespace splitprof {

using ContentId = uint32_t;     // contents are numbered in their order, from 0
using CapturedFile = uint32_t;  // files are numbered in the order in which they were answered, from 0
using JobNumber = uint32_t;     // jobs are numbered in the order in which they were started, from 0

struct SessionEntry {
  std::string version;  // of the program that wrote the capture
  uint32_t hz = 0;
  uint64_t duration_ns = 0;   // asked for; 0: until a StopEvent
  uint64_t connected_ns = 0;  // CLOCK_MONOTONIC
  std::vector<uint32_t> pids;
};
struct ContentEntry {
  std::span<const std::byte> bytes;
};
struct RecordEntry {
  uint32_t format = 0;
  std::span<const std::byte> message;  // a multiple of 8 bytes, not aligned
};
struct TickEntry {
  uint64_t now_ns = 0;
};
struct StopEntry {};
struct DisconnectedEntry {
  std::string_view why;
};
struct AskedEntry {
  Ticket ticket = 0;
  std::string_view name;  // of the question's type
  std::string_view key;   // what tells it from others of its type
};

// An AnswerValue without what cannot be stored.
struct CapturedText {
  std::vector<ContentId> contents;
};
struct CapturedFileValue {
  CapturedFile file = 0;
  FileIdentity identity;
};
using CapturedValue =
    std::variant<Error, Ok, CapturedText, Description, CapturedFileValue, InstalledTable, Host, Counters>;
struct AnswerEntry {
  Ticket ticket = 0;
  CapturedValue value;
};

struct ReadEntry {
  CapturedFile file = 0;
  uint64_t offset = 0;
  uint64_t length = 0;                                  // bytes asked for
  std::variant<Error, std::vector<ContentId>> outcome;  // together at most `length` bytes
};
struct JobStartedEntry {
  JobNumber job = 0;
};
struct JobFinishedEntry {
  JobNumber job = 0;
};
struct EndEntry {
  uint64_t records_left_out = 0;  // because of the bound on the file's size; they came after all others
  uint64_t entries_left_out = 0;  // of other kinds
};
struct UnknownEntry {
  uint8_t kind = 0;
};

using Entry = std::variant<SessionEntry, ContentEntry, RecordEntry, TickEntry, StopEntry, DisconnectedEntry, AskedEntry,
                           AnswerEntry, ReadEntry, JobStartedEntry, JobFinishedEntry, EndEntry, UnknownEntry>;

// Appends the entry with its kind and length. Not for UnknownEntry.
void append_entry(std::string& out, const Entry& entry);

// The entry at `position` of a frame's content, which is moved past it.
Result<Entry> read_entry(std::span<const std::byte> content, size_t& position);

}  // namespace splitprof
