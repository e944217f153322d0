// SPDX-License-Identifier: Apache-2.0
#include "processor/elasticsearch/ids.h"

#include <fmt/core.h>

#include <bit>
#include <charconv>
#include <cstring>

namespace splitprof::elasticsearch {
namespace {

constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

uint64_t big_endian(uint64_t number) {
  return std::endian::native == std::endian::little ? __builtin_bswap64(number) : number;
}

std::array<uint8_t, 16> bytes_of(uint64_t high, uint64_t low) {
  std::array<uint8_t, 16> bytes;
  const uint64_t halves[2] = {big_endian(high), big_endian(low)};
  std::memcpy(bytes.data(), halves, sizeof halves);
  return bytes;
}

// Three bytes are four characters; one byte left over is two, two are three.
char* put_base64url(char* out, std::span<const uint8_t> bytes) {
  size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) {
    const uint32_t three = uint32_t{bytes[i]} << 16 | uint32_t{bytes[i + 1]} << 8 | bytes[i + 2];
    *out++ = kAlphabet[three >> 18];
    *out++ = kAlphabet[three >> 12 & 63];
    *out++ = kAlphabet[three >> 6 & 63];
    *out++ = kAlphabet[three & 63];
  }
  const size_t left = bytes.size() - i;
  if (left > 0) {
    const uint32_t rest = uint32_t{bytes[i]} << 8 | (left == 2 ? bytes[i + 1] : 0u);
    *out++ = kAlphabet[rest >> 10];
    *out++ = kAlphabet[rest >> 4 & 63];
    if (left == 2) *out++ = kAlphabet[rest << 2 & 63];
  }
  return out;
}

// By character: the digit's value, or one of these.
constexpr uint8_t kNoDigit = 0xff, kDash = 0xfe;
constexpr auto kDigits = [] {
  std::array<uint8_t, 256> digits{};
  digits.fill(kNoDigit);
  digits['-'] = kDash;
  for (uint8_t i = 0; i < 10; ++i) digits['0' + i] = i;
  for (uint8_t i = 0; i < 6; ++i) digits['a' + i] = digits['A' + i] = 10 + i;
  return digits;
}();

}  // namespace

FileIdText file_id_text(FileId file) {
  FileIdText text;
  put_base64url(text.chars.data(), bytes_of(file.high, file.low));
  return text;
}

FrameIdText frame_id_text(FileId file, uint64_t address_or_line) {
  uint8_t bytes[24];
  const uint64_t words[3] = {big_endian(file.high), big_endian(file.low), big_endian(address_or_line)};
  std::memcpy(bytes, words, sizeof words);
  FrameIdText text;
  put_base64url(text.chars.data(), bytes);
  return text;
}

std::string file_id_digits(FileId file) {
  return fmt::format("{:016x}{:016x}", file.high, file.low);
}

std::optional<FileId> parse_file_id(std::string_view digits) {
  if (digits.starts_with("0x") || digits.starts_with("0X")) digits.remove_prefix(2);
  uint64_t halves[2] = {};
  size_t count = 0;
  for (const char c : digits) {
    const uint8_t digit = kDigits[static_cast<uint8_t>(c)];
    if (digit == kDash) continue;
    if (digit == kNoDigit || count == 32) return std::nullopt;
    halves[count / 16] = halves[count / 16] << 4 | digit;
    ++count;
  }
  if (count != 32) return std::nullopt;
  return FileId{halves[0], halves[1]};
}

void append_base64url(std::string& out, std::span<const uint8_t> bytes) {
  const size_t before = out.size();
  out.resize(before + (bytes.size() * 4 + 2) / 3);
  put_base64url(out.data() + before, bytes);
}

void TraceIdBuilder::add(FileId file, uint64_t address_or_line) {
  const auto bytes = bytes_of(file.high, file.low);
  hash_.add(bytes.data(), bytes.size());
  char decimal[20];
  const auto end = std::to_chars(decimal, decimal + sizeof decimal, address_or_line).ptr;
  hash_.add(decimal, static_cast<size_t>(end - decimal));
}

TraceIdText TraceIdBuilder::text() const {
  TraceIdText text;
  put_base64url(text.chars.data(), bytes_of(hash_.high(), hash_.low()));
  return text;
}

}  // namespace splitprof::elasticsearch
