// SPDX-License-Identifier: Apache-2.0
#include "sampler/opener/mountinfo.h"

#include <fcntl.h>
#include <kj/io.h>
#include <unistd.h>

#include <charconv>

namespace splitprof {
namespace {

// Two paths of PATH_MAX bytes with each byte escaped as four, and a page of options: 37 KiB.
constexpr size_t kMaxLineBytes = 64 * 1024;
// A namespace may hold 100,000 mounts (fs.mount-max); ordinary ones of some 100 bytes fit.
constexpr size_t kMaxBytes = 8 * 1024 * 1024;

// Reads a number and the character after it from the front of `text`.
std::optional<uint32_t> take_number(std::string_view& text, char end) {
  uint32_t number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || rest == text.data() + text.size() || *rest != end) return std::nullopt;
  text.remove_prefix(rest - text.data() + 1);
  return number;
}

}  // namespace

std::optional<MountLine> parse_mountinfo_line(std::string_view line) {
  const auto id = take_number(line, ' ');
  if (!id || !take_number(line, ' ')) return std::nullopt;  // the second number is the parent's
  const auto major = take_number(line, ':');
  if (!major) return std::nullopt;
  const auto minor = take_number(line, ' ');
  if (!minor) return std::nullopt;
  // Blanks inside paths are written as \040 and optional fields contain a colon, so this is the separator.
  const size_t separator = line.find(" - ");
  if (separator == line.npos) return std::nullopt;
  line.remove_prefix(separator + 3);
  const auto type = line.substr(0, line.find(' '));
  if (type.empty() || type.size() > kMaxFileSystemTypeBytes) return std::nullopt;
  return MountLine{.mount_id = *id, .major = *major, .minor = *minor, .type = type};
}

std::optional<Mount> find_mount(int mountinfo_fd, uint32_t mount_id) {
  std::string buffer(kMaxLineBytes, '\0');
  size_t filled = 0;
  for (size_t total = 0; total < kMaxBytes;) {
    const ssize_t got = read(mountinfo_fd, buffer.data() + filled, buffer.size() - filled);
    if (got <= 0) return std::nullopt;
    total += got;
    filled += got;
    std::string_view rest(buffer.data(), filled);
    for (size_t newline; (newline = rest.find('\n')) != rest.npos; rest.remove_prefix(newline + 1)) {
      const auto line = parse_mountinfo_line(rest.substr(0, newline));
      if (line && line->mount_id == mount_id)
        return Mount{.major = line->major, .minor = line->minor, .type = std::string(line->type)};
    }
    if (rest.size() == buffer.size()) return std::nullopt;  // no kernel writes such a line
    filled = rest.size();
    buffer.replace(0, filled, std::string(rest));
  }
  return std::nullopt;
}

std::optional<uint32_t> mount_id_of(int fd) {
  const std::string path = "/proc/self/fdinfo/" + std::to_string(fd);
  const int info = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (info < 0) return std::nullopt;
  const kj::AutoCloseFd closer(info);
  char buffer[512];  // three short lines for a descriptor opened with O_PATH or a plain file
  const ssize_t got = read(info, buffer, sizeof(buffer));
  const std::string_view text(buffer, got > 0 ? got : 0);
  constexpr std::string_view kName = "\nmnt_id:\t";
  const size_t at = text.find(kName);
  if (at == text.npos) return std::nullopt;
  auto number = text.substr(at + kName.size());
  return take_number(number, '\n');
}

}  // namespace splitprof
