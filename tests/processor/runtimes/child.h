// SPDX-License-Identifier: Apache-2.0
//
// A program that says one line about itself and then waits for input, and what of it a test may read: memory, and the
// files that it maps.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "processor/elf/file.h"
#include "processor/elf/local_file.h"

namespace splitprof::testing {

class Child {
 public:
  // Runs in `folder`. `command` may be a script that executes the program elsewhere.
  Child(const std::vector<std::string>& command, const std::string& folder);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  std::string read_line();  // with its end; empty: it has closed its output
  void write_line();
  std::unique_ptr<LocalFile> open_memory() const;

  struct Mapped {
    std::unique_ptr<LocalFile> file;
    std::unique_ptr<ElfFile> elf;
    std::string path;
    uint64_t bias = 0;
  };
  std::vector<Mapped> mapped_files() const;  // with code in them

 private:
  pid_t pid_ = -1;
  int input_ = -1;
  int output_ = -1;
};

}  // namespace splitprof::testing
