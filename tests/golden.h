// SPDX-License-Identifier: Apache-2.0
//
// Golden files: expected outputs in tests/golden. SPLITPROF_UPDATE_GOLDEN=1 in the environment rewrites them; the
// difference is what is reviewed.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

namespace splitprof::test {

// `name`: path below tests/golden.
inline void expect_golden(const std::string& name, const std::string& actual) {
  const std::string path = std::string(SPLITPROF_SOURCE_DIR) + "/tests/golden/" + name;
  const char* update = std::getenv("SPLITPROF_UPDATE_GOLDEN");
  if (update != nullptr && *update == '1') {
    std::ofstream(path, std::ios::binary) << actual;
  }
  std::ifstream file(path, std::ios::binary);
  ASSERT_TRUE(file.is_open()) << path << " does not exist; SPLITPROF_UPDATE_GOLDEN=1 makes it";
  const std::string expected{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(actual, expected) << path << "; SPLITPROF_UPDATE_GOLDEN=1 rewrites it";
}

}  // namespace splitprof::test
