// SPDX-License-Identifier: Apache-2.0
#include "processor/metrics/rules.h"

#include <re2/re2.h>

#include <utility>

#include "processor/config/go_pattern.h"

namespace splitprof::metrics {

struct Rules::Rule {
  std::string label;
  std::unique_ptr<RE2> pattern;  // cannot be moved
};

Rules::Rules() = default;
Rules::Rules(Rules&&) noexcept = default;
Rules& Rules::operator=(Rules&&) noexcept = default;
Rules::~Rules() = default;

Result<Rules> Rules::compile(const std::vector<ProfilingMetricsOptions::Rule>& rules) {
  Rules compiled;
  for (size_t i = 0; i < rules.size(); ++i) {
    const auto& rule = rules[i];
    if (rule.match.empty() || rule.label.empty())
      return fail(Errc::malformed, "invalid aggregation configuration: aggregations[{}] has no {}", i,
                  rule.match.empty() ? "match" : "label");
    auto pattern = std::make_unique<RE2>(config::re2_pattern(rule.match), RE2::Quiet);
    if (!pattern->ok())
      return fail(Errc::malformed, "aggregations[{}]: compiling regex for label {}: {}", i, rule.label,
                  pattern->error());
    compiled.rules_.push_back({rule.label, std::move(pattern)});
  }
  return compiled;
}

size_t Rules::size() const {
  return rules_.size();
}

const std::string& Rules::label(size_t rule) const {
  return rules_[rule].label;
}

void Rules::find(std::string_view function, std::vector<uint32_t>& matching) const {
  const re2::StringPiece text(function.data(), function.size());
  for (size_t i = 0; i < rules_.size(); ++i)
    if (RE2::PartialMatch(text, *rules_[i].pattern)) matching.push_back(static_cast<uint32_t>(i));
}

}  // namespace splitprof::metrics
