// SPDX-License-Identifier: Apache-2.0
#include "processor/telemetry/balance.h"

#include <fmt/format.h>

#include <iterator>
#include <utility>
#include <vector>

namespace splitprof {
namespace {

struct Term {
  std::string_view what;
  uint64_t samples = 0;
};
using Terms = std::vector<Term>;

uint64_t sum(const Terms& terms) {
  uint64_t total = 0;
  for (const auto& term : terms) total += term.samples;
  return total;
}

// The first term stands there even if it is 0.
std::string joined(const Terms& terms, std::string_view by) {
  std::string text;
  for (const auto& term : terms)
    if (term.samples != 0 || &term == &terms.front())
      fmt::format_to(std::back_inserter(text), "{}{} {}", text.empty() ? "" : by, term.what, term.samples);
  return text;
}

// By name, because a later version may have it and this sampler may not.
uint64_t value(const CountersByName& counters, std::string_view name) {
  for (const auto& [counter, samples] : counters)
    if (counter == name) return samples;
  return 0;
}

uint64_t less(uint64_t a, uint64_t b) {
  return a > b ? a - b : 0;
}

}  // namespace

Balance balance(const BalanceInput& input) {
  const auto of_sampler = [&](std::string_view name) { return value(input.sampler, name); };
  const auto& processor = input.processor;
  const auto& exporter = input.metrics;

  const Terms in{{"taken", of_sampler("samples_taken")},
                 {"of other receivers", less(exporter.samples_received, input.handed_on)},
                 {"left by an earlier process", exporter.samples_left_before}};
  Terms dropped{{"BPF ring full", of_sampler("ring_lost")},
                {"no processor connected", of_sampler("no_client")},
                {"shared ring full", of_sampler("shared_ring_full")},
                {"not read from the ring", of_sampler("abandoned")},
                {"read by other processes", less(of_sampler("consumed"), processor.samples_consumed)},
                {"malformed", processor.samples_malformed},
                {"of processes not asked for", processor.samples_filtered},
                {"of processes too young", processor.samples_too_young},
                {"without a time of their own", processor.moments_dropped},
                {"pipelines did not keep up", input.not_taken},
                {"without a document", exporter.samples_without_document},
                {"refused", exporter.samples_refused},
                {"given up", exporter.samples_given_up},
                {"backlog full or too old", exporter.samples_backlog_dropped},
                {"backlog damaged", exporter.samples_backlog_damaged}};
  const uint64_t all_dropped = sum(dropped);
  const Terms out{{"delivered", exporter.samples_delivered},
                  {"waiting on disk", exporter.samples_waiting},
                  {"dropped", all_dropped}};

  Balance result;
  result.unaccounted = static_cast<int64_t>(sum(in) - sum(out));
  result.line = fmt::format("samples to {}: {} = {}", input.exporter, joined(in, " + "), joined(out, " + "));
  std::erase_if(dropped, [](const Term& term) { return term.samples == 0; });
  if (!dropped.empty()) result.line += " (" + joined(dropped, ", ") + ")";
  if (result.unaccounted != 0) result.line += fmt::format(" + not accounted for {}", result.unaccounted);
  return result;
}

}  // namespace splitprof
