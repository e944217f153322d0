// SPDX-License-Identifier: Apache-2.0
#include "processor/receivers/profiling/container.h"

#include <algorithm>

namespace splitprof {
namespace {

constexpr size_t kIdDigits = 64;       // of Docker, containerd, CRI-O, Podman: SHA-256 in size, chosen at random
constexpr size_t kMaxNameBytes = 255;  // NAME_MAX
constexpr std::string_view kPodPrefix = "pod";

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); });
}

bool is_id(std::string_view text) {
  return text.size() == kIdDigits && is_hex(text);
}

// 8-4-4-4-12 digits, with '-' or, in names of systemd's units, '_'. Static pods have the 32 digits of a hash.
bool is_pod_uid(std::string_view text) {
  if (text.size() == 32) return is_hex(text);
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool separator = i == 8 || i == 13 || i == 18 || i == 23;
    if (separator ? text[i] != '-' && text[i] != '_' : !is_hex(text.substr(i, 1))) return false;
  }
  return true;
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNameBytes && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
}

// "docker-ID.scope", "cri-containerd-ID.scope", "crio-ID.scope", "libpod-ID.scope", "ID",
// "containerd-…:cri-containerd:ID". "libpod-conmon-ID.scope" and "crio-conmon-ID.scope" are the container's monitor,
// which runs outside.
std::string_view id_of_container(std::string_view name) {
  if (name.ends_with(".scope")) name.remove_suffix(6);
  if (name.find("conmon-") != name.npos) return {};
  const auto separator = name.find_last_of("-:");
  const auto id = separator == name.npos ? name : name.substr(separator + 1);
  return is_id(id) ? id : std::string_view();
}

// "machine-NAME.scope" of systemd-machined, "lxc.payload.NAME" and "lxc/NAME" of LXC; nspawn's service is another form.
std::string_view id_of_machine(std::string_view parent, std::string_view name) {
  constexpr std::string_view kMachine = "machine-", kScope = ".scope", kPayload = "lxc.payload.",
                             kNspawn = "systemd-nspawn@", kService = ".service";
  std::string_view id;
  if (name.starts_with(kMachine) && name.ends_with(kScope))
    id = name.substr(kMachine.size(), name.size() - kMachine.size() - kScope.size());
  else if (name.starts_with(kNspawn) && name.ends_with(kService))
    id = name.substr(kNspawn.size(), name.size() - kNspawn.size() - kService.size());
  else if (name.starts_with(kPayload))
    id = name.substr(kPayload.size());
  else if (parent == "lxc")
    id = name;
  return is_name(id) ? id : std::string_view();
}

// "pod<uid>" and "kubepods-besteffort-pod<uid>.slice".
std::string_view pod_of(std::string_view name) {
  if (name.ends_with(".slice")) name.remove_suffix(6);
  const auto at = name.starts_with("kubepods") ? name.rfind("-pod") : name.npos;
  if (at != name.npos) name.remove_prefix(at + 1);
  if (!name.starts_with(kPodPrefix)) return {};
  name.remove_prefix(kPodPrefix.size());
  return is_pod_uid(name) ? name : std::string_view();
}

// The innermost container of the path: a container may run others.
Container find_in_path(std::string_view path) {
  Container found;
  std::string_view parent, machine;
  while (!path.empty()) {
    const auto name = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(name.size() + 1, path.size()));
    if (name.empty()) continue;
    if (const auto pod = pod_of(name); !pod.empty()) found = {.id = {}, .pod_uid = pod};
    if (const auto id = id_of_container(name); !id.empty()) found.id = id;
    if (const auto id = id_of_machine(parent, name); !id.empty()) machine = id;
    parent = name;
  }
  if (found.id.empty()) found.id = machine;
  return found;
}

}  // namespace

Container find_container(std::string_view cgroup) {
  Container found;
  while (!cgroup.empty()) {
    // "hierarchy:controllers:path"; the path may hold colons.
    auto line = cgroup.substr(0, cgroup.find('\n'));
    cgroup.remove_prefix(std::min(line.size() + 1, cgroup.size()));
    for (int field = 0; field < 2; ++field) {
      const auto colon = line.find(':');
      line = colon == line.npos ? std::string_view() : line.substr(colon + 1);
    }
    const auto in_line = find_in_path(line);
    if (found.id.empty() && !in_line.id.empty()) found.id = in_line.id;
    if (found.pod_uid.empty()) found.pod_uid = in_line.pod_uid;
    if (!found.id.empty() && !found.pod_uid.empty()) break;
  }
  return found;
}

}  // namespace splitprof
