// SPDX-License-Identifier: Apache-2.0
#include "sampler/start/host.h"

#include <elf.h>
#include <fcntl.h>
#include <kj/io.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

namespace splitprof {
namespace {

constexpr size_t kMaxFileBytes = 4096;
constexpr size_t kMaxBuildIdLength = 64;
constexpr size_t kMaxModules = 1024;

std::string read_file(const std::string& path) {
  const int raw = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (raw < 0) return {};
  const kj::AutoCloseFd fd(raw);
  std::string text(kMaxFileBytes, '\0');
  text.resize(static_cast<size_t>(std::max<ssize_t>(read(fd, text.data(), text.size()), 0)));
  return text;
}

std::string read_line(const std::string& path) {
  auto text = read_file(path);
  return text.substr(0, text.find('\n'));
}

// The GNU build id among ELF notes: the kernel's own and its modules', as sysfs shows them.
std::string build_id_of(const std::string& notes) {
  for (size_t at = 0; at + sizeof(Elf64_Nhdr) <= notes.size();) {
    Elf64_Nhdr header;
    std::memcpy(&header, notes.data() + at, sizeof header);
    const size_t name = at + sizeof header;
    const size_t content = name + ((size_t{header.n_namesz} + 3) & ~size_t{3});
    if (content + header.n_descsz > notes.size()) break;
    if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == 4 && std::memcmp(&notes[name], "GNU", 4) == 0)
      return notes.substr(content, std::min<size_t>(header.n_descsz, kMaxBuildIdLength));
    at = content + ((size_t{header.n_descsz} + 3) & ~size_t{3});
  }
  return {};
}

}  // namespace

HostFacts read_host_facts() {
  HostFacts facts;
  facts.boot_id = read_line("/proc/sys/kernel/random/boot_id");
  facts.machine_id = read_line("/etc/machine-id");
  if (utsname name; uname(&name) == 0) {
    facts.host_name = name.nodename;
    facts.kernel_release = name.release;
    facts.kernel_version = name.version;
    facts.architecture = name.machine;
  }
  facts.kernel_build_id = build_id_of(read_file("/sys/kernel/notes"));
  std::error_code ignored;
  for (const auto& module : std::filesystem::directory_iterator("/sys/module", ignored)) {
    const auto build_id = build_id_of(read_file(module.path() / "notes/.note.gnu.build-id"));
    if (!build_id.empty() && facts.modules.size() < kMaxModules)
      facts.modules.emplace_back(module.path().filename(), build_id);
  }
  return facts;
}

}  // namespace splitprof
