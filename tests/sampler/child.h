// SPDX-License-Identifier: Apache-2.0
//
// A child process that runs a function of the test and is killed at the end.
#pragma once

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

namespace splitprof {

class Child {
 public:
  explicit Child(const std::function<void()>& act) : pid(fork()) {
    if (pid != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    act();
    _exit(0);
  }
  ~Child() {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  const pid_t pid;
};

}  // namespace splitprof
