// SPDX-License-Identifier: Apache-2.0
#include "processor/command/progress.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

namespace splitprof {
namespace {

constexpr size_t kMaxLineBytes = 4096;

uint64_t number(const nlohmann::json& object, const char* name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_number_unsigned() ? it->get<uint64_t>() : 0;
}

}  // namespace

void ProgressReader::feed(std::string_view bytes) {
  for (const char byte : bytes) {
    if (byte == '\n') {
      take_line(partial_);
      partial_.clear();
    } else if (partial_.size() < kMaxLineBytes) {
      partial_ += byte;
    }
  }
}

void ProgressReader::take_line(std::string_view line) {
  const auto object = nlohmann::json::parse(line, nullptr, false);
  if (!object.is_object()) return;
  messages_++;
  last_ = {number(object, "samples"), number(object, "traces"), number(object, "processes"), number(object, "lost")};
}

ProgressLine::ProgressLine(bool quiet) : terminal_(isatty(STDERR_FILENO) == 1), quiet_(quiet) {}

void ProgressLine::show(double elapsed_seconds, const ProgressReader& progress, double profiler_cpu_seconds) {
  if (quiet_) return;
  calls_++;
  if (!terminal_ && calls_ % 10 != 0) return;
  const auto& now = progress.last();
  const std::string text =
      fmt::format("{:4.0f} s   {} samples   {} stacks   {} processes   {} lost   profiler {:.1f} % of a CPU",
                  elapsed_seconds, now.samples, now.traces, now.processes, now.lost,
                  elapsed_seconds > 0 ? profiler_cpu_seconds / elapsed_seconds * 100 : 0);
  std::fprintf(stderr, terminal_ ? "\r\033[K%s" : "%s\n", text.c_str());
  std::fflush(stderr);
}

void ProgressLine::clear() {
  if (terminal_ && !quiet_ && calls_ > 0) std::fputs("\r\033[K", stderr);
}

}  // namespace splitprof
