// SPDX-License-Identifier: Apache-2.0
//
// Table memory in the kernel: blocks of words in chunks of 256 KiB (bpf/abi.h). Keeps what is free, never what is
// stored: a chunk is read back, changed and written whole. Belongs to the sampler's one thread.
#pragma once

#include <kj/io.h>

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "bpf/abi.h"

namespace splitprof {

// A piece of a chunk. `ref` is never 0.
struct Block {
  uint32_t ref = 0;
  uint32_t words = 0;
};

class Arena {
 public:
  // `outer`: descriptor of the array of maps, with `slots` slots; stays the caller's.
  Arena(int outer, uint32_t slots);

  // Makes the first chunks: each one costs a grace period of RCU (13 to 27 ms measured), in which nothing else is
  // served.
  void prepare(uint32_t chunks);
  // Room for `words` (1..SP_CHUNK_WORDS - 1) in one chunk; nothing when the arena is full or the kernel has no memory
  // for another chunk. `reserve_slots` slots are left untouched, for those who ask with 0.
  std::optional<Block> allocate(uint32_t words, uint32_t reserve_slots = 0);
  void free(Block block);
  // Takes effect at the next `flush`, or when another chunk is written to. `words` fits the block.
  void write(Block block, std::span<const uint32_t> words);
  // False when the kernel could not take a chunk (ENOMEM, before kvmalloc): what was written is lost.
  bool flush();

  // A number that no block in use has; never 0, nor 0 in the low bits that a mapping repeats.
  uint32_t next_generation();
  uint64_t bytes() const { return chunks_.size() * uint64_t{SP_CHUNK_BYTES}; }

 private:
  struct Chunk {
    kj::AutoCloseFd map;
    std::map<uint32_t, uint32_t> free;  // first word → length
  };
  std::optional<uint32_t> take(Chunk& chunk, uint32_t words);
  bool add_chunk();
  bool stage(uint32_t slot);

  int outer_;
  uint32_t slots_;
  uint32_t hint_ = 0;  // the chunk that had room last
  uint32_t generation_ = 0;
  std::vector<Chunk> chunks_;  // index: slot
  std::vector<uint32_t> staged_;
  std::optional<uint32_t> staged_slot_;
  bool dirty_ = false;
};

}  // namespace splitprof
