// SPDX-License-Identifier: Apache-2.0
//
// One HTTP request to this host, and its answer, for tests.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace splitprof {

struct LoopbackAnswer {
  int status = 0;
  std::string headers, body;
};
LoopbackAnswer post(uint16_t port, const std::string& path, const std::vector<std::string>& headers,
                    const std::string& body);

}  // namespace splitprof
