// SPDX-License-Identifier: Apache-2.0
//
// An Input that answers every question about this very test program from /proc/self, and runs jobs at once. Answers
// wait until they are taken, so that a test decides when they come.
#pragma once

#include <deque>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include "processor/elf/local_file.h"
#include "processor/ingest/environment.h"
#include "processor/ingest/input.h"
#include "processor/processes/mappings.h"

namespace splitprof {

class OwnProcessInput final : public Input {
 public:
  Event next() override {
    if (events.empty()) {
      now_ns += 100'000'000;
      return TickEvent{now_ns};
    }
    auto event = std::move(events.front());
    events.pop_front();
    return event;
  }

  void ask(Ticket ticket, Question question) override {
    ++asked[question.index()];
    if (const auto* maps = std::get_if<AskMappings>(&question)) ++maps_asked[maps->process];
    if (const auto* list = std::get_if<SetMappings>(&question)) lists[list->process] = list->mappings;
    if (std::holds_alternative<RemoveTable>(question)) return;
    if (process_gone || is_gone(question))
      events.push_back(AnswerEvent{ticket, fail(Errc::gone, "no such process")});
    else
      events.push_back(AnswerEvent{ticket, std::visit([this](const auto& q) { return answer(q); }, question)});
  }

  void start(std::unique_ptr<Job> job) override {
    job->run();
    events.push_back(JobEvent{std::move(job)});
  }

  template <typename Q>
  unsigned times_asked() const {
    const auto found = asked.find(Question(Q{}).index());
    return found == asked.end() ? 0 : found->second;
  }

  std::deque<Event> events;
  std::map<size_t, unsigned> asked;  // by the question's place in the variant
  std::map<ProcessKey, unsigned> maps_asked;
  std::map<ProcessKey, std::vector<TableMapping>> lists;
  std::vector<uint32_t> rates;  // that were configured
  std::vector<Configure> configurations;
  uint64_t now_ns = 1'000'000'000;
  std::optional<std::string> environment;  // of every process; none: refused
  bool process_gone = false;               // every question fails
  std::set<ProcessKey> gone;               // questions about these processes fail

 private:
  bool is_gone(const Question& question) const {
    return std::visit(
        [this](const auto& q) {
          if constexpr (requires { q.process; })
            return gone.contains(q.process);
          else
            return false;
        },
        question);
  }
  static std::string read_all(const char* path) {
    std::ifstream file(path, std::ios::binary);
    return std::string((std::istreambuf_iterator<char>(file)), {});
  }
  static Result<AnswerValue> open(const std::string& path) {
    auto file = LocalFile::open_path(path.c_str());
    if (!file) return std::move(file.error());
    return AnswerValue(std::unique_ptr<ReadableFile>(std::move(*file)));
  }

  Result<AnswerValue> answer(const AskMappings&) { return AnswerValue(Text{read_all("/proc/self/maps")}); }
  Result<AnswerValue> answer(const AskDescription&) {
    return AnswerValue(Description{
        .cgroup = "0::/test\n", .command_line = "test", .executable_link = "/bin/test-program", .start_time_ns = 7});
  }
  Result<AnswerValue> answer(const AskMemory&) { return open("/proc/self/mem"); }
  Result<AnswerValue> answer(const AskMappedFile& question) {
    for (const auto& mapping : parse_mappings(read_all("/proc/self/maps")).mappings)
      if (mapping.start == question.start) return open(mapping.file.path);
    return fail(Errc::not_found, "no such mapping");
  }
  Result<AnswerValue> answer(const AskExecutable&) { return open("/proc/self/exe"); }
  Result<AnswerValue> answer(const AskKernelSymbols&) {
    return AnswerValue(Text{"ffffffff81000000 T _stext\nffffffff81001000 T some_kernel_function\n"});
  }
  Result<AnswerValue> answer(const AskHost&) { return AnswerValue(Host{.host_name = "here", .online_cpus = 2}); }
  Result<AnswerValue> answer(const AskCounters&) { return AnswerValue(Counters{{{"samples_taken", 5}}}); }
  Result<AnswerValue> answer(const InstallTable&) { return AnswerValue(InstalledTable{next_table_++}); }
  Result<AnswerValue> answer(const RemoveTable&) { return AnswerValue(Ok{}); }
  Result<AnswerValue> answer(const SetMappings&) { return AnswerValue(Ok{}); }
  Result<AnswerValue> answer(const SetRuntimes&) { return AnswerValue(Ok{}); }
  Result<AnswerValue> answer(const Configure& question) {
    rates.push_back(question.hz);
    configurations.push_back(question);
    return AnswerValue(Ok{});
  }

  Result<AnswerValue> answer(const AskEnvironment& question) {
    if (!environment) return fail(Errc::io, "the sampler was started without --allow-environment");
    return AnswerValue(Text{pick_variables(*environment, question.variables)});
  }
  Result<AnswerValue> answer(const AskDebugFile&) { return fail(Errc::not_found, "no debug file"); }

  uint32_t next_table_ = 100;
};

}  // namespace splitprof
