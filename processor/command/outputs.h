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
  std::string format;  // as splitprof-processor --output takes it: folded, pprof, speedscope, html; or capture
  kj::AutoCloseFd fd;
};

Result<std::string> format_of(const std::string& path);

inline bool is_capture(const OutputFile& file) {
  return file.format == "capture";
}

// Creates or empties each file, a capture with mode 0600; nothing is created when a name has no known suffix.
Result<std::vector<OutputFile>> open_outputs(const std::vector<std::string>& paths, const InvokingUser& user);

// A folder of the invoking user's, or one that is there already; its parent has to be there.
Result<> make_folder(const std::string& path, const InvokingUser& user);

// What --all-formats writes into a folder. Its names are quickstart's.
struct NamesOfAllFormats {
  std::vector<std::string> outputs, summaries;
};
NamesOfAllFormats all_formats_in(const std::string& folder);

Result<kj::AutoCloseFd> open_for_writing(const std::string& path, const InvokingUser& user);

}  // namespace splitprof
