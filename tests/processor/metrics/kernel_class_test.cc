// SPDX-License-Identifier: Apache-2.0
#include "processor/metrics/kernel_class.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace splitprof::metrics {
namespace {

struct Case {
  KernelRank rank;
  std::vector<const char*> functions;
};

TEST(KernelClass, EveryBeginningOfTheTableIsOfItsRank) {
  const std::vector<Case> cases{
      {1, {"tcp_recvmsg", "tcp_read", "tcp_rcv", "tcp_v4_rcv", "tcp_v6_rcv"}},
      {2, {"tcp_sendmsg", "tcp_transmit", "tcp_write", "tcp_push", "tcp_sendpage"}},
      {3, {"udp_recvmsg", "udp_read", "udp_rcv", "udp_v4_rcv", "udp_v6_rcv"}},
      {4, {"udp_sendmsg", "udp_write", "udp_push", "udp_sendpage"}},
      {5, {"pipe_read", "eventfd_read", "unix_stream_read_generic", "unix_stream_recvmsg"}},
      {6, {"pipe_write", "eventfd_write", "unix_stream_write_generic", "unix_stream_sendmsg"}},
      {7, {"sock_recvmsg", "__sock_recvmsg", "sock_read_iter"}},
      {8, {"sock_sendmsg", "__sock_sendmsg", "sock_write_iter"}},
      {9,
       {"ext4_file_read_iter", "xfs_file_read_iter", "btrfs_file_read_iter", "filemap_read", "generic_file_read_iter"}},
      {10,
       {"ext4_file_write_iter", "xfs_file_write_iter", "btrfs_file_write_iter", "filemap_write",
        "generic_file_write_iter", "writeback_sb_inodes"}},
      {11, {"do_mmap", "do_anonymous_page", "handle_mm_fault", "alloc_pages", "free_pages"}},
      {12, {"schedule", "wake_up_", "wake_q_"}},
  };
  for (const auto& one : cases)
    for (const std::string function : one.functions) {
      EXPECT_EQ(kernel_rank(function), one.rank) << function;
      EXPECT_EQ(kernel_rank(function + "_locked.isra.0"), one.rank) << function;
      EXPECT_EQ(kernel_rank("x" + function), kNoKernelClass) << "only beginnings count: x" << function;
      EXPECT_EQ(kernel_rank(function.substr(0, function.size() - 1)), kNoKernelClass) << function << " without its end";
    }
}

TEST(KernelClass, WhatMayStandAnywhereIsFoundAnywhere) {
  for (const std::string part : {"do_munmap", "mmap_", "madvise"}) {
    EXPECT_EQ(kernel_rank(part), 11) << part;
    EXPECT_EQ(kernel_rank("x_" + part + "x"), 11) << part;
  }
  for (const std::string part : {"futex", "__schedule"}) {
    EXPECT_EQ(kernel_rank(part), 12) << part;
    EXPECT_EQ(kernel_rank("x_" + part + "x"), 12) << part;
  }
}

TEST(KernelClass, NamesThatLookCloseHaveNoClass) {
  for (const char* function : {"tcp_v4_do_rcv", "__tcp_transmit_skb", "tcp_ack", "udpv6_sendmsg", "anon_pipe_read",
                               "exit_mmap", "__x64_sys_mmap", "__alloc_pages", "__alloc_pages_noprof", "wake_up",
                               "TCP_RECVMSG", "native_halt", "t", "_", ""})
    EXPECT_EQ(kernel_rank(function), kNoKernelClass) << function;
  EXPECT_EQ(kernel_rank("\xc3\xa4tcp_read"), kNoKernelClass);
}

TEST(KernelClass, NamesThatMatchPerhapsUnexpectedly) {
  EXPECT_EQ(kernel_rank("tcp_readable"), 1);
  EXPECT_EQ(kernel_rank("__x64_sys_futex"), 12);
  EXPECT_EQ(kernel_rank("__x64_sys_madvise"), 11);
  EXPECT_EQ(kernel_rank("ksys_mmap_pgoff"), 11);
  EXPECT_EQ(kernel_rank("mmap_read_lock"), 11);
  EXPECT_EQ(kernel_rank("schedule_hrtimeout_range"), 12);
}

TEST(KernelClass, OfTwoClassesInOneNameTheStrongerCounts) {
  EXPECT_EQ(kernel_rank("schedule_mmap_"), 11);
  EXPECT_EQ(kernel_rank("tcp_read_futex"), 1);
  EXPECT_EQ(stronger(3, 9), 3);
  EXPECT_EQ(stronger(9, 3), 3);
  EXPECT_EQ(stronger(kNoKernelClass, 12), 12);
  EXPECT_EQ(stronger(12, kNoKernelClass), 12);
  EXPECT_EQ(stronger(kNoKernelClass, kNoKernelClass), kNoKernelClass);
}

TEST(KernelClass, EachRankHasItsAttributes) {
  const std::vector<KernelClass> classes{{"", "", ""},
                                         {"network", "tcp", "read"},
                                         {"network", "tcp", "write"},
                                         {"network", "udp", "read"},
                                         {"network", "udp", "write"},
                                         {"ipc", "", "read"},
                                         {"ipc", "", "write"},
                                         {"network", "other", "read"},
                                         {"network", "other", "write"},
                                         {"disk", "", "read"},
                                         {"disk", "", "write"},
                                         {"memory", "", ""},
                                         {"synchronization", "", ""}};
  for (KernelRank rank = 0; rank <= kWeakestKernelRank; ++rank) {
    EXPECT_EQ(kernel_class(rank).area, classes[rank].area) << int{rank};
    EXPECT_EQ(kernel_class(rank).proto, classes[rank].proto) << int{rank};
    EXPECT_EQ(kernel_class(rank).io, classes[rank].io) << int{rank};
  }
}

TEST(SyscallName, IsTheWordAfterThePrefix) {
  const std::vector<std::pair<const char*, const char*>> cases{
      {"__x64_sys_read", "read"},
      {"__arm64_sys_mmap", "mmap"},
      {"ksys_write", "write"},
      {"ksys_mmap_pgoff", "mmap_pgoff"},
      {"__x64_sys_exit_group", "exit_group"},
      {"__x64_sys_futex.isra.0", "futex"},
      {"__x64_sys_pread64", "pread64"},
      {"__ia32_sys_read", ""},
      {"__se_sys_read", ""},
      {"__do_sys_read", ""},
      {"__arm64_compat_sys_read", ""},
      {"do_syscall_64", ""},
      {"__arm64_sys_", ""},
      {"__x64_sys_.read", ""},
      {"x__x64_sys_read", ""},
      {"", ""},
  };
  for (const auto& [function, name] : cases) EXPECT_EQ(syscall_name(function), name) << function;
}

TEST(KernelClass, OnlyWriteTurnsATcpReadIntoAWrite) {
  for (KernelRank rank = 0; rank <= kWeakestKernelRank; ++rank)
    for (const char* syscall : {"write", "writev", "sendto", "pwrite64", "read", ""})
      EXPECT_EQ(with_syscall(rank, syscall), rank == 1 && std::string(syscall) == "write" ? 2 : rank)
          << int{rank} << " " << syscall;
}

}  // namespace
}  // namespace splitprof::metrics
