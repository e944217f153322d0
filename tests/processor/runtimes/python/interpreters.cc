// SPDX-License-Identifier: Apache-2.0
#include "tests/processor/runtimes/python/interpreters.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "processor/processes/mappings.h"
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

RunningInterpreter::RunningInterpreter(const std::string& command) {
  std::array<int, 2> input{}, output{};
  if (pipe2(input.data(), O_CLOEXEC) != 0 || pipe2(output.data(), O_CLOEXEC) != 0) return;
  pid_ = fork();
  if (pid_ == 0) {
    dup2(input[0], 0);
    dup2(output[1], 1);
    if (chdir(SPLITPROF_SOURCE_DIR "/tests/programs/python") != 0) _exit(126);
    execl(command.c_str(), command.c_str(), "state.py", nullptr);
    _exit(127);
  }
  close(input[0]);
  close(output[1]);
  input_ = input[1];
  output_ = output[0];
  std::istringstream line(read_line());
  line >> version >> thread;
  for (uint64_t code = 0; line >> code;) codes.push_back(code);
}

RunningInterpreter::~RunningInterpreter() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  if (input_ >= 0) close(input_);
  if (output_ >= 0) close(output_);
}

std::string RunningInterpreter::read_line() {
  std::string line;
  for (char c = 0; c != '\n' && read(output_, &c, 1) == 1;) line += c;
  return line;
}

void RunningInterpreter::spin() {
  EXPECT_EQ(write(input_, "\n", 1), 1);
  EXPECT_EQ(read_line(), "spinning\n");
  usleep(20'000);  // from the print into the loop
}

std::vector<RunningInterpreter::Mapped> RunningInterpreter::mapped_files() const {
  std::ifstream maps(fmt::format("/proc/{}/maps", pid_));
  const std::string text{std::istreambuf_iterator<char>(maps), {}};
  std::vector<Mapped> found;
  std::set<uint64_t> seen;
  for (const Mapping& mapping : parse_mappings(text).mappings) {
    if (mapping.file.inode == 0 || !seen.insert(mapping.file.inode).second) continue;
    // The right file also where another root is in force.
    const auto link =
        fmt::format("/proc/{}/map_files/{:x}-{:x}", pid_, mapping.start.value, mapping.start.value + mapping.length);
    auto file = LocalFile::open_path(link.c_str());
    if (!file) file = LocalFile::open_path(mapping.file.path.c_str());
    if (!file) continue;
    auto elf = ElfFile::open(**file);
    if (!elf) continue;
    const auto address = elf->address_of(mapping.file_offset);
    if (!address) continue;
    found.push_back({.file = std::move(*file),
                     .elf = std::make_unique<ElfFile>(std::move(*elf)),
                     .path = mapping.file.path,
                     .bias = mapping.start.value - address->value});
  }
  return found;
}

RunningInterpreter::Found RunningInterpreter::find_python() {
  Found found;
  for (Mapped& mapped : mapped_files()) {
    auto file = python_runtime().inspect(*mapped.elf, mapped.path);
    if (!file) {
      ADD_FAILURE() << mapped.path << ": " << file.error().message;
      continue;
    }
    if (!*file) continue;
    EXPECT_EQ(found.python, nullptr) << "a second one: " << mapped.path;
    found = {.file = std::move(mapped.file),
             .elf = std::move(mapped.elf),
             .python = std::unique_ptr<PythonFile>(static_cast<PythonFile*>(file->release())),
             .path = mapped.path,
             .bias = mapped.bias};
  }
  return found;
}

ThreadStorage RunningInterpreter::find_storage() {
  for (const Mapped& mapped : mapped_files()) {
    const auto storage = find_thread_storage(*mapped.elf);
    if (!storage)
      ADD_FAILURE() << mapped.path << ": " << storage.error().message;
    else if (*storage)
      return **storage;
  }
  return {};
}

std::unique_ptr<LocalFile> RunningInterpreter::open_memory() const {
  auto file = LocalFile::open_path(fmt::format("/proc/{}/mem", pid_).c_str());
  return file ? std::move(*file) : nullptr;
}

}  // namespace splitprof::testing
