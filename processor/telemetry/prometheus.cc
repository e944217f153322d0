// SPDX-License-Identifier: Apache-2.0
#include "processor/telemetry/prometheus.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>

namespace splitprof {
namespace {

struct Family {
  std::string name;
  const NamedMetric* about = nullptr;
  std::vector<std::pair<std::string_view, uint64_t>> values;  // by component
};

// Backslash and line end; in a label the quotation mark, too.
std::string escaped(std::string_view text, bool label) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || (label && c == '"')) out += '\\';
    out += c;
  }
  return out;
}

std::vector<Family> families_of(const std::vector<MetricGroup>& groups) {
  std::vector<Family> families;
  std::map<std::string, size_t> places;
  for (const auto& group : groups)
    for (const auto& metric : group.metrics) {
      auto name = fmt::format("splitprof_{}_{}", group.group, metric.name);
      const auto [place, added] = places.try_emplace(name, families.size());
      if (added) families.push_back({std::move(name), &metric, {}});
      auto& values = families[place->second].values;
      const bool twice =
          std::any_of(values.begin(), values.end(), [&](const auto& value) { return value.first == group.component; });
      if (!twice) values.emplace_back(group.component, metric.value);
    }
  return families;
}

}  // namespace

std::string prometheus_text(const std::vector<MetricGroup>& groups, std::string_view version) {
  std::string text;
  auto out = std::back_inserter(text);
  fmt::format_to(out,
                 "# HELP splitprof_build_info always 1; its label says which version runs\n"
                 "# TYPE splitprof_build_info gauge\n"
                 "splitprof_build_info{{version=\"{}\"}} 1\n",
                 escaped(version, true));
  for (const auto& family : families_of(groups)) {
    fmt::format_to(out, "# HELP {} {}\n# TYPE {} {}\n", family.name, escaped(family.about->text, false), family.name,
                   is_gauge(*family.about) ? "gauge" : "counter");
    for (const auto& [component, value] : family.values) {
      if (component.empty())
        fmt::format_to(out, "{} {}\n", family.name, value);
      else
        fmt::format_to(out, "{}{{component=\"{}\"}} {}\n", family.name, escaped(component, true), value);
    }
  }
  return text;
}

}  // namespace splitprof
