// SPDX-License-Identifier: Apache-2.0
#include "processor/processes/mappings.h"

#include <charconv>
#include <optional>

namespace splitprof {
namespace {

// User addresses end at 2^56 with five-level page tables and below 2^47 without; the vsyscall page lies above both, in
// the kernel's half, and holds no code that a stack could stand in.
constexpr uint64_t kUserAddressEnd = 1ull << 56;
constexpr uint64_t kPageMask = 4095;

class Line {
 public:
  explicit Line(std::string_view text) : text_(text) {}

  template <typename Number>
  bool number(Number& into, int base) {
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), into, base);
    if (error != std::errc()) return false;
    text_.remove_prefix(static_cast<size_t>(end - text_.data()));
    return true;
  }
  bool skip(char c) {
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  std::string_view take(size_t n) {
    if (text_.size() < n) return {};
    const auto taken = text_.substr(0, n);
    text_.remove_prefix(n);
    return taken;
  }
  std::string_view rest() {
    while (skip(' ')) {
    }
    return text_;
  }

 private:
  std::string_view text_;
};

// 7f0123400000-7f0123500000 r-xp 00026000 fe:01 1234                       /usr/lib/libexample.so
struct ParsedLine {
  Mapping mapping;
  bool executable = false;
};
std::optional<ParsedLine> parse_line(std::string_view text) {
  Line line(text);
  ParsedLine parsed;
  auto& mapping = parsed.mapping;
  uint64_t end = 0;
  if (!line.number(mapping.start.value, 16) || !line.skip('-') || !line.number(end, 16) || !line.skip(' '))
    return std::nullopt;
  const auto permissions = line.take(4);
  if (permissions.size() != 4 || !line.skip(' ')) return std::nullopt;
  parsed.executable = permissions[2] == 'x';
  if (!line.number(mapping.file_offset.value, 16) || !line.skip(' ')) return std::nullopt;
  if (!line.number(mapping.file.device_major, 16) || !line.skip(':')) return std::nullopt;
  if (!line.number(mapping.file.device_minor, 16) || !line.skip(' ')) return std::nullopt;
  if (!line.number(mapping.file.inode, 10)) return std::nullopt;
  const auto path = line.rest();
  if (path.size() > kMaxPathBytes) return std::nullopt;
  if (end <= mapping.start.value || ((end | mapping.start.value | mapping.file_offset.value) & kPageMask) != 0)
    return std::nullopt;
  mapping.length = end - mapping.start.value;
  if (parsed.executable) mapping.file.path = path;
  return parsed;
}

}  // namespace

MappingList parse_mappings(std::string_view text) {
  MappingList list;
  uint64_t previous_end = 0;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    auto parsed = parse_line(line);
    if (!parsed) {
      ++list.malformed;
      continue;
    }
    auto& mapping = parsed->mapping;
    if (!parsed->executable || mapping.start.value >= kUserAddressEnd) continue;
    if (mapping.start.value < previous_end || mapping.length > kUserAddressEnd - mapping.start.value) {
      ++list.malformed;  // the kernel lists in ascending order
      continue;
    }
    if (list.mappings.size() == kMaxMappings) {
      ++list.dropped;
      continue;
    }
    previous_end = mapping.start.value + mapping.length;
    list.mappings.push_back(std::move(mapping));
  }
  return list;
}

}  // namespace splitprof
