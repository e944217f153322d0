// SPDX-License-Identifier: Apache-2.0
//
// A row of the benchmark table: name, unit, number of measurements, smallest, median, largest, separated by tabs.
#pragma once

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

namespace splitprof {

inline void print_row(const std::string& name, const char* unit, std::vector<double> measured) {
  if (measured.empty()) return;
  std::ranges::sort(measured);
  std::printf("%s\t%s\t%zu\t%.4g\t%.4g\t%.4g\n", name.c_str(), unit, measured.size(), measured.front(),
              measured[measured.size() / 2], measured.back());
}

}  // namespace splitprof
