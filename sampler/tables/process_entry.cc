// SPDX-License-Identifier: Apache-2.0
#include "sampler/tables/process_entry.h"

#include <bpf/bpf.h>

#include <cerrno>
#include <cstring>

namespace splitprof {

Result<ProcessEntry> ProcessEntry::read(int procs, uint32_t tgid) {
  ProcessEntry entry(procs, tgid);
  entry.existed_ = bpf_map_lookup_elem(procs, &tgid, &entry.value) == 0;
  if (entry.value.flags & SP_PROC_DENIED)
    return fail(Errc::denied, "the deny-list forbids to look at process {}", tgid);
  return entry;
}

Result<> ProcessEntry::write() const {
  if (bpf_map_update_elem(procs_, &tgid_, &value, existed_ ? BPF_EXIST : BPF_NOEXIST) == 0) return Ok{};
  if (errno == ENOENT || errno == EEXIST) return fail(Errc::gone, "process {} has become another one", tgid_);
  return fail(Errc::io, "cannot write the entry of process {}: {}", tgid_, strerror(errno));
}

}  // namespace splitprof
