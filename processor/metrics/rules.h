// SPDX-License-Identifier: Apache-2.0
//
// The user's own rules: a regular expression that is searched for in function names, and the label that a match counts
// for. RE2's language, which is Go's and takes linear time. Made once, then only read.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "processor/config/profiling_options.h"
#include "shared/result.h"

namespace splitprof::metrics {

class Rules {
 public:
  // An error names the first bad rule.
  static Result<Rules> compile(const std::vector<ProfilingMetricsOptions::Rule>& rules);
  Rules(Rules&&) noexcept;
  Rules& operator=(Rules&&) noexcept;
  ~Rules();

  bool empty() const { return size() == 0; }
  size_t size() const;
  const std::string& label(size_t rule) const;
  // Appends the number of each rule that matches, in their order.
  void find(std::string_view function, std::vector<uint32_t>& matching) const;

 private:
  struct Rule;
  Rules();
  std::vector<Rule> rules_;
};

}  // namespace splitprof::metrics
