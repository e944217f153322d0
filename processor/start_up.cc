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

Result<std::string> prepare_state_folder(const ProcessorOptions& options) {
  std::string folder = options.state_folder;
  if (const char* given = std::getenv("STATE_DIRECTORY"); folder.empty() && given != nullptr) folder = given;
  const bool root = geteuid() == 0;
  if (folder.empty() && root) folder = "/var/lib/splitprof";
  if (folder.empty()) return folder;
  if (mkdir(folder.c_str(), 0750) != 0 && errno != EEXIST) return fail(Errc::io, "{}: {}", folder, strerror(errno));
  if (!root) return folder;
  const Account account = TRY(account_of(options.user));
  // Not through a link: the folder may lie where others can write.
  const kj::AutoCloseFd opened(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (opened.get() < 0) return fail(Errc::io, "{}: {}", folder, strerror(errno));
  if (fchown(opened.get(), account.uid, account.gid) != 0) return fail(Errc::io, "{}: {}", folder, strerror(errno));
  return folder;
}

}  // namespace splitprof
