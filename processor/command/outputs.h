// SPDX-License-Identifier: Apache-2.0
//
// The files that a recording leaves behind: format by suffix, opened before anything is started and with the invoking
// user's rights. The processor gets descriptors, never names.
#pragma once

#include <kj/io.h>

#include <string>
#include <vector>

#include "processor/command/invoking_user.h"
#include "shared/result.h"

namespace splitprof {

struct OutputFile {
  std::string path;
  std::string format;  // as splitprof-processor --output takes it: folded, pprof, html; or capture
  kj::AutoCloseFd fd;
};

Result<std::string> format_of(const std::string& path);

inline bool is_capture(const OutputFile& file) {
  return file.format == "capture";
}

// Creates or empties each file, a capture with mode 0600; nothing is created when a name has no known suffix.
Result<std::vector<OutputFile>> open_outputs(const std::vector<std::string>& paths, const InvokingUser& user);

Result<kj::AutoCloseFd> open_for_writing(const std::string& path, const InvokingUser& user);

}  // namespace splitprof
