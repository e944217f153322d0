// SPDX-License-Identifier: Apache-2.0
#include "processor/processes/kernel_lists.h"

#include <algorithm>

#include "bpf/abi.h"

namespace splitprof {

void KernelLists::on_list_changed(const std::shared_ptr<Process>& process, uint64_t now_ns) {
  if (process->key.value == 0 || !process->in_kernel) return;
  const bool waits = process->unsettled_since_ns != 0;
  if (!waits) process->unsettled_since_ns = std::max<uint64_t>(now_ns, 1);
  if (!send(*process, now_ns) && !waits) unsettled_.push_back(process);
}

// A file is asked for once, by the first process that maps it. When that one ends too early, the next one asks.
void KernelLists::prepare(Process& process) {
  for (auto& mapping : process.mappings) {
    if (mapping.file == nullptr) continue;
    if (mapping.file->gone && !mapping.retried) {
      mapping.retried = true;
      reopen_(process, mapping);
      process.resolvable = false;
    }
    auto* executable = mapping.file == nullptr ? nullptr : mapping.file->executable;
    if (executable != nullptr && !executable->wanted) executables_.want_table(*executable);
  }
}

// True: the list says all that there will be to say.
bool KernelLists::send(Process& process, uint64_t now_ns) {
  prepare(process);
  const bool late = now_ns >= process.unsettled_since_ns + table_patience_ns_;
  bool settled = true;
  std::vector<TableMapping> list;
  list.reserve(process.mappings.size());
  for (const auto& mapping : process.mappings) {
    if (list.size() == SP_MAX_MAPPINGS) break;
    const auto* executable = mapping.file == nullptr ? nullptr : mapping.file->executable;
    const bool pending = mapping.file != nullptr && !mapping.file->settled() && !late;
    settled = settled && !pending;
    list.push_back({.start = mapping.start,
                    .length = mapping.length,
                    .bias = executable == nullptr ? 0 : executable->bias(mapping.start, mapping.file_offset),
                    .table = pending                 ? SP_TABLE_PENDING
                             : executable == nullptr ? 0
                                                     : executable->table_id});
  }
  upload_.set_mappings(process.key, std::move(list));
  if (settled) process.unsettled_since_ns = 0;
  return settled;
}

void KernelLists::on_files_changed(uint64_t now_ns) {
  std::erase_if(unsettled_, [&](const auto& process) {
    prepare(*process);
    const auto& mappings = process->mappings;
    const bool settled = std::all_of(mappings.begin(), mappings.end(), [](const auto& mapping) {
      return mapping.file == nullptr || mapping.file->settled();
    });
    return settled && send(*process, now_ns);
  });
}

// Tables that have come meanwhile are of use before the last one has.
void KernelLists::tick(uint64_t now_ns) {
  std::erase_if(unsettled_, [&](const auto& process) { return send(*process, now_ns); });
}

}  // namespace splitprof
