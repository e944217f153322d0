// SPDX-License-Identifier: Apache-2.0
//
// The socket that processors connect to: from systemd, or one of our own. Made at start, while the path may be written.
#pragma once

#include <kj/io.h>

#include <string>

#include "shared/result.h"

namespace splitprof {

// LISTEN_FDS (sd_listen_fds(3)) comes first, then `path`, whose folder is made if it is missing. Does not block.
Result<kj::AutoCloseFd> open_listener(const std::string& path);

}  // namespace splitprof
