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

struct CpuTimes {
  uint64_t user_ns = 0, system_ns = 0;
};

// Fields 14 and 15 of stat, in clock ticks; the second field is a name that may hold anything but ends at the last
// bracket.
CpuTimes cpu_times_of(const std::string& stat) {
  const size_t bracket = stat.rfind(')');
  if (bracket == std::string::npos) return {};
  std::istringstream fields(stat.substr(bracket + 1));
  std::string skipped;
  for (int i = 3; i < 14; i++) fields >> skipped;
  uint64_t user = 0, system = 0;
  fields >> user >> system;
  const uint64_t tick_ns = 1000000000 / static_cast<uint64_t>(sysconf(_SC_CLK_TCK));
  return {user * tick_ns, system * tick_ns};
}

uint64_t bytes_after(const std::string& text, const char* key) {
  const size_t at = text.find(key);
  if (at == std::string::npos) return 0;
  return std::strtoull(text.c_str() + at + std::char_traits<char>::length(key), nullptr, 10) * 1024;
}

std::string name_of(pid_t pid) {
  std::string name = read_text(fmt::format("/proc/{}/comm", pid));
  while (!name.empty() && name.back() == '\n') name.pop_back();
  // The sampler's own children call themselves splitprof-zygote and splitprof-opener; the kernel keeps 15 bytes.
  if (name.starts_with("splitprof-zyg")) return "zygote";
  if (name.starts_with("splitprof-open")) return "opener";
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
    if (cost.pid == static_cast<uint32_t>(pid)) return cost;
  root_of_.emplace_back(pid, current_root_);
  ProcessCost cost;
  cost.name = name;
  cost.pid = static_cast<uint32_t>(pid);
  return costs_.emplace_back(std::move(cost));
}

void CostWatch::look_at(pid_t pid, const std::string& name, int depth) {
  const std::string stat = read_text(fmt::format("/proc/{}/stat", pid));
  if (stat.empty() || costs_.size() >= kMaxEntries) return;
  ProcessCost& cost = cost_of(pid, name);
  const auto times = cpu_times_of(stat);
  cost.cpu_user_ns = std::max(cost.cpu_user_ns, times.user_ns);
  cost.cpu_system_ns = std::max(cost.cpu_system_ns, times.system_ns);
  const std::string memory = read_text(fmt::format("/proc/{}/smaps_rollup", pid));
  cost.peak_rss_bytes = std::max(cost.peak_rss_bytes, bytes_after(memory, "\nRss:"));
  cost.peak_pss_bytes = std::max(cost.peak_pss_bytes, bytes_after(memory, "\nPss:"));
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
  const auto nanoseconds = [](const timeval& time) {
    return static_cast<uint64_t>(time.tv_sec) * 1000000000 + static_cast<uint64_t>(time.tv_usec) * 1000;
  };
  uint64_t others_user_ns = 0, others_system_ns = 0;
  for (const auto& [descendant, root] : root_of_) {
    if (root != pid || descendant == pid) continue;
    const auto& other = cost_of(descendant, "");
    others_user_ns += other.cpu_user_ns;
    others_system_ns += other.cpu_system_ns;
  }
  const auto without = [](uint64_t all, uint64_t others) { return all > others ? all - others : 0; };
  for (auto& cost : costs_) {
    if (cost.pid != static_cast<uint32_t>(pid)) continue;
    cost.cpu_user_ns = std::max(cost.cpu_user_ns, without(nanoseconds(usage.ru_utime), others_user_ns));
    cost.cpu_system_ns = std::max(cost.cpu_system_ns, without(nanoseconds(usage.ru_stime), others_system_ns));
  }
}

double CostWatch::cpu_seconds() const {
  uint64_t sum_ns = 0;
  for (const auto& cost : costs_) sum_ns += cost.cpu_user_ns + cost.cpu_system_ns;
  return static_cast<double>(sum_ns) / 1e9;
}

}  // namespace splitprof
