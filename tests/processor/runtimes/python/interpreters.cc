// SPDX-License-Identifier: Apache-2.0
#include "tests/processor/runtimes/python/interpreters.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "processor/runtimes/python/python.h"
#include "processor/runtimes/thread_storage.h"

namespace splitprof::testing {

namespace fs = std::filesystem;

std::vector<std::string> interpreters() {
  std::vector<std::string> found = {"/usr/bin/python3"};
  const char* home = getenv("HOME");
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(std::string(home ? home : "") + "/.pyenv/versions", ignored)) {
    const auto python = entry.path() / "bin/python3";
    if (entry.path().filename().string().starts_with("3.") && fs::exists(python, ignored)) found.push_back(python);
  }
  std::sort(found.begin() + 1, found.end());
  const char* more = getenv("SPLITPROF_PYTHONS");
  std::istringstream commands(more ? more : "");
  for (std::string command; std::getline(commands, command, ':');) found.push_back(command);
  return found;
}

RunningInterpreter::RunningInterpreter(const std::string& command)
    : child_({command, "state.py"}, SPLITPROF_SOURCE_DIR "/tests/programs/python") {
  std::istringstream line(child_.read_line());
  line >> version >> thread;
  for (uint64_t code = 0; line >> code;) codes.push_back(code);
}

void RunningInterpreter::spin() {
  child_.write_line();
  EXPECT_EQ(child_.read_line(), "spinning\n");
  usleep(20'000);  // from the print into the loop
}

RunningInterpreter::Found RunningInterpreter::find_python() const {
  Found found;
  for (Child::Mapped& mapped : child_.mapped_files()) {
    auto file = python_runtime().inspect(*mapped.elf, mapped.path);
    if (!file) {
      ADD_FAILURE() << mapped.path << ": " << file.error().message;
      continue;
    }
    if (!*file) continue;
    EXPECT_EQ(found.python, nullptr) << "a second one: " << mapped.path;
    found = {.mapped = std::move(mapped),
             .python = std::unique_ptr<PythonFile>(static_cast<PythonFile*>(file->release()))};
  }
  return found;
}

ThreadStorage RunningInterpreter::find_storage() const {
  for (const Child::Mapped& mapped : child_.mapped_files()) {
    const auto storage = find_thread_storage(*mapped.elf);
    if (!storage)
      ADD_FAILURE() << mapped.path << ": " << storage.error().message;
    else if (*storage)
      return **storage;
  }
  return {};
}

}  // namespace splitprof::testing
