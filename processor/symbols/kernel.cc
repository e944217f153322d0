// SPDX-License-Identifier: Apache-2.0
#include "processor/symbols/kernel.h"

#include <algorithm>
#include <charconv>
#include <tuple>
#include <unordered_map>

namespace splitprof {
namespace {

constexpr size_t kMaxTextBytes = 64 << 20;  // as AskKernelSymbols promises
constexpr size_t kMaxSymbols = 1 << 20;     // Linux 6.18 without modules has 122,158 lines
constexpr size_t kMaxNameBytes = 512;       // KSYM_NAME_LEN, include/linux/kallsyms.h since 6.1
constexpr size_t kMaxModules = 4096;        // of a few hundred ones; has to fit in 16 bits
constexpr uint64_t kPageBytes = 4096;
constexpr std::string_view kBpf = "bpf";
constexpr uint64_t kMaxFunctionBytes = 1 << 20;  // a BPF program of a million instructions comes near

struct Line {
  uint64_t address = 0;
  char type = 0;
  std::string_view name;
  std::string_view module;  // without brackets
};

// "ffffffff81000000 T name" or "ffffffffc0000000 t name\t[module]".
std::optional<Line> parse_line(std::string_view text) {
  Line line;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), line.address, 16);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  if (text.size() < 4 || text[0] != ' ' || text[2] != ' ') return std::nullopt;
  line.type = text[1];
  text.remove_prefix(3);
  line.name = text.substr(0, text.find('\t'));
  text.remove_prefix(line.name.size());
  if (line.name.empty() || line.name.size() > kMaxNameBytes) return std::nullopt;
  if (!text.empty()) {
    if (!text.starts_with("\t[") || !text.ends_with(']')) return std::nullopt;
    line.module = text.substr(2, text.size() - 3);
    if (line.module.size() > kMaxNameBytes) return std::nullopt;
  }
  return line;
}

bool is_function(char type) {
  return type == 't' || type == 'T' || type == 'w' || type == 'W';
}

// Which of several names for one address people mean: the smallest. Global before weak before local, then the one with
// the fewest underscores in front.
std::tuple<int, size_t> rank(const Line& line) {
  const int binding = line.type == 'T' ? 0 : line.type == 't' ? 2 : 1;
  return {binding, std::min(line.name.find_first_not_of('_'), line.name.size())};
}

}  // namespace

Result<KernelSymbols> KernelSymbols::parse(std::string_view kallsyms) {
  if (kallsyms.size() > kMaxTextBytes) return fail(Errc::too_large, "{} bytes of kernel symbols", kallsyms.size());
  KernelSymbols symbols;
  std::vector<Line> lines;
  bool hidden = false;
  uint64_t kernel_start = 0;
  while (!kallsyms.empty()) {
    const std::string_view text = kallsyms.substr(0, kallsyms.find('\n'));
    kallsyms.remove_prefix(std::min(text.size() + 1, kallsyms.size()));
    const auto line = parse_line(text);
    if (!line || lines.size() == kMaxSymbols) {
      ++symbols.skipped_lines_;
      continue;
    }
    // The first lines do not tell: before Linux 6.15 x86-64 begins with per-CPU symbols whose address is 0.
    if (line->name == "_stext" && line->address == 0) hidden = true;
    if (kernel_start == 0 && line->module.empty() && (line->name == "_stext" || line->name == "_text"))
      kernel_start = line->address;
    if (is_function(line->type) && line->address != 0) lines.push_back(*line);
  }
  if (hidden || (lines.empty() && symbols.skipped_lines_ == 0))
    return fail(Errc::denied, "the addresses of kernel symbols are hidden (kernel.kptr_restrict)");

  std::ranges::stable_sort(lines, [](const Line& a, const Line& b) {
    return std::tuple(a.address, rank(a)) < std::tuple(b.address, rank(b));
  });
  const auto same_address = [](const Line& a, const Line& b) { return a.address == b.address; };
  lines.erase(std::unique(lines.begin(), lines.end(), same_address), lines.end());

  symbols.entries_.reserve(lines.size());
  symbols.modules_.push_back({.name = {}, .start = kernel_start == 0 ? UINT64_MAX : kernel_start});
  std::unordered_map<std::string_view, uint16_t> module_numbers = {{"", uint16_t{0}}};
  for (const Line& line : lines) {
    auto module = module_numbers.find(line.module);
    if (module == module_numbers.end()) {
      if (symbols.modules_.size() == kMaxModules) {
        ++symbols.skipped_lines_;
        continue;
      }
      module = module_numbers.emplace(line.module, static_cast<uint16_t>(symbols.modules_.size())).first;
      symbols.modules_.push_back({.name = std::string(line.module)});
    }
    auto& start = symbols.modules_[module->second].start;
    if (module->second != 0 || kernel_start == 0) start = std::min(start, line.address / kPageBytes * kPageBytes);
    symbols.entries_.push_back({.start = line.address,
                                .name = static_cast<uint32_t>(symbols.names_.size()),
                                .name_bytes = static_cast<uint16_t>(line.name.size()),
                                .module = module->second});
    symbols.names_ += line.name;
  }
  symbols.names_.shrink_to_fit();
  return symbols;
}

std::optional<KernelSymbols::Found> KernelSymbols::find(RuntimeAddress address) const {
  const auto after = std::ranges::upper_bound(entries_, address.value, {}, &Entry::start);
  if (after == entries_.begin()) return std::nullopt;
  const Entry& entry = *std::prev(after);
  if (address.value - entry.start >= kMaxFunctionBytes) return std::nullopt;
  const Module& module = modules_[entry.module];
  return Found{.name = std::string_view(names_).substr(entry.name, entry.name_bytes),
               .module = module.name,
               .start = RuntimeAddress(entry.start),
               .module_start = RuntimeAddress(module.name == kBpf ? entry.start : module.start)};
}

size_t KernelSymbols::memory_bytes() const {
  return entries_.capacity() * sizeof(Entry) + names_.size() + modules_.capacity() * sizeof(Module);
}

}  // namespace splitprof
