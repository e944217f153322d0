// SPDX-License-Identifier: Apache-2.0
//
// Follows a runtime value as the kernel does (bpf/interpreter.bpf.h), in the memory of a process of this machine.
#pragma once

#include <gtest/gtest.h>

#include "processor/ingest/input.h"
#include "processor/ingest/runtime_value.h"

namespace splitprof::testing {

class MemoryReader {
 public:
  // `thread`: the thread pointer of the thread in question.
  MemoryReader(ReadableFile& file, uint64_t thread) : file_(file), thread_(thread) {}

  uint64_t word(uint64_t address) const {
    uint64_t value = 0;
    const auto n = file_.read_at(address, std::as_writable_bytes(std::span(&value, 1)));
    EXPECT_TRUE(n && *n == sizeof(value)) << "at 0x" << std::hex << address;
    return value;
  }

  // The thread's own variable; 0: none.
  uint64_t thread_local_word(const ThreadLocal& tls) const {
    switch (tls.access) {
      case SP_TLS_NONE:
        break;
      case SP_TLS_OFFSET:
        return word(thread_ + tls.value);
      case SP_TLS_GOT_OFFSET:
        return word(thread_ + word(tls.value));
      case SP_TLS_GOT_PAIR: {
        const uint64_t slot = SP_TLS_SLOT_ADDRESS(tls.value);
        const uint64_t block = word(word(thread_ + 8) + word(slot) * 16);
        return word(block + word(slot + 8) + SP_TLS_SLOT_DISTANCE(tls.value));
      }
    }
    return 0;
  }

  // What pthread_getspecific(key) gives; 0: nothing.
  uint64_t specific(const ThreadStorage& storage, uint64_t key) const {
    const uint64_t at = thread_ + static_cast<uint64_t>(storage.offset);
    switch (storage.kind) {
      case SP_STORAGE_NONE:
        break;
      case SP_STORAGE_BLOCKS: {
        const uint64_t block = word(at + key / 32 * 8);
        return block == 0 ? 0 : word(block + key % 32 * 16 + 8);
      }
      case SP_STORAGE_ARRAY:
        return word(word(at) + key * 8);
    }
    return 0;
  }

 private:
  ReadableFile& file_;
  const uint64_t thread_;
};

}  // namespace splitprof::testing
