// SPDX-License-Identifier: Apache-2.0
//
// FakeMemory: a process's memory for tests: pages at addresses, nothing between them. Reads as /proc/PID/mem does: up
// to the first byte that is not there.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <span>
#include <unordered_map>

#include "processor/ingest/input.h"

namespace splitprof::testing {

class FakeMemory final : public ReadableFile {
 public:
  static constexpr uint64_t kPageBytes = 4096;

  // The pages of these bytes, zeroes where they are new.
  void map(uint64_t address, size_t size) {
    for (uint64_t page = address / kPageBytes; page * kPageBytes < address + size; ++page) pages_[page];
  }
  // The page with this byte.
  void unmap(uint64_t address) { pages_.erase(address / kPageBytes); }

  // Maps what is not there yet.
  template <typename T>
  void write(uint64_t address, const T& value) {
    write_bytes(address, std::as_bytes(std::span(&value, 1)));
  }
  void write_bytes(uint64_t address, std::span<const std::byte> bytes) {
    map(address, bytes.size());
    for (const std::byte byte : bytes) {
      pages_[address / kPageBytes][address % kPageBytes] = byte;
      ++address;
    }
  }

  Result<size_t> read_at(uint64_t offset, std::span<std::byte> into) override {
    ++reads;
    size_t done = 0;
    while (done < into.size()) {
      const uint64_t at = (offset + done) % kPageBytes;
      const auto page = pages_.find((offset + done) / kPageBytes);
      if (page == pages_.end()) break;
      const size_t n = std::min(into.size() - done, kPageBytes - at);
      std::memcpy(into.data() + done, page->second.data() + at, n);
      done += n;
    }
    if (after_read) after_read();
    return done;
  }
  const FileIdentity& identity() const override { return identity_; }

  uint64_t reads = 0;
  std::function<void()> after_read;  // the process goes on running between two reads

 private:
  std::unordered_map<uint64_t, std::array<std::byte, kPageBytes>> pages_;  // by address / kPageBytes
  FileIdentity identity_;
};

}  // namespace splitprof::testing
