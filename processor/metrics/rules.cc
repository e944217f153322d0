// SPDX-License-Identifier: Apache-2.0
#include "processor/metrics/rules.h"

#include <re2/re2.h>

#include <utility>

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
    auto pattern = std::make_unique<RE2>(with_named_groups_of_re2(rule.match), RE2::Quiet);
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

std::string with_named_groups_of_re2(std::string_view pattern) {
  std::string out;
  bool in_class = false;
  for (size_t i = 0; i < pattern.size();) {
    const auto rest = pattern.substr(i);
    size_t length = 1;
    if (rest.starts_with("\\Q") && !in_class) {
      const size_t end = rest.find("\\E");
      length = end == std::string_view::npos ? rest.size() : end + 2;
    } else if (rest[0] == '\\') {
      length = rest.size() < 2 ? 1 : 2;
    } else if (in_class) {
      if (rest.starts_with("[:")) {
        const size_t end = rest.find(":]");
        if (end != std::string_view::npos) length = end + 2;
      }
      in_class = length > 1 || rest[0] != ']';
    } else if (rest[0] == '[') {
      in_class = true;
      if (rest.starts_with("[^")) length = 2;
      if (rest.substr(length).starts_with("]")) ++length;  // a bracket in the first place is a member
    } else if (rest.starts_with("(?<") && !rest.starts_with("(?<=") && !rest.starts_with("(?<!")) {
      out += "(?P<";
      i += 3;
      continue;
    }
    out += rest.substr(0, length);
    i += length;
  }
  return out;
}

}  // namespace splitprof::metrics
