// SPDX-License-Identifier: Apache-2.0
//
// KernelSymbols: the functions of the kernel, its modules and its BPF programs, made from the text of /proc/kallsyms;
// 16 bytes each and their names. Immutable; whoever asked for the text replaces it when the kernel's symbols change.
// Names of BPF programs are chosen by those who load them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/ids.h"
#include "shared/result.h"

namespace splitprof {

class KernelSymbols {
 public:
  struct Found {
    std::string_view name;    // lives as long as the table
    std::string_view module;  // empty: the kernel itself; "bpf": a BPF program
    RuntimeAddress start;
    // What addresses in it are counted from, the same at every boot: _stext of the kernel, the page of a module's
    // lowest function, a BPF program's own start.
    RuntimeAddress module_start;
  };

  KernelSymbols() = default;
  // `denied`: the text has names but no addresses, as kptr_restrict wants it. Lines that are none are counted.
  static Result<KernelSymbols> parse(std::string_view kallsyms);

  // The function that holds `address`: kallsyms has no sizes, so it reaches to the next symbol, or 1 MiB.
  std::optional<Found> find(RuntimeAddress address) const;

  // Of the kernel itself; 0: unknown.
  RuntimeAddress start() const { return RuntimeAddress(entries_.empty() ? 0 : modules_.front().start); }

  size_t size() const { return entries_.size(); }
  size_t memory_bytes() const;
  uint64_t skipped_lines() const { return skipped_lines_; }  // malformed, or past a bound of ours

 private:
  struct Entry {
    uint64_t start;
    uint32_t name;  // offset in names_
    uint16_t name_bytes;
    uint16_t module;  // index into modules_
  };

  struct Module {
    std::string name;
    uint64_t start = UINT64_MAX;
  };

  std::vector<Entry> entries_;  // sorted by start, which are unique
  std::string names_;
  std::vector<Module> modules_;  // the first one is the kernel
  uint64_t skipped_lines_ = 0;
};

}  // namespace splitprof
