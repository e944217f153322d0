// SPDX-License-Identifier: Apache-2.0
//
// Text that comes from anywhere, as valid UTF-8: what is not becomes U+FFFD. OTLP's strings have to be UTF-8 in both
// encodings, and a receiver may refuse a whole request for one bad byte.
#pragma once

#include <string>
#include <string_view>

namespace splitprof::otlp {

bool is_utf8(std::string_view text);
// `text` itself when it is valid; otherwise mended, in `buffer`.
std::string_view valid_utf8(std::string_view text, std::string& buffer);

}  // namespace splitprof::otlp
