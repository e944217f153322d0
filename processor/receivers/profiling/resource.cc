// SPDX-License-Identifier: Apache-2.0
#include "processor/receivers/profiling/resource.h"

#include <algorithm>

#include "processor/export/printable.h"
#include "processor/otel/profiles.h"
#include "processor/receivers/profiling/container.h"

namespace splitprof {
namespace {

constexpr size_t kMaxTextBytes = 1024;
constexpr size_t kMaxPathBytes = 4096;  // PATH_MAX

void add(otel::Attributes& attributes, std::string_view key, std::string_view text, size_t max_bytes = kMaxTextBytes) {
  if (!text.empty()) attributes.push_back({std::string(key), {printable_text(text, max_bytes)}});
}

// Values of host.arch (semantic conventions).
std::string_view architecture(std::string_view machine) {
  if (machine == "x86_64") return "amd64";
  if (machine == "aarch64") return "arm64";
  return machine;
}

std::string_view without_deleted(std::string_view path) {
  constexpr std::string_view kDeleted = " (deleted)";
  if (path.ends_with(kDeleted)) path.remove_suffix(kDeleted.size());
  return path;
}

}  // namespace

otel::Attributes host_attributes(const Host& host) {
  otel::Attributes attributes;
  add(attributes, "host.id", host.machine_id);
  add(attributes, "host.name", host.host_name);
  add(attributes, "host.arch", architecture(host.architecture));
  add(attributes, "os.type", "linux");
  add(attributes, "os.version", host.kernel_release);
  // Servers reckon costs by it, and take 4 for unknown.
  if (host.online_cpus != 0)
    attributes.push_back({std::string(otel::key::kPresentCpuCores), {int64_t{host.online_cpus}}});
  return attributes;
}

otel::Attributes process_attributes(const Resource& resource, std::span<const std::string> variables) {
  otel::Attributes attributes;
  const auto find = [&](std::string_view name) {
    const auto found = std::find_if(resource.environment.begin(), resource.environment.end(),
                                    [&](const auto& variable) { return variable.first == name; });
    return found == resource.environment.end() ? std::string_view() : std::string_view(found->second);
  };
  add(attributes, "service.name", find(kServiceNameVariable));
  const auto container = find_container(resource.cgroup);
  add(attributes, "container.id", container.id);
  std::string pod(container.pod_uid);
  std::replace(pod.begin(), pod.end(), '_', '-');
  add(attributes, "k8s.pod.uid", pod);
  attributes.push_back({"process.pid", {int64_t{resource.pid}}});
  const auto path = without_deleted(resource.executable_path);
  add(attributes, "process.executable.path", path, kMaxPathBytes);
  // Kernel threads, and what ended too soon, have only the name that ps shows.
  const auto name = path.substr(path.rfind('/') + 1);
  add(attributes, "process.executable.name", name.empty() ? resource.process_name : name);
  for (const auto& variable : variables) {
    const auto value = find(variable);
    add(attributes, "process.environment_variable." + printable_text(variable, kMaxTextBytes), value);
  }
  return attributes;
}

}  // namespace splitprof
