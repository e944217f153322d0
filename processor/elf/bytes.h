// SPDX-License-Identifier: Apache-2.0
//
// Bytes: a cursor over memory that came from a file or a process, and the only class that touches such memory. Every
// read is checked against the end, copies, and moves on; a failed one moves nothing. It borrows the memory, which has
// to outlive it. Little-endian, as everything that this program reads is.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

#include "shared/result.h"

namespace splitprof {

static_assert(std::endian::native == std::endian::little, "files are read as the host's own byte order");

class Bytes {
 public:
  Bytes() = default;
  explicit Bytes(std::span<const std::byte> memory) : memory_(memory) {}

  size_t position() const { return position_; }  // bytes from the beginning
  size_t remaining() const { return memory_.size() - position_; }
  bool at_end() const { return remaining() == 0; }

  template <typename T>
  Result<T> read() {
    static_assert(std::is_trivially_copyable_v<T>);
    if (remaining() < sizeof(T)) [[unlikely]]
      return past_end(sizeof(T));
    T value;
    std::memcpy(&value, memory_.data() + position_, sizeof(T));
    position_ += sizeof(T);
    return value;
  }

  // The same for inner loops, which cannot afford an Error that nobody reads: false past the end.
  template <typename T>
  [[nodiscard]] bool read_into(T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    if (remaining() < sizeof(T)) [[unlikely]]
      return false;
    std::memcpy(&value, memory_.data() + position_, sizeof(T));
    position_ += sizeof(T);
    return true;
  }
  [[nodiscard]] bool uleb128_into(uint64_t& value) {
    if (!at_end() && (byte_at(position_) & 0x80) == 0) [[likely]] {
      value = byte_at(position_++);
      return true;
    }
    const auto read = long_uleb128();
    if (read) value = *read;
    return read.has_value();
  }
  [[nodiscard]] bool sleb128_into(int64_t& value) {
    const auto read = sleb128();
    if (read) value = *read;
    return read.has_value();
  }
  [[nodiscard]] bool take_into(uint64_t size, Bytes& taken) {
    if (size > remaining()) [[unlikely]]
      return false;
    taken = Bytes(memory_.subspan(position_, size));
    position_ += size;
    return true;
  }

  // DWARF's variable-length numbers (DWARF 5, section 7.6). One that does not fit in 64 bits is malformed.
  Result<uint64_t> uleb128() {
    if (!at_end() && (byte_at(position_) & 0x80) == 0) [[likely]]
      return uint64_t{byte_at(position_++)};
    return long_uleb128();
  }
  Result<int64_t> sleb128();

  // The text up to the next zero byte, which is skipped.
  Result<std::string_view> c_string();

  // The next `size` bytes, which are skipped, as a cursor of their own.
  Result<Bytes> take(uint64_t size) {
    if (size > remaining()) [[unlikely]]
      return past_end(size);
    const Bytes taken(memory_.subspan(position_, size));
    position_ += size;
    return taken;
  }
  // The same of as many bytes as the number before them says (uleb128).
  Result<Bytes> take_block() { return take(TRY(uleb128())); }
  Result<> skip(uint64_t size) {
    if (size > remaining()) [[unlikely]]
      return past_end(size);
    position_ += size;
    return Ok{};
  }

  // What is left, as a cursor of its own.
  Bytes rest() const { return Bytes(memory_.subspan(position_)); }
  // `size` bytes from `offset`, both counted from the beginning, wherever the cursor stands.
  Result<Bytes> sub(uint64_t offset, uint64_t size) const;

 private:
  uint8_t byte_at(size_t position) const { return static_cast<uint8_t>(memory_[position]); }
  Result<uint64_t> long_uleb128();
  Error past_end(uint64_t wanted) const;

  std::span<const std::byte> memory_;
  size_t position_ = 0;  // <= memory_.size()
};

}  // namespace splitprof
