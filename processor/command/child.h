// SPDX-License-Identifier: Apache-2.0
//
// A process that this one has started: the two daemons and COMMAND. It inherits standard streams and the descriptors
// that are named, nothing else. Killed at the latest by the destructor.
#pragma once

#include <kj/io.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "processor/command/invoking_user.h"
#include "shared/result.h"

namespace splitprof {

struct ChildPlan {
  std::string program;                 // path, or for COMMAND a name to be found in PATH
  std::vector<std::string> arguments;  // without the name itself
  std::vector<int> inherit;            // descriptors that it keeps, under the same numbers
  bool own_group = true;               // out of the terminal's reach: Ctrl-C is ours to forward
  bool clean_environment = true;
  bool held = false;  // starts only when `release` is called
  InvokingUser user;  // `differs` clear: stays what this process is
};

class Child {
 public:
  static Result<Child> start(const ChildPlan& plan);
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  ~Child();

  pid_t pid() const { return pid_; }
  void release();           // lets a held child go on
  void signal(int number);  // without effect once it has ended
  // Takes notice of the end if there was one, without waiting.
  bool has_ended();
  // Waits at most so long; true: it has ended.
  bool wait_ms(int timeout_ms);
  // What a shell would say: the exit status, or 128 + signal; 0 before the end.
  int exit_status() const;
  std::string describe_end() const;  // "exit status 1", "signal 9 (Killed)"
  const rusage& usage() const { return usage_; }

 private:
  Child() = default;
  pid_t pid_ = -1;
  bool ended_ = true;
  int status_ = 0;
  rusage usage_ = {};
  kj::AutoCloseFd hold_;
};

}  // namespace splitprof
