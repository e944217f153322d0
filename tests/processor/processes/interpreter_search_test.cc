// SPDX-License-Identifier: Apache-2.0
//
// When a process is looked through for interpreters, while its files become known one after another. The interpreter is
// made up: where it is mapped is its kernel value.
#include <gtest/gtest.h>

#include <deque>

#include "processor/elf/local_file.h"
#include "processor/processes/interpreters.h"

namespace splitprof {
namespace {

constexpr uint64_t kLength = 0x1000;

class MadeUpInstance final : public RuntimeInstance {
 public:
  explicit MadeUpInstance(const RuntimePlace& place) {
    value_.kind = SP_RUNTIME_python;
    value_.loops = {CodeRange{.start = RuntimeAddress(place.bias), .length = 1}};
    value_.storage = place.storage;
  }
  const RuntimeValue& value() const override { return value_; }
  Result<Function> read_function(ProcessMemory&, const FunctionPlace&) const override { return Function{}; }

 private:
  RuntimeValue value_;
};

class MadeUpFile final : public RuntimeFile {
 public:
  std::string version() const override { return "1"; }
  Result<std::unique_ptr<RuntimeInstance>> locate(const RuntimePlace& place, ProcessMemory&) const override {
    return std::unique_ptr<RuntimeInstance>(std::make_unique<MadeUpInstance>(place));
  }
};

// Answers nothing by itself.
class Held final : public Input {
 public:
  Event next() override { return StopEvent{}; }
  void ask(Ticket ticket, Question question) override { asked.emplace_back(ticket, std::move(question)); }
  void start(std::unique_ptr<Job> job) override { jobs.push_back(std::move(job)); }
  std::deque<std::pair<Ticket, Question>> asked;
  std::deque<std::unique_ptr<Job>> jobs;
};

class InterpreterSearch : public ::testing::Test {
 protected:
  InterpreterSearch() {
    process->key = ProcessKey(7);
    process->mapping_changes = 1;
    for (auto* executable : {&library, &python, &second}) executable->loaded = true;
    library.storage = {.kind = SP_STORAGE_BLOCKS, .offset = 784};
    python.runtimes.push_back(std::make_shared<MadeUpFile>());
    second.runtimes.push_back(std::make_shared<MadeUpFile>());
  }
  // Mapped at that address; without an executable it is still being opened.
  MappedFile& map(uint64_t start, Executable* executable) {
    auto file = std::make_shared<MappedFile>();
    file->state = executable == nullptr ? MappedFile::State::opening : MappedFile::State::opened;
    file->executable = executable;
    process->mappings.push_back({.start = RuntimeAddress(start), .length = kLength, .file = file});
    return *file;
  }
  static void open(MappedFile& file, Executable& executable) {
    file.state = MappedFile::State::opened;
    file.executable = &executable;
  }
  bool look(bool complete) { return interpreters.look_at(process, complete, true, 1'000'000'000); }
  void answer_memory() {
    ASSERT_EQ(input.asked.size(), 1u);
    ASSERT_TRUE(std::holds_alternative<AskMemory>(input.asked.front().second));
    std::unique_ptr<ReadableFile> memory = std::make_unique<MemoryFile>(std::vector<std::byte>());
    questions.on_answer({input.asked.front().first, AnswerValue(std::move(memory))});
    input.asked.pop_front();
  }
  void run_job() {
    ASSERT_EQ(input.jobs.size(), 1u);
    const auto job = std::move(input.jobs.front());
    input.jobs.pop_front();
    job->run();
    job->done();
  }
  // What the kernel is told next: the interpreters' addresses, and whether their threads' storage is known.
  std::string told() {
    if (input.asked.empty()) return "nothing";
    const auto* set = std::get_if<SetRuntimes>(&input.asked.front().second);
    if (set == nullptr) return "another question";
    std::string text;
    for (const auto& value : set->runtimes)
      text += (text.empty() ? "" : " ") + std::to_string(value.loops[0].start.value >> 12) +
              (value.storage.kind == SP_STORAGE_NONE ? "" : "s");
    input.asked.pop_front();
    return text;
  }

  // The same, after the process's memory has come and a worker has looked.
  std::string located() {
    answer_memory();
    run_job();
    return told();
  }

  Held input;
  Questions questions{input};
  Functions functions;
  Metrics metrics;
  Interpreters interpreters{questions, functions, metrics, [] {}};
  std::shared_ptr<Process> process = std::make_shared<Process>();
  Executable library, python, second;
};

TEST_F(InterpreterSearch, WaitsForNoOtherFileAndLooksAgainOnceTheCLibraryIsKnown) {
  map(0x1000, &python);
  auto& libc = map(0x2000, nullptr);
  EXPECT_FALSE(look(false));
  EXPECT_EQ(located(), "1");
  EXPECT_FALSE(look(false)) << "once is enough";
  EXPECT_TRUE(input.jobs.empty());
  open(libc, library);
  EXPECT_TRUE(look(true));
  run_job();
  EXPECT_EQ(told(), "1s");
  EXPECT_TRUE(look(true));
  EXPECT_TRUE(input.jobs.empty() && input.asked.empty());
}

TEST_F(InterpreterSearch, LooksOnceIfEverythingIsKnownAtOnce) {
  map(0x1000, &python);
  map(0x2000, &library);
  EXPECT_TRUE(look(true));
  EXPECT_EQ(located(), "1s");
  EXPECT_TRUE(look(true));
  EXPECT_TRUE(input.jobs.empty() && input.asked.empty());
}

TEST_F(InterpreterSearch, DoesNotForgetWhatBecameKnownWhileItLooked) {
  map(0x1000, &python);
  auto& libc = map(0x2000, nullptr);
  auto& other = map(0x3000, nullptr);
  EXPECT_FALSE(look(false));
  open(libc, library);
  open(other, second);
  EXPECT_FALSE(look(true)) << "its memory is being asked for";
  answer_memory();
  EXPECT_FALSE(look(true)) << "a worker has its memory";
  run_job();
  EXPECT_EQ(told(), "1s");  // the library was known when the worker began
  EXPECT_TRUE(look(true));
  run_job();
  EXPECT_EQ(told(), "1s 3s");
}

TEST_F(InterpreterSearch, DoesNotTrustAFileThatIsBeingOpenedAgain) {
  auto& file = map(0x1000, &python);
  file.state = MappedFile::State::opening;
  EXPECT_FALSE(look(false));
  EXPECT_TRUE(input.asked.empty());
  EXPECT_EQ(process->interpreters, nullptr);
}

TEST_F(InterpreterSearch, AChildThatWasForkedWaitsUntilAllIsKnown) {
  map(0x1000, &python);
  map(0x2000, &library);
  EXPECT_TRUE(look(true));
  EXPECT_EQ(located(), "1s");
  const auto child = std::make_shared<Process>();
  child->key = ProcessKey(8);
  child->number = 2;
  child->mapping_changes = 1;
  child->mappings = process->mappings;
  interpreters.inherit(*process, child);
  ASSERT_NE(child->interpreters, nullptr);
  EXPECT_FALSE(interpreters.look_at(child, false, true, 1'000'000'000));
  EXPECT_TRUE(input.asked.empty());
  EXPECT_TRUE(interpreters.look_at(child, true, true, 1'000'000'000));
  EXPECT_EQ(located(), "1s");
}

}  // namespace
}  // namespace splitprof
