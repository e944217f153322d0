// SPDX-License-Identifier: Apache-2.0
#include "processor/elf/bytes.h"

#include <algorithm>

namespace splitprof {

Result<uint64_t> Bytes::long_uleb128() {
  uint64_t value = 0;
  for (size_t i = 0; i < remaining(); ++i) {
    const uint64_t byte = byte_at(position_ + i);
    const unsigned shift = static_cast<unsigned>(std::min<size_t>(i, 10) * 7);
    const uint64_t bits = byte & 0x7f;
    if (shift < 64 ? (bits << shift) >> shift != bits : bits != 0)
      return fail(Errc::malformed, "a number at byte {} does not fit in 64 bits", position_);
    if (shift < 64) value |= bits << shift;
    if ((byte & 0x80) == 0) {
      position_ += i + 1;
      return value;
    }
  }
  return past_end(remaining() + 1);
}

Result<int64_t> Bytes::sleb128() {
  uint64_t value = 0;
  for (size_t i = 0; i < remaining(); ++i) {
    const uint64_t byte = byte_at(position_ + i);
    const unsigned shift = static_cast<unsigned>(std::min<size_t>(i, 10) * 7);
    const bool last = (byte & 0x80) == 0;
    const bool negative = (byte & 0x40) != 0;
    // The tenth byte has one bit left to give; its others, and all later bytes, can only repeat the sign.
    const bool sign_only = shift >= 63;
    const uint64_t sign = shift >= 64 ? value >> 63 : byte & 1;
    if (sign_only && (byte & 0x7f) != (sign != 0 ? 0x7f : 0))
      return fail(Errc::malformed, "a number at byte {} does not fit in 64 bits", position_);
    if (shift < 64) value |= (byte & 0x7f) << shift;
    if (last) {
      if (negative && shift + 7 < 64) value |= ~uint64_t{0} << (shift + 7);
      position_ += i + 1;
      return static_cast<int64_t>(value);
    }
  }
  return past_end(remaining() + 1);
}

Result<std::string_view> Bytes::c_string() {
  const auto rest = memory_.subspan(position_);
  const auto end = std::find(rest.begin(), rest.end(), std::byte{0});
  if (end == rest.end()) return fail(Errc::truncated, "text at byte {} has no end", position_);
  const size_t length = static_cast<size_t>(end - rest.begin());
  position_ += length + 1;
  return std::string_view(reinterpret_cast<const char*>(rest.data()), length);
}

Result<Bytes> Bytes::sub(uint64_t offset, uint64_t size) const {
  if (offset > memory_.size() || size > memory_.size() - offset)
    return fail(Errc::truncated, "{} bytes at {} of {}", size, offset, memory_.size());
  return Bytes(memory_.subspan(offset, size));
}

Error Bytes::past_end(uint64_t wanted) const {
  return fail(Errc::truncated, "{} bytes wanted at {} of {}", wanted, position_, memory_.size());
}

}  // namespace splitprof
