// SPDX-License-Identifier: Apache-2.0
//
// What a new Python function costs: a worker reads its name, file and lines from the memory of a live python3 with
// 10,000 functions, each of which the main thread then interns. And what it costs to look one up by its number. One
// operation is one function.
#include <fmt/format.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "processor/runtimes/functions.h"
#include "processor/runtimes/python/python.h"
#include "shared/check.h"
#include "tests/bench/table.h"
#include "tests/processor/runtimes/child.h"

namespace splitprof {
namespace {

constexpr int kRepeats = 10;

// Of this thread's own CPU, so that a busy machine changes little.
double cpu_us() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}
double us_each(double begin, size_t n) {
  return (cpu_us() - begin) / static_cast<double>(n);
}

// Of the one that is linked into a python3 or mapped as a library.
std::unique_ptr<RuntimeInstance> find_interpreter(const testing::Child& process, ReadableFile& file) {
  for (const auto& mapped : process.mapped_files()) {
    const auto runtime = python_runtime().inspect(*mapped.elf, mapped.path);
    if (!runtime || *runtime == nullptr) continue;
    ProcessMemory memory(file);
    auto instance = (*runtime)->locate({.bias = mapped.bias, .storage = {}}, memory);
    if (instance) return std::move(*instance);
  }
  return nullptr;
}

void run(const std::string& folder) {
  testing::Child process(
      {"/usr/bin/python3", SPLITPROF_SOURCE_DIR "/tests/bench/python/package.py", folder, "500", "20", "addresses"},
      folder);
  std::istringstream line(process.read_line());
  std::vector<uint64_t> objects;
  for (uint64_t object = 0; line >> object;) objects.push_back(object);
  if (objects.empty()) return;  // there is no python3
  const auto file = process.open_memory();
  CHECK(file != nullptr);
  const auto interpreter = find_interpreter(process, *file);
  CHECK(interpreter != nullptr);

  std::vector<double> read_us, intern_us, again_us, find_us;
  uint64_t bytes_each = 0, lines = 0;
  for (int i = 0; i < kRepeats; ++i) {
    std::vector<Function> functions;
    functions.reserve(objects.size());
    ProcessMemory memory(*file);
    double begin = cpu_us();
    for (const uint64_t object : objects) {
      memory.begin();
      auto function = interpreter->read_function(memory, {.object = object});
      CHECK(function.has_value());
      functions.push_back(std::move(*function));
    }
    read_us.push_back(us_each(begin, objects.size()));

    auto copies = functions;
    Functions known;
    std::vector<uint32_t> ids;
    ids.reserve(objects.size());
    begin = cpu_us();
    for (Function& function : functions) ids.push_back(known.intern(std::move(function)));
    intern_us.push_back(us_each(begin, objects.size()));
    bytes_each = known.memory_bytes() / known.size();
    CHECK(known.size() == objects.size());

    begin = cpu_us();
    for (Function& function : copies) CHECK(known.intern(std::move(function)) != id_of(FunctionError::limited));
    again_us.push_back(us_each(begin, objects.size()));
    begin = cpu_us();
    for (const uint32_t id : ids) lines += known.line_at(id, 3);
    find_us.push_back(us_each(begin, objects.size()) * 1000);
  }
  CHECK(lines > 0);
  const auto what = fmt::format("new Python function, {} of one process: ", objects.size());
  print_row(what + "name, file and lines read", "µs", read_us);
  print_row(what + "interned, new", "µs", intern_us);
  print_row(what + "interned, was there", "µs", again_us);
  print_row("a Python function's line by its number", "ns", find_us);
  print_row("memory of an interned Python function", "bytes", {static_cast<double>(bytes_each)});
}

}  // namespace
}  // namespace splitprof

int main() {
  const std::string folder = fmt::format("/tmp/splitprof-names-bench-{}", getpid());
  std::filesystem::create_directory(folder);
  splitprof::run(folder);
  std::filesystem::remove_all(folder);
}
