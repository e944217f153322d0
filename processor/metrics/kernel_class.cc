// SPDX-License-Identifier: Apache-2.0
#include "processor/metrics/kernel_class.h"

#include <algorithm>
#include <array>

namespace splitprof::metrics {
namespace {

constexpr std::array<KernelClass, kWeakestKernelRank + 1> kClasses{{
    {},
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
    {"synchronization", "", ""},
}};
constexpr KernelRank kTcpRead = 1, kTcpWrite = 2;

struct Test {
  KernelRank rank;
  std::string_view text;
};

// A function whose name begins with the text is of this rank. By first letter, so that most names are compared with
// a few of them only.
constexpr auto kBeginnings = [] {
  std::array<Test, 52> tests{{
      {1, "tcp_recvmsg"},
      {1, "tcp_read"},
      {1, "tcp_rcv"},
      {1, "tcp_v4_rcv"},
      {1, "tcp_v6_rcv"},
      {2, "tcp_sendmsg"},
      {2, "tcp_transmit"},
      {2, "tcp_write"},
      {2, "tcp_push"},
      {2, "tcp_sendpage"},
      {3, "udp_recvmsg"},
      {3, "udp_read"},
      {3, "udp_rcv"},
      {3, "udp_v4_rcv"},
      {3, "udp_v6_rcv"},
      {4, "udp_sendmsg"},
      {4, "udp_write"},
      {4, "udp_push"},
      {4, "udp_sendpage"},
      {5, "pipe_read"},
      {5, "eventfd_read"},
      {5, "unix_stream_read_generic"},
      {5, "unix_stream_recvmsg"},
      {6, "pipe_write"},
      {6, "eventfd_write"},
      {6, "unix_stream_write_generic"},
      {6, "unix_stream_sendmsg"},
      {7, "sock_recvmsg"},
      {7, "__sock_recvmsg"},
      {7, "sock_read_iter"},
      {8, "sock_sendmsg"},
      {8, "__sock_sendmsg"},
      {8, "sock_write_iter"},
      {9, "ext4_file_read_iter"},
      {9, "xfs_file_read_iter"},
      {9, "btrfs_file_read_iter"},
      {9, "filemap_read"},
      {9, "generic_file_read_iter"},
      {10, "ext4_file_write_iter"},
      {10, "xfs_file_write_iter"},
      {10, "btrfs_file_write_iter"},
      {10, "filemap_write"},
      {10, "generic_file_write_iter"},
      {10, "writeback_sb_inodes"},
      {11, "do_mmap"},
      {11, "do_anonymous_page"},
      {11, "handle_mm_fault"},
      {11, "alloc_pages"},
      {11, "free_pages"},
      {12, "schedule"},
      {12, "wake_up_"},
      {12, "wake_q_"},
  }};
  std::sort(tests.begin(), tests.end(), [](const Test& a, const Test& b) {
    return a.text.front() != b.text.front() ? a.text.front() < b.text.front() : a.rank < b.rank;
  });
  return tests;
}();
// Where the tests of a first letter begin; they end where those of the next one begin.
constexpr auto kFirstOfLetter = [] {
  std::array<uint8_t, 129> first{};
  for (size_t letter = 0; letter < first.size(); ++letter)
    while (first[letter] < kBeginnings.size() && static_cast<size_t>(kBeginnings[first[letter]].text.front()) < letter)
      ++first[letter];
  return first;
}();

// A function whose name contains the text anywhere is of this rank.
constexpr std::array<Test, 5> kParts{{
    {11, "do_munmap"},
    {11, "mmap_"},
    {11, "madvise"},
    {12, "futex"},
    {12, "__schedule"},
}};

constexpr std::array<std::string_view, 3> kSyscallPrefixes{"__x64_sys_", "__arm64_sys_", "ksys_"};

bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

}  // namespace

const KernelClass& kernel_class(KernelRank rank) {
  return kClasses[rank];
}

KernelRank kernel_rank(std::string_view function) {
  if (function.empty()) return kNoKernelClass;
  KernelRank found = kNoKernelClass;
  if (const auto letter = static_cast<unsigned char>(function.front()); letter < 128)
    for (size_t i = kFirstOfLetter[letter]; i < kFirstOfLetter[letter + 1u]; ++i)
      if (function.starts_with(kBeginnings[i].text)) {
        found = kBeginnings[i].rank;
        break;  // the next ones of that letter are no stronger
      }
  for (const auto& part : kParts) {
    if (found != kNoKernelClass && found <= part.rank) break;  // these are in order, too
    if (function.find(part.text) != std::string_view::npos) found = part.rank;
  }
  return found;
}

std::string_view syscall_name(std::string_view function) {
  for (const auto prefix : kSyscallPrefixes) {
    if (!function.starts_with(prefix)) continue;
    const auto rest = function.substr(prefix.size());
    return rest.substr(0, static_cast<size_t>(std::find_if_not(rest.begin(), rest.end(), is_word) - rest.begin()));
  }
  return {};
}

KernelRank with_syscall(KernelRank rank, std::string_view syscall) {
  return rank == kTcpRead && syscall == "write" ? kTcpWrite : rank;
}

}  // namespace splitprof::metrics
