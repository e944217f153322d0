// SPDX-License-Identifier: Apache-2.0
//
// A process that a plain user could run to make whoever looks at it sleep: it has a file of a FUSE mount open and
// mapped, and when it is told to, it begins an execve that never ends, because closing that file is never answered.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace splitprof {

class HostileTarget {
 public:
  HostileTarget();
  ~HostileTarget();
  HostileTarget(const HostileTarget&) = delete;

  pid_t pid() const { return target_; }  // 0: this machine has no FUSE
  void hang_in_execve();                 // returns when it does

  static constexpr uint64_t kMapped = 0x20000000;  // where 64 KiB of the FUSE file are mapped
  static constexpr uint64_t kMappedBytes = 65536;

 private:
  struct Shared;
  [[noreturn]] void serve();

  Shared* shared_;
  int go_[2];
  pid_t server_ = 0;
  pid_t target_ = 0;
};

}  // namespace splitprof
