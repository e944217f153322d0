// SPDX-License-Identifier: Apache-2.0
#include "processor/runtimes/python/version.h"

#include <fmt/format.h>

namespace splitprof {

std::string PythonVersion::text() const {
  const std::string numbers = micro_known ? fmt::format("{}.{}.{}", major, minor, micro)  //
                                          : fmt::format("{}.{}", major, minor);
  return free_threaded ? numbers + "t" : numbers;
}

}  // namespace splitprof
