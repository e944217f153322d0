// SPDX-License-Identifier: Apache-2.0
#include "processor/start_up.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "processor/ingest/sampler_client.h"
#include "processor/sandbox.h"

namespace splitprof {

void raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

Result<kj::AutoCloseFd> connection_to_sampler(const ProcessorOptions& options) {
  if (!options.sampler_path.empty()) return connect_to(options.sampler_path);
  if (fcntl(options.sampler_fd, F_SETFD, FD_CLOEXEC) != 0)
    return fail(Errc::not_found, "--sampler-fd {}: no such descriptor", options.sampler_fd);
  return kj::AutoCloseFd(options.sampler_fd);
}

Result<> make_own_folder(const std::string& path, const std::string& user) {
  for (size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1))
    mkdir(path.substr(0, slash).c_str(), 0755);  // what is wrong with it the last one will say
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return fail(Errc::io, "{}: {}", path, strerror(errno));
  if (geteuid() != 0) return Ok{};
  const Account account = TRY(account_of(user));
  // Not through a link: the folder may lie where others can write.
  const kj::AutoCloseFd opened(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (opened.get() < 0 || fchown(opened.get(), account.uid, account.gid) != 0)
    return fail(Errc::io, "{}: {}", path, strerror(errno));
  return Ok{};
}

Result<std::string> prepare_state_folder(const ProcessorOptions& options) {
  std::string folder = options.state_folder;
  if (const char* given = std::getenv("STATE_DIRECTORY"); folder.empty() && given != nullptr) folder = given;
  if (folder.empty() && geteuid() == 0) folder = "/var/lib/splitprof";
  if (!folder.empty()) TRY(make_own_folder(folder, options.user));
  return folder;
}

}  // namespace splitprof
