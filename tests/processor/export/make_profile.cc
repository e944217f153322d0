// SPDX-License-Identifier: Apache-2.0
//
// make_profile STACKS DIRECTORY: writes a made-up profile in every format, for tests that look at the files.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "processor/export/flamegraph.h"
#include "processor/export/folded.h"
#include "processor/export/pprof.h"
#include "processor/export/profile_summary.h"
#include "processor/export/speedscope.h"
#include "sample_profile.h"

namespace {

template <typename Write>
bool write_file(const std::string& path, Write write) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) {
    std::perror(path.c_str());
    return false;
  }
  const auto result = write(fd);
  close(fd);
  if (!result) std::fprintf(stderr, "%s: %s\n", path.c_str(), result.error().message.c_str());
  return result.has_value();
}

}  // namespace

int main(int argc, char** argv) {
  using namespace splitprof;
  if (argc != 3) {
    std::fprintf(stderr, "usage: make_profile STACKS DIRECTORY\n");
    return 2;
  }
  const auto sampled = test::large_profile(std::strtoull(argv[1], nullptr, 10));
  const Profile& profile = sampled->profile;
  const Names names(profile, sampled->symbolizer);
  RunSummary summary = sampled->summary;
  summarize_profile(profile, names, summary);
  const std::string base = std::string(argv[2]) + "/profile";
  const bool ok =
      write_file(base + ".folded", [&](int fd) { return write_folded(profile, names, fd); }) &&
      write_file(base + ".pb.gz", [&](int fd) { return write_pprof(profile, names, summary, fd); }) &&
      write_file(base + ".speedscope.json", [&](int fd) { return write_speedscope(profile, names, summary, fd); }) &&
      write_file(base + ".html", [&](int fd) { return write_flame_graph(profile, names, summary, fd); });
  if (ok) print_terminal_summary(summary, stdout, isatty(STDOUT_FILENO) != 0);
  return ok ? 0 : 1;
}
