// SPDX-License-Identifier: Apache-2.0
//
// `splitprof backlog DIR`: says what waits in a backlog's folder, and what is damaged. Needs no right but to read it.
#pragma once

#include <string>

namespace splitprof {

// The exit status: 0, or 1 when something is damaged or cannot be read.
int list_backlog(const std::string& folder, bool json);

}  // namespace splitprof
