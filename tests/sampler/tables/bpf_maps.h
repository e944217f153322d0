// SPDX-License-Identifier: Apache-2.0
//
// A fixture with BPF's maps as they are in the kernel, smaller. What BPF would see is read back from them, never asked
// of the classes that wrote it.
#pragma once

#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <kj/io.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

#include "bpf/abi.h"
#include "sampler/tables/arena.h"

namespace splitprof {

inline kj::AutoCloseFd make_map(bpf_map_type type, const char* name, uint32_t value_bytes, uint32_t entries,
                                bpf_map_create_opts* options = nullptr) {
  return kj::AutoCloseFd(bpf_map_create(type, name, sizeof(uint32_t), value_bytes, entries, options));
}

// The arena and the map of processes.
class BpfMaps : public ::testing::Test {
 protected:
  ~BpfMaps() noexcept override = default;
  void SetUp() override {
    const auto inner = make_map(BPF_MAP_TYPE_ARRAY, "inner", SP_CHUNK_BYTES, 1);
    if (inner.get() < 0 && errno == EPERM) GTEST_SKIP() << "BPF is forbidden here: " << strerror(errno);
    ASSERT_GE(inner.get(), 0) << strerror(errno);
    LIBBPF_OPTS(bpf_map_create_opts, options, .inner_map_fd = static_cast<uint32_t>(inner.get()));
    outer_ = make_map(BPF_MAP_TYPE_ARRAY_OF_MAPS, "outer", sizeof(uint32_t), kSlots, &options);
    procs_ = make_map(BPF_MAP_TYPE_HASH, "procs", sizeof(sp_proc), 8192);
    arena_ = std::make_unique<Arena>(outer_, kSlots);
  }
  std::optional<sp_proc> read_proc(uint32_t tgid) const {
    sp_proc entry{};
    if (bpf_map_lookup_elem(procs_, &tgid, &entry) < 0) return std::nullopt;
    return entry;
  }
  // As BPF does at fork, at exec and exit, and where the deny-list says so.
  void fork_in_kernel(uint32_t parent, uint32_t child) const { write_proc(child, *read_proc(parent)); }
  void end_in_kernel(uint32_t tgid) const { ASSERT_EQ(bpf_map_delete_elem(procs_, &tgid), 0); }
  void write_proc(uint32_t tgid, const sp_proc& entry) const {
    ASSERT_EQ(bpf_map_update_elem(procs_, &tgid, &entry, BPF_ANY), 0);
  }

  static constexpr uint32_t kSlots = 12;
  kj::AutoCloseFd outer_, procs_;
  std::unique_ptr<Arena> arena_;
};

}  // namespace splitprof
