// SPDX-License-Identifier: Apache-2.0
//
// Bytes into a descriptor that somebody else owns, as one gzip member.
#pragma once

#include <string_view>

#include "shared/result.h"

namespace splitprof {

Result<> write_gzip(std::string_view bytes, int fd);

}  // namespace splitprof
