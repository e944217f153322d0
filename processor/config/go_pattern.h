// SPDX-License-Identifier: Apache-2.0
//
// Regular expressions as configurations of the collector hold them, which is Go's syntax, for RE2: that understands all
// of it but one form of named groups.
#pragma once

#include <string>
#include <string_view>

namespace splitprof::config {

// Go takes (?<name>…) for a named group, the RE2 of 2022 only (?P<name>…): the second, for the first.
std::string re2_pattern(std::string_view pattern);

}  // namespace splitprof::config
