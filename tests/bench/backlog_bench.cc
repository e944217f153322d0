// SPDX-License-Identifier: Apache-2.0
//
// What a backlog costs while a server is away: bytes of requests a second onto the disk by io_uring and by the thread,
// CPU of the caller and of the process, the longest time that the caller was kept, memory, and reading it all again.
// Bodies look like documents of events. Argument: the folder to write in, which decides which disk is measured.
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>

#include "processor/backlog/backlog.h"
#include "shared/check.h"
#include "tests/bench/table.h"

namespace splitprof {
namespace {

constexpr size_t kBodyBytes = 1'000'000;  // sending_queue.batch.min_size of the exporter
constexpr uint64_t kMessages = 300;
constexpr int kRepeats = 5;

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double cpu_s(int who) {
  rusage usage = {};
  CHECK(getrusage(who, &usage) == 0);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double resident_mib() {
  std::ifstream file("/proc/self/statm");
  uint64_t size = 0, resident = 0;
  file >> size >> resident;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

std::string body(std::mt19937& random) {
  std::string text;
  while (text.size() < kBodyBytes) {
    char line[400];
    const int n = std::snprintf(
        line, sizeof line,
        "{\"create\":{\"_index\":\"profiling-events-all\"}}\n{\"@timestamp\":\"%u\",\"Stacktrace.id\":\"%08x%08x%08x\","
        "\"host.id\":\"7a1d0f6b\",\"process.thread.name\":\"worker-%u\",\"process.executable.name\":\"postgres\","
        "\"service.name\":\"shop\",\"Stacktrace.count\":1,\"ecs.version\":\"1.12.0\"}\n",
        1'700'000'000u + static_cast<unsigned>(random() % 100), static_cast<unsigned>(random() % 5000), 7u, 9u,
        static_cast<unsigned>(random() % 16));
    text.append(line, static_cast<size_t>(n));
  }
  text.resize(kBodyBytes);
  return text;
}

void run(const std::string& folder, bool io_uring) {
  std::mt19937 random(1);
  std::vector<Message> messages;
  for (int i = 0; i < 20; ++i) messages.push_back({.kind = 1, .items = 4000, .samples = 4000, .body = body(random)});
  std::vector<double> rate, caller, process, longest, memory, stored, reading;
  for (int repeat = 0; repeat < kRepeats; ++repeat) {
    std::filesystem::remove_all(folder);
    ExporterMetrics metrics;
    const double memory_before = resident_mib();
    auto opened = Backlog::open({.folder = folder, .io_uring = io_uring}, metrics, 1);
    CHECK(opened.has_value());
    Backlog& backlog = **opened;
    const double start = now_s(), caller_start = cpu_s(RUSAGE_THREAD), process_start = cpu_s(RUSAGE_SELF);
    double longest_s = 0;
    const auto timed = [&](auto&& call) {
      const double before = now_s();
      call();
      longest_s = std::max(longest_s, now_s() - before);
    };
    for (uint64_t number = 1; number <= kMessages; ++number)
      timed([&] { backlog.append(number, messages[number % messages.size()]); });
    while (!backlog.settled()) usleep(1000);
    const double seconds = now_s() - start, megabytes = kMessages * kBodyBytes / 1e6;
    rate.push_back(megabytes / seconds);
    caller.push_back((cpu_s(RUSAGE_THREAD) - caller_start) / megabytes * 1e6);
    process.push_back((cpu_s(RUSAGE_SELF) - process_start) / megabytes * 1e6);
    longest.push_back(longest_s * 1000);
    memory.push_back(resident_mib() - memory_before);
    stored.push_back(static_cast<double>(metrics.backlog_bytes) / (kMessages * kBodyBytes) * 100);
    const double read_start = now_s();
    while (const auto entry = backlog.take()) backlog.forget(entry->number);
    reading.push_back(megabytes / (now_s() - read_start));
  }
  const std::string how = io_uring ? "io_uring" : "thread";
  print_row("backlog, " + how + ": bodies onto the disk, synced", "MB/s", rate);
  print_row("backlog, " + how + ": CPU of the caller", "us/MB", caller);
  print_row("backlog, " + how + ": CPU of the process", "us/MB", process);
  print_row("backlog, " + how + ": longest append of 1 MB", "ms", longest);
  print_row("backlog, " + how + ": memory after 300 MB", "MiB", memory);
  print_row("backlog, " + how + ": bytes on disk of those of bodies", "%", stored);
  print_row("backlog, " + how + ": taken from the disk again", "MB/s", reading);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace splitprof

int main(int argc, char** argv) {
  const std::string folder = (argc > 1 ? std::string(argv[1]) : "/var/tmp") + "/splitprof-backlog-bench";
  splitprof::run(folder, true);
  splitprof::run(folder, false);
}
