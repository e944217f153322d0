// SPDX-License-Identifier: Apache-2.0
//
// What `splitprof` needs to start a daemon and to hear from it: its path, a pipe, what has come through it.
#pragma once

#include <kj/io.h>

#include <string>

#include "shared/result.h"

namespace splitprof {

// The daemons stand beside this very program.
Result<std::string> find_daemon(const char* name);

struct Ends {
  kj::AutoCloseFd ours, theirs;
};
// `ours` is read without waiting.
Result<Ends> make_pipe();

// Appends what is there; false: the other side has closed, or has written more than a daemon has to say (1 MiB).
bool read_available(int fd, std::string& into);

}  // namespace splitprof
