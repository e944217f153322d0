// SPDX-License-Identifier: Apache-2.0
//
// The file that the file exporter appends to: opened before the sandbox is shut, written whole or not at all, and where
// that is wanted set aside when it becomes too large. Rotated files are named as natefinch/lumberjack 2 does, which
// the collector uses: name-2006-01-02T15-04-05.000.ext. Export thread.
#pragma once

#include <kj/io.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shared/result.h"

namespace splitprof::otlp {

class OutputFile {
 public:
  struct Options {
    std::string path;
    bool append = false;  // else it is emptied; one that is rotated is appended to
    bool rotate = false;
    uint64_t max_bytes = 0;    // of one file
    uint64_t max_age_ns = 0;   // of files that were set aside; 0: for ever
    uint32_t max_backups = 0;  // files that were set aside; 0: all are kept
    bool local_time = false;   // in names; else UTC
  };

  static Result<std::unique_ptr<OutputFile>> open(Options options);

  // The next `more` bytes belong into another file.
  bool is_full(uint64_t more) const { return options_.rotate && size_ > 0 && size_ + more > options_.max_bytes; }
  Result<> rotate(uint64_t unix_ns);
  // What was written of it before an error is cut off again.
  Result<> write(std::string_view bytes);

 private:
  OutputFile(Options options, kj::AutoCloseFd folder, std::string name)
      : options_(std::move(options)), folder_(std::move(folder)), name_(std::move(name)) {}
  Result<> open_file(bool empty_it);
  std::string backup_name(uint64_t unix_ns) const;
  void remove_old(uint64_t unix_ns) const;
  std::vector<std::string> backups() const;

  Options options_;
  kj::AutoCloseFd folder_;
  std::string name_;  // in the folder
  kj::AutoCloseFd fd_;
  uint64_t size_ = 0;  // as far as we know: others may cut it
};

}  // namespace splitprof::otlp
