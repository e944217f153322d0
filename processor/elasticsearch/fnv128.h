// SPDX-License-Identifier: Apache-2.0
//
// FNV-1a of 128 bits ("The FNV Non-Cryptographic Hash Algorithm", RFC 9923): the hash behind the ids of stack traces
// and of the kernel's files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace splitprof::elasticsearch {

class Fnv128 {
 public:
  void add(const void* data, size_t size) {
    const auto* bytes = static_cast<const uint8_t*>(data);
    for (size_t i = 0; i < size; ++i) state_ = (state_ ^ bytes[i]) * kPrime;
  }
  void add(std::string_view text) { add(text.data(), text.size()); }
  uint64_t high() const { return static_cast<uint64_t>(state_ >> 64); }
  uint64_t low() const { return static_cast<uint64_t>(state_); }

 private:
  __extension__ using Number = unsigned __int128;
  static constexpr Number kPrime = (Number{1} << 88) + 0x13b;
  Number state_ = Number{0x6c62272e07bb0142} << 64 | 0x62b821756295c58d;
};

}  // namespace splitprof::elasticsearch
