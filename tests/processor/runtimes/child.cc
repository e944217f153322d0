// SPDX-License-Identifier: Apache-2.0
#include "tests/processor/runtimes/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <iterator>
#include <set>

#include "processor/processes/mappings.h"

namespace splitprof::testing {

Child::Child(const std::vector<std::string>& command, const std::string& folder) {
  std::array<int, 2> input{}, output{};
  if (pipe2(input.data(), O_CLOEXEC) != 0 || pipe2(output.data(), O_CLOEXEC) != 0) return;
  std::vector<char*> arguments;
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  pid_ = fork();
  if (pid_ == 0) {
    dup2(input[0], 0);
    dup2(output[1], 1);
    if (chdir(folder.c_str()) != 0) _exit(126);
    execv(arguments[0], arguments.data());
    _exit(127);
  }
  close(input[0]);
  close(output[1]);
  input_ = input[1];
  output_ = output[0];
}

Child::~Child() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  if (input_ >= 0) close(input_);
  if (output_ >= 0) close(output_);
}

std::string Child::read_line() {
  std::string line;
  for (char c = 0; c != '\n' && read(output_, &c, 1) == 1;) line += c;
  return line;
}

void Child::write_line() {
  EXPECT_EQ(write(input_, "\n", 1), 1);
}

std::unique_ptr<LocalFile> Child::open_memory() const {
  auto file = LocalFile::open_path(fmt::format("/proc/{}/mem", pid_).c_str());
  return file ? std::move(*file) : nullptr;
}

std::vector<Child::Mapped> Child::mapped_files() const {
  std::ifstream maps(fmt::format("/proc/{}/maps", pid_));
  const std::string text{std::istreambuf_iterator<char>(maps), {}};
  std::vector<Mapped> found;
  std::set<uint64_t> seen;
  for (const Mapping& mapping : parse_mappings(text).mappings) {
    if (mapping.file.inode == 0 || !seen.insert(mapping.file.inode).second) continue;
    // The right file also where another root is in force; but only root may use it.
    const uint64_t end = mapping.start.value + mapping.length;
    auto file =
        LocalFile::open_path(fmt::format("/proc/{}/map_files/{:x}-{:x}", pid_, mapping.start.value, end).c_str());
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

}  // namespace splitprof::testing
