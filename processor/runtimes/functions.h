// SPDX-License-Identifier: Apache-2.0
//
// Functions: every function of an interpreter that profiles name, each once, by a number. The main thread's. Bounded in
// number and memory: where it is full, functions go that neither the current nor the previous profile has used. What a
// process's own objects are called is cached elsewhere, by these numbers.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "processor/runtimes/function.h"

namespace splitprof {

// Numbers that stand for no function, but for why there is none.
enum class FunctionError : uint32_t {
  gone = 1,          // the process had ended before the name was read
  replaced = 2,      // another object had taken its place
  unreadable = 3,    // what was read makes no sense
  limited = 4,       // too many functions
  broken_chain = 5,  // frames could not be followed
  late = 6,          // reading took longer than the sample waits
};
// A frame that stands for nothing that people wrote: it is left out.
constexpr uint32_t kHiddenFunction = 15;
constexpr uint32_t kFirstFunctionId = 16;
constexpr uint32_t id_of(FunctionError error) {
  return static_cast<uint32_t>(error);
}
// What people read in the place of a name; null: the number is none of an error.
const char* function_error_text(uint32_t id);

class Functions {
 public:
  // One takes 282 bytes on average (14,913 functions of the standard library of CPython 3.11, with paths of Debian).
  struct Limits {
    uint32_t functions = 1u << 18;  // at most kMostFunctions
    uint64_t bytes = 64u << 20;     // of all memory
  };
  static constexpr int kSlotBits = 20;
  static constexpr uint32_t kMostFunctions = (1u << kSlotBits) - kFirstFunctionId;

  Functions() : Functions(Limits()) {}
  explicit Functions(Limits limits);
  Functions(const Functions&) = delete;
  Functions& operator=(const Functions&) = delete;

  // The number of the function, which is new or was there, and counts as used now. Past the limits, and if nothing can
  // go: the number of FunctionError::limited.
  uint32_t intern(Function function);
  // Null: no function has this number, or not any more. Valid until the function goes.
  const Function* find(uint32_t id) const;
  // 0: no line is known.
  uint32_t line_at(uint32_t id, uint32_t position) const;
  // False: the function has gone; who remembered the number has to read the name again.
  bool mark_used(uint32_t id);
  // From here on, what is used is used by the next profile.
  void begin_profile();

  size_t size() const { return size_; }
  uint64_t memory_bytes() const;
  uint64_t evicted() const { return evicted_; }  // in all, as refused()
  uint64_t refused() const { return refused_; }  // times that FunctionError::limited was given

 private:
  // A number is a place in `slots_` and how often it was given to another function before, so that an old number finds
  // nothing. Places are given away in turn: 4,096 rounds pass until a number comes again.
  struct Slot {
    Function function;
    uint64_t hash = 0;
    uint32_t last_used = 0;   // profile
    uint32_t generation = 0;  // below 1 << (32 - kSlotBits)
    bool is_taken = false;
  };

  std::optional<uint32_t> index_of(uint32_t id) const;
  uint32_t id_at(uint32_t index) const;
  bool make_room(uint64_t content_bytes);
  bool evict_one();
  void evict(uint32_t index);
  uint32_t take_slot();
  // The table finds a slot by its content: open addressing, linear probing, at most half full.
  size_t first_place(uint64_t hash) const { return hash & (table_.size() - 1); }
  size_t next_place(size_t place) const { return (place + 1) & (table_.size() - 1); }
  void insert(uint32_t index);
  void remove(uint32_t index);
  void grow_table();

  const Limits limits_;
  std::deque<Slot> slots_;       // whose elements stay where they are
  std::vector<uint32_t> free_;   // indexes of slots
  std::vector<uint32_t> table_;  // index of a slot + 1; 0: nothing
  size_t size_ = 0;
  uint64_t content_bytes_ = 0;
  uint32_t profile_ = 2;  // so that nothing was used by it, or by the one before
  uint32_t hand_ = 0;     // the slot that is next to be asked whether it may go
  size_t not_asked_ = 0;  // slots that were not asked in this profile
  uint64_t evicted_ = 0;
  uint64_t refused_ = 0;
};

}  // namespace splitprof
