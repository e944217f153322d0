// SPDX-License-Identifier: Apache-2.0
//
// The interpreters of this machine, and one of them while it runs tests/programs/python/state.py. Debian's python3 has
// to be there; pyenv's are found in its folder, others are named by SPLITPROF_PYTHONS (commands, with colons between).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "processor/runtimes/python/instance.h"
#include "tests/processor/runtimes/child.h"

namespace splitprof::testing {

std::vector<std::string> interpreters();

class RunningInterpreter {
 public:
  explicit RunningInterpreter(const std::string& command);

  // What the program says of itself.
  std::string version;
  uint64_t thread = 0;          // pthread_self(), which on x86-64 is the thread pointer
  std::vector<uint64_t> codes;  // of its stack: spin, middle, main
  bool started() const { return !codes.empty(); }

  // From now on it holds the GIL.
  void spin();

  // The file with the interpreter in it, as it is mapped.
  struct Found {
    Child::Mapped mapped;
    std::unique_ptr<PythonFile> python;
  };
  Found find_python() const;
  // Of its C library.
  ThreadStorage find_storage() const;
  std::unique_ptr<LocalFile> open_memory() const { return child_.open_memory(); }

 private:
  Child child_;
};

}  // namespace splitprof::testing
