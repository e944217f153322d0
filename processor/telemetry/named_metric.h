// SPDX-License-Identifier: Apache-2.0
//
// A counter's or gauge's value with its name and its sentence, as every list of counters hands it out.
#pragma once

#include <cstdint>
#include <string_view>

namespace splitprof {

struct NamedMetric {
  std::string_view name;  // of a .def file: lives for ever
  std::string_view text;
  uint64_t value = 0;
};

// What goes up and down says so: its sentence ends in ", now". Everything else only grows.
inline bool is_gauge(const NamedMetric& metric) {
  return metric.text.ends_with(", now");
}

}  // namespace splitprof
