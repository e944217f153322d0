// SPDX-License-Identifier: Apache-2.0
//
// The interpreters of this machine, and one of them while it runs tests/programs/python/state.py. Debian's python3 has
// to be there; pyenv's are found in its folder, others are named by SPLITPROF_PYTHONS (commands, with colons between).
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "processor/elf/local_file.h"
#include "processor/runtimes/python/instance.h"

namespace splitprof::testing {

std::vector<std::string> interpreters();

class RunningInterpreter {
 public:
  // `command` may be a script that executes the interpreter elsewhere, where only the current folder is seen.
  explicit RunningInterpreter(const std::string& command);
  ~RunningInterpreter();

  // What the program says of itself.
  std::string version;
  uint64_t thread = 0;          // pthread_self(), which on x86-64 is the thread pointer
  std::vector<uint64_t> codes;  // of its stack: spin, middle, main
  bool started() const { return !codes.empty(); }

  // From now on it holds the GIL.
  void spin();

  // The file with the interpreter in it, as it is mapped.
  struct Found {
    std::unique_ptr<LocalFile> file;
    std::unique_ptr<ElfFile> elf;
    std::unique_ptr<PythonFile> python;
    std::string path;
    uint64_t bias = 0;
  };
  Found find_python();
  // Of its C library.
  ThreadStorage find_storage();
  std::unique_ptr<LocalFile> open_memory() const;

 private:
  struct Mapped {
    std::unique_ptr<LocalFile> file;
    std::unique_ptr<ElfFile> elf;
    std::string path;
    uint64_t bias = 0;
  };
  std::vector<Mapped> mapped_files() const;
  std::string read_line();

  pid_t pid_ = -1;
  int input_ = -1;
  int output_ = -1;
};

}  // namespace splitprof::testing
