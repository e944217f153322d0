// SPDX-License-Identifier: Apache-2.0
//
// What a person sees while a recording runs: one line that is rewritten once a second on a terminal, and a plain line
// every ten seconds elsewhere. Takes the processor's progress messages, one JSON object a line, and trusts none of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace splitprof {

struct ProgressNumbers {
  uint64_t samples = 0, traces = 0, processes = 0, lost = 0;
};

// Collects bytes as they come from the pipe; remembers the last whole message.
class ProgressReader {
 public:
  void feed(std::string_view bytes);
  bool has_message() const { return messages_ > 0; }
  const ProgressNumbers& last() const { return last_; }

 private:
  void take_line(std::string_view line);
  std::string partial_;
  uint64_t messages_ = 0;
  ProgressNumbers last_;
};

class ProgressLine {
 public:
  explicit ProgressLine(bool quiet);
  // Called once a second. `profiler_cpu_seconds`: of all processes of the profiler so far.
  void show(double elapsed_seconds, const ProgressReader& progress, double profiler_cpu_seconds);
  void clear();  // leaves the terminal's line empty for whatever comes next

 private:
  bool terminal_;
  bool quiet_;
  int calls_ = 0;
};

}  // namespace splitprof
