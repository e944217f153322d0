// SPDX-License-Identifier: Apache-2.0
//
// A body as Content-Encoding: gzip carries it.
#pragma once

#include <string>
#include <string_view>

namespace splitprof::http {

// `level`: zlib's, 1 to 9.
std::string gzip(std::string_view bytes, int level);

}  // namespace splitprof::http
