// SPDX-License-Identifier: Apache-2.0
//
// Names and lines as real interpreters say them themselves: tests/programs/python/code_objects.py runs on every CPython
// of this machine (interpreters.h), and what the reader finds in its memory has to be the same, for each code object
// and position.
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <ctime>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "processor/elf/local_file.h"
#include "processor/runtimes/python/function_reader.h"
#include "processor/runtimes/python/line_table.h"
#include "processor/runtimes/python/offsets.h"
#include "tests/processor/runtimes/python/interpreters.h"
#include "tests/processor/runtimes/python/recorded_function.h"

namespace splitprof {
namespace {

using nlohmann::json;

// An interpreter that has made its code objects, and waits.
class Interpreter {
 public:
  // `python` may be a script that executes the interpreter elsewhere, where only the current folder is seen.
  explicit Interpreter(const std::string& python) {
    std::array<int, 2> input{}, output{};
    if (pipe2(input.data(), O_CLOEXEC) != 0 || pipe2(output.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
    pid_ = fork();
    if (pid_ == 0) {
      dup2(input[0], 0);
      dup2(output[1], 1);
      const std::string folder = SPLITPROF_SOURCE_DIR "/tests/programs/python";
      if (chdir(folder.c_str()) != 0) _exit(126);
      execl(python.c_str(), python.c_str(), "-I", "code_objects.py", nullptr);
      _exit(127);
    }
    close(input[0]);
    close(output[1]);
    input_ = input[1];
    std::string text;
    std::array<char, 65536> buffer;
    while (text.empty() || text.back() != '\n') {
      const ssize_t n = read(output[0], buffer.data(), buffer.size());
      if (n <= 0) break;
      text.append(buffer.data(), static_cast<size_t>(n));
    }
    close(output[0]);
    facts = json::parse(text, nullptr, false);
  }
  ~Interpreter() {
    close(input_);
    waitpid(pid_, nullptr, 0);
  }

  json facts;

 private:
  pid_t pid_ = -1;
  int input_ = -1;
};

// The entry that holds, without Function's own fallback.
uint32_t line_at(const LineEntries& lines, uint32_t position) {
  const auto after = std::upper_bound(lines.begin(), lines.end(), position,
                                      [](uint32_t wanted, const auto& entry) { return wanted < entry.position; });
  return after == lines.begin() ? 0 : std::prev(after)->line;
}

double cpu_time_us() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

struct Counts {
  size_t functions = 0, positions = 0, differences = 0;
};

void compare(const json& expected, const Function& function, Counts& counts) {
  ++counts.functions;
  std::string name = expected["name"];
  if (name.empty()) name = "<no name>";
  EXPECT_EQ(function.name, name);
  EXPECT_EQ(function.file, expected["file"].get<std::string>());
  EXPECT_EQ(function.first_line, expected["first_line"].get<uint32_t>());
  for (size_t i = 1; i < function.lines.size(); ++i) {
    EXPECT_LT(function.lines[i - 1].position, function.lines[i].position);
    EXPECT_NE(function.lines[i - 1].line, function.lines[i].line);
  }
  const json& runs = expected["lines"];
  const uint32_t positions = expected["positions"];
  for (size_t run = 0; run < runs.size(); ++run) {
    const uint32_t end = run + 1 < runs.size() ? runs[run + 1][0].get<uint32_t>() : positions;
    for (uint32_t position = runs[run][0]; position < end; ++position) {
      ++counts.positions;
      if (line_at(function.lines, position) == runs[run][1].get<uint32_t>()) continue;
      if (++counts.differences < 10)
        ADD_FAILURE() << name << " at " << position << ": line " << line_at(function.lines, position) << ", not "
                      << runs[run][1];
    }
  }
}

// Some small functions, with nothing in them of this machine, as inputs of the fuzzer.
void update_corpus(const json& facts, const PythonLayout& layout, ReadableFile& file) {
  const auto number = std::find(std::begin(testing::kVersions), std::end(testing::kVersions),
                                PythonVersion{.major = layout.version.major,
                                              .minor = layout.version.minor,
                                              .free_threaded = layout.version.free_threaded}) -
                      std::begin(testing::kVersions);
  const std::set<std::string> files = {"made.py", "names.py", "odd.py", "random_lines_1000.py", "hot.py"};
  std::map<std::string, size_t> taken;
  for (const json& expected : facts["functions"]) {
    const std::string source = expected["file"];
    if (!files.contains(source) || taken[source] >= 3 || expected["lines"].size() < 2 * taken[source]) continue;
    testing::FunctionRecorder recorder(file);
    ProcessMemory memory(recorder);
    if (!read_python_function(memory, layout, {.object = expected["address"]})) continue;
    const std::string input = recorder.input(static_cast<uint8_t>(number), layout);
    if (input.size() > 1500) continue;
    const auto path = fmt::format("{}/tests/fuzz/corpus/fuzz_python_function/{}_{}_{}", SPLITPROF_SOURCE_DIR,
                                  layout.version.text(), source.substr(0, source.find('.')), taken[source]++);
    std::ofstream(path, std::ios::binary) << input;
  }
}

void compare_all(const std::string& command) {
  SCOPED_TRACE(command);
  ASSERT_EQ(access(command.c_str(), X_OK), 0);
  Interpreter interpreter(command);
  const json& facts = interpreter.facts;
  ASSERT_TRUE(facts.is_object()) << "no answer from it";
  ASSERT_GE(facts["functions"].size(), 300u);
  const PythonVersion version{.major = facts["version"][0],
                              .minor = facts["version"][1],
                              .micro = facts["version"][2],
                              .micro_known = true,
                              .free_threaded = facts["free_threaded"]};
  const auto offsets = python_offsets(version);
  ASSERT_TRUE(offsets) << offsets.error().message;
  PythonLayout layout = offsets->layout;
  layout.code_type = RuntimeAddress(facts["code_type"].get<uint64_t>());
  const auto file = LocalFile::open_path(("/proc/" + facts["pid"].dump() + "/mem").c_str());
  ASSERT_TRUE(file) << file.error().message;
  ProcessMemory memory(**file);

  if (getenv("SPLITPROF_UPDATE_CORPUS")) update_corpus(facts, layout, **file);

  Counts counts;
  for (const json& expected : facts["functions"]) {
    SCOPED_TRACE(expected["name"].get<std::string>() + " in " + expected["file"].get<std::string>());
    FunctionPlace place{.object = expected["address"]};
    memory.begin();
    const auto unchecked = read_python_function(memory, layout, place);
    ASSERT_TRUE(unchecked) << unchecked.error().message;
    compare(expected, *unchecked, counts);
    // The same with the check word that BPF sends; and with another object's.
    memory.begin();
    place.check = testing::check_word_at(**file, layout, place.object);
    const auto checked = read_python_function(memory, layout, place);
    ASSERT_TRUE(checked) << checked.error().message;
    EXPECT_EQ(*checked, *unchecked);
    place.check ^= 1;
    const auto replaced = read_python_function(memory, layout, place);
    ASSERT_FALSE(replaced);
    EXPECT_EQ(replaced.error().code, Errc::not_found);
  }
  EXPECT_EQ(counts.differences, 0u);
  // What was freed has no name, although its bytes may still be there.
  for (const uint64_t address : facts["freed"]) {
    memory.begin();
    FunctionPlace place{.object = address};
    const auto function = read_python_function(memory, layout, place);
    EXPECT_FALSE(function) << function->name;
  }
  const double begin_us = cpu_time_us();
  for (const json& expected : facts["functions"]) {
    memory.begin();
    ASSERT_TRUE(read_python_function(memory, layout, {.object = expected["address"]}));
  }
  const double each_us = (cpu_time_us() - begin_us) / static_cast<double>(counts.functions);
  std::cout << fmt::format(
      "{}: {} functions, {} positions, {} differences, {} freed ones; {:.1f} us of CPU a function\n", version.text(),
      counts.functions, counts.positions, counts.differences, facts["freed"].size(), each_us);
}

TEST(PythonFunctionOracle, EveryNameAndLineIsAsDebiansPythonSays) {
  compare_all(testing::interpreters().front());
}

TEST(PythonFunctionOracle, EveryNameAndLineIsAsAllOtherInterpretersSay) {
  const auto all = testing::interpreters();
  if (all.size() == 1) GTEST_SKIP() << "no interpreter but " << all.front() << " is here";
  for (size_t i = 1; i < all.size(); ++i) compare_all(all[i]);
}

}  // namespace
}  // namespace splitprof
