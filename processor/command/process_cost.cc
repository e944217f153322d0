// SPDX-License-Identifier: Apache-2.0
#include "processor/command/process_cost.h"

#include <dirent.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace splitprof {
namespace {

constexpr int kMaxDepth = 4;        // sampler, zygote, opener: three generations
constexpr size_t kMaxEntries = 64;  // openers are replaced now and then; past this only the known ones are followed

std::string read_text(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// user + system time, fields 14 and 15 of stat; the second field is a name that may hold anything but ends at the
// last bracket.
double cpu_seconds_of(const std::string& stat) {
  const size_t bracket = stat.rfind(')');
  if (bracket == std::string::npos) return 0;
  std::istringstream fields(stat.substr(bracket + 1));
  std::string skipped;
  for (int i = 3; i < 14; i++) fields >> skipped;
  uint64_t user = 0, system = 0;
  fields >> user >> system;
  return static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

uint64_t bytes_after(const std::string& text, const char* key) {
  const size_t at = text.find(key);
  if (at == std::string::npos) return 0;
  return std::strtoull(text.c_str() + at + std::char_traits<char>::length(key), nullptr, 10) * 1024;
}

std::string name_of(pid_t pid) {
  std::string name = read_text(fmt::format("/proc/{}/comm", pid));
  while (!name.empty() && name.back() == '\n') name.pop_back();
  return name;
}

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> children;
  DIR* tasks = opendir(fmt::format("/proc/{}/task", pid).c_str());
  if (tasks == nullptr) return children;
  while (const dirent* task = readdir(tasks)) {
    if (task->d_name[0] == '.') continue;
    std::ifstream list(fmt::format("/proc/{}/task/{}/children", pid, task->d_name));
    for (pid_t child = 0; list >> child;) children.push_back(child);
  }
  closedir(tasks);
  return children;
}

}  // namespace

void CostWatch::add(pid_t pid, std::string name) {
  roots_.emplace_back(pid, std::move(name));
}

ProcessCost& CostWatch::cost_of(pid_t pid, const std::string& name) {
  for (auto& cost : costs_)
    if (cost.pid == pid) return cost;
  root_of_.emplace_back(pid, current_root_);
  return costs_.emplace_back(ProcessCost{.pid = pid, .name = name});
}

void CostWatch::look_at(pid_t pid, const std::string& name, int depth) {
  const std::string stat = read_text(fmt::format("/proc/{}/stat", pid));
  if (stat.empty() || costs_.size() >= kMaxEntries) return;
  ProcessCost& cost = cost_of(pid, name);
  cost.cpu_seconds = std::max(cost.cpu_seconds, cpu_seconds_of(stat));
  const std::string memory = read_text(fmt::format("/proc/{}/smaps_rollup", pid));
  if (const uint64_t rss = bytes_after(memory, "\nRss:"); rss != 0) {
    cost.rss_bytes = rss;
    cost.pss_bytes = bytes_after(memory, "\nPss:");
    cost.peak_rss_bytes = std::max(cost.peak_rss_bytes, cost.rss_bytes);
    cost.peak_pss_bytes = std::max(cost.peak_pss_bytes, cost.pss_bytes);
  }
  if (depth >= kMaxDepth || pid == getpid()) return;
  for (const pid_t child : children_of(pid)) look_at(child, name_of(child), depth + 1);
}

void CostWatch::look() {
  for (const auto& [pid, name] : roots_) {
    current_root_ = pid;
    look_at(pid, name, 0);
  }
}

void CostWatch::finish(pid_t pid, const rusage& usage) {
  const auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + time.tv_usec / 1e6; };
  double others = 0;
  for (const auto& [descendant, root] : root_of_)
    if (root == pid && descendant != pid) others += cost_of(descendant, "").cpu_seconds;
  for (auto& cost : costs_) {
    if (cost.pid != pid) continue;
    cost.cpu_seconds = std::max(cost.cpu_seconds, seconds(usage.ru_utime) + seconds(usage.ru_stime) - others);
    cost.peak_rss_bytes = std::max<uint64_t>(cost.peak_rss_bytes, static_cast<uint64_t>(usage.ru_maxrss) * 1024);
  }
}

}  // namespace splitprof
