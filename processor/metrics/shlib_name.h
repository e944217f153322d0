// SPDX-License-Identifier: Apache-2.0
//
// The name of a shared library, from the name of the file that is mapped: libc of /usr/lib/libc.so.6.
#pragma once

#include <string_view>

namespace splitprof::metrics {

// Empty: it is no shared library. The same as the first group of `(?:.*/)?(.+)\.so`, by which the collector's connector
// names them.
std::string_view shlib_name(std::string_view file);

}  // namespace splitprof::metrics
