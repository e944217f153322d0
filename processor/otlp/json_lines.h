// SPDX-License-Identifier: Apache-2.0
//
// One file of the otlpjsonfile receiver, read line by line as it grows, from where it was left. Never waits; a line
// that is too long is passed over. Export thread.
#pragma once

#include <kj/io.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shared/result.h"

namespace splitprof::otlp {

class JsonLines {
 public:
  struct Identity {
    dev_t device = 0;
    ino_t inode = 0;
    friend auto operator<=>(const Identity&, const Identity&) = default;
  };
  // A longer line is no batch that anybody makes: one of 10,000 samples is about 2 MB.
  static constexpr size_t kMaxLineBytes = 32u << 20;

  // A regular file; anything else is Errc::unsupported.
  static Result<JsonLines> open(const std::string& path);
  static Result<Identity> identify(const std::string& path);

  const Identity& identity() const { return identity_; }
  static constexpr size_t kReadBytes = 256 << 10;
  // From now on only what is appended.
  void skip_to_end();
  void start_again();

  enum class State { line, more, end, failed };
  // `line`: a whole one is in `out`. `more`: up to kReadBytes were read. `end`: there is nothing more for now.
  State next(std::string& out);
  // The last line, whose newline has not come; empty: there is none.
  std::string_view unfinished() const;
  void drop_unfinished();

  uint64_t lines_too_long() const { return lines_too_long_; }
  bool was_truncated();  // since the last call

 private:
  JsonLines(kj::AutoCloseFd fd, Identity identity) : fd_(std::move(fd)), identity_(identity) {}
  bool take_line(std::string& out);
  void forget_pending();

  kj::AutoCloseFd fd_;
  Identity identity_;
  uint64_t offset_ = 0;  // of the file, read until here
  std::string pending_;  // read; taken until taken_, without a newline from there to searched_
  size_t taken_ = 0, searched_ = 0;
  bool skipping_ = false;  // within a line that is too long
  bool truncated_ = false;
  uint64_t lines_too_long_ = 0;
};

}  // namespace splitprof::otlp
