// SPDX-License-Identifier: Apache-2.0
//
// The summary as people read it at the end of a run: what matters first, nothing that is zero and means nothing.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <vector>

#include "processor/export/summary.h"
#include "processor/export/utf8.h"

namespace splitprof {

namespace {

std::string with_separators(uint64_t number) {
  auto digits = std::to_string(number);
  for (auto at = static_cast<ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<size_t>(at), ",");
  return digits;
}

std::string bytes_text(uint64_t bytes) {
  return bytes == 0 ? "unknown" : fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
}

double percent(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

double seconds(uint64_t ns) {
  return static_cast<double>(ns) / 1e9;
}

// Bytes that came from elsewhere never drive the terminal.
std::string harmless(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto character = next_character(text);
    out += character.valid && is_harmless(character.value) ? text.substr(0, character.bytes) : "?";
    text.remove_prefix(character.bytes);
  }
  return out;
}

class Page {
 public:
  explicit Page(bool colour) : colour_(colour) {}

  void title(std::string_view text) {
    text_ += colour_ ? fmt::format("\x1b[1m{}\x1b[0m\n", text) : fmt::format("{}\n", text);
  }
  void line(std::string_view label, std::string_view text) { text_ += fmt::format("  {:<12}{}\n", label, text); }
  void bad(std::string_view label, std::string_view text) {
    line(label, colour_ ? fmt::format("\x1b[31m{}\x1b[0m", text) : std::string(text));
  }
  // The most frequent reasons, largest first.
  void reasons(const RunSummary::Reasons& reasons, uint64_t of) {
    std::vector<std::pair<uint64_t, std::string>> list;
    for (const auto& [reason, count] : reasons) {
      if (count != 0) list.emplace_back(count, reason);
    }
    std::sort(list.rbegin(), list.rend());
    for (size_t i = 0; i < list.size() && i < kMaxReasons; ++i) {
      line("", fmt::format("{:>12}  {:5.2f} %  {}", with_separators(list[i].first), percent(list[i].first, of),
                           harmless(list[i].second)));
    }
    if (list.size() > kMaxReasons) line("", fmt::format("{:>12}", fmt::format("… {} more", list.size() - kMaxReasons)));
  }
  std::string take() { return std::move(text_); }

 private:
  static constexpr size_t kMaxReasons = 6;
  bool colour_;
  std::string text_;
};

void add_stacks(const RunSummary& s, Page& page) {
  const auto truncated = s.stacks.truncated_total();
  page.line("stacks", fmt::format("{:.2f} % whole, from the leaf to the outermost frame", s.stacks.whole_percent()));
  page.reasons(s.stacks.truncated, s.stacks.whole + truncated);
  page.line("names", fmt::format("{:.2f} % of samples have a name for the innermost frame, {:.2f} % of frames have one",
                                 percent(s.named.leaf_named, s.named.samples), s.named.frames_percent()));
}

void add_samples(const RunSummary& s, Page& page) {
  uint64_t lost = 0;
  for (const auto& [reason, count] : s.samples.lost) lost += count;
  const auto others =
      s.samples.filtered == 0 ? "" : fmt::format("{} of other processes, ", with_separators(s.samples.filtered));
  const auto text = fmt::format("{} taken, {} in the profile, {}{} lost", with_separators(s.samples.taken),
                                with_separators(s.samples.aggregated), others, with_separators(lost));
  lost == 0 ? page.line("samples", text) : page.bad("samples", text);
  page.reasons(s.samples.lost, s.samples.taken);
}

// Processes of one name (openers) added up, in the order in which names first appear.
std::vector<std::pair<ProcessCost, size_t>> by_name(const std::vector<ProcessCost>& processes) {
  std::vector<std::pair<ProcessCost, size_t>> groups;
  for (const ProcessCost& one : processes) {
    const auto same =
        std::find_if(groups.begin(), groups.end(), [&](const auto& g) { return g.first.name == one.name; });
    if (same == groups.end()) {
      groups.emplace_back(one, 1);
      continue;
    }
    ++same->second;
    same->first.cpu_user_ns += one.cpu_user_ns;
    same->first.cpu_system_ns += one.cpu_system_ns;
    same->first.peak_pss_bytes += one.peak_pss_bytes;
    same->first.peak_rss_bytes += one.peak_rss_bytes;
  }
  return groups;
}

void add_cost(const RunSummary& s, Page& page) {
  if (s.bpf.samples != 0) {
    page.line("in BPF", fmt::format("{:.2f} µs and {:.1f} frames a sample", s.bpf.ns_per_sample() / 1000,
                                    s.bpf.frames_per_sample()));
  }
  for (const auto& [one, processes] : by_name(s.processes)) {
    const auto cpu_ns = one.cpu_user_ns + one.cpu_system_ns;
    page.line(
        harmless(processes == 1 ? one.name : fmt::format("{} {}s", processes, one.name)),
        fmt::format("{:.2f} s CPU ({:.2f} % of one), PSS {}, RSS {}", seconds(cpu_ns), percent(cpu_ns, s.duration_ns),
                    bytes_text(one.peak_pss_bytes), bytes_text(one.peak_rss_bytes)));
  }
  const auto& up = s.start_up;
  if (up.first_sample_ns > up.started_ns && up.started_ns != 0) {
    page.line("start-up",
              fmt::format("{:.0f} ms to the first sample", seconds(up.first_sample_ns - up.started_ns) * 1000));
  }
}

void add_accounting(const RunSummary& s, Page& page) {
  for (const Accounting& one : s.accounting) {
    if (one.left == one.right) continue;
    page.bad("accounting", fmt::format("{}: {} is not {}", harmless(one.equation), with_separators(one.left),
                                       with_separators(one.right)));
  }
}

}  // namespace

std::string terminal_summary(const RunSummary& s, bool colour) {
  Page page(colour);
  page.title(fmt::format("{} for {:.1f} s, {} Hz on {} CPU{}", harmless(s.target), seconds(s.duration_ns), s.hz,
                         s.online_cpus, s.online_cpus == 1 ? "" : "s"));
  page.line("host", harmless(fmt::format("{}, Linux {} {}", s.host_name, s.kernel_release, s.architecture)));
  add_samples(s, page);
  add_stacks(s, page);
  add_cost(s, page);
  for (const auto& sentence : s.sandbox) page.line("confined", harmless(sentence));
  add_accounting(s, page);
  return page.take();
}

void print_terminal_summary(const RunSummary& summary, std::FILE* out, bool colour) {
  const auto text = terminal_summary(summary, colour);
  std::fwrite(text.data(), 1, text.size(), out);
  std::fflush(out);
}

}  // namespace splitprof
