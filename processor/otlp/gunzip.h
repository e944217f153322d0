// SPDX-License-Identifier: Apache-2.0
//
// Bytes of gzip, unpacked as far as a bound: a bomb costs no more than that.
#pragma once

#include <string>
#include <string_view>

#include "shared/result.h"

namespace splitprof::otlp {

// Errc::too_large past `max_bytes`; malformed or truncated otherwise. Several members are one text (RFC 1952, 2.2).
Result<std::string> gunzip(std::string_view packed, uint64_t max_bytes);

}  // namespace splitprof::otlp
