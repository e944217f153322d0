// SPDX-License-Identifier: Apache-2.0
//
// ProcessInterpreters: what is known of one process's interpreters, and of the functions that were met in it. A plain
// value that belongs to its Process and is kept by Interpreters. Main thread.
#pragma once

#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "processor/processes/executables.h"
#include "processor/runtimes/runtime.h"

namespace splitprof {

struct ProcessInterpreters {
  enum class State {
    unasked,   // a process that was forked begins so, with what its parent knew
    locating,  // the memory is being asked for, or a worker looks for their structures
    known,
    absent,  // there is none that could be looked into
  };
  // What has a name (FunctionPlace), and what it was made of when it was recorded.
  struct Key {
    uint64_t object = 0, other = 0, check = 0;
    uint8_t kind = 0;  // of the frame
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct Hash {
    size_t operator()(const Key& key) const;
  };
  // An executable with an interpreter in it, where this process maps it.
  struct Candidate {
    Executable* executable = nullptr;
    uint64_t bias = 0;
    friend bool operator==(const Candidate&, const Candidate&) = default;
  };
  struct Wanted {
    Key key;
    FunctionPlace place;
  };

  State state = State::unasked;
  std::vector<Candidate> candidates;
  ThreadStorage storage;  // of the C library, as far as it was known when they were looked for
  // shared_ptr: workers use them, too, and forked children.
  std::vector<std::shared_ptr<const RuntimeInstance>> instances;
  std::unique_ptr<ReadableFile> memory;  // null: not asked for, gone, or lent to a worker
  bool told_kernel = false;
  uint64_t busy_since_ns = 0;    // a worker has the memory; 0: none has
  uint64_t locate_again_ns = 0;  // one of them had not begun yet; 0: all had
  uint64_t locate_pause_ns = 0;
  std::unordered_map<Key, uint32_t, Hash> functions;  // numbers of Functions
  std::vector<Wanted> wanted;                         // to be read by the next jobs
  std::unordered_set<Key, Hash> asked;                // those, and what the worker reads now
};

}  // namespace splitprof
