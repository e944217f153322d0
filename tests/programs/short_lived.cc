// SPDX-License-Identifier: Apache-2.0
//
// short_lived SECONDS MILLISECONDS PROGRAM…: a storm of processes. Runs the programs one after another, each with the
// argument `--work MILLISECONDS`, until the time is over. The programs are copies of this very file: with `--work` it
// burns so much CPU time and ends.
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>

#include <cstdio>
#include <cstring>

#include "busy.h"

extern char** environ;

extern "C" SPLITPROF_KEEP uint64_t short_work(double milliseconds) {
  uint64_t value = 1;
  timespec used;
  do {
    for (int i = 0; i < 2000; i++) value = mix(value + i);
    keep(value);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  } while (used.tv_sec * 1e3 + used.tv_nsec / 1e6 < milliseconds);
  return value;
}

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "--work") == 0) return short_work(std::atof(argv[2])) == 0;
  if (argc < 4) {
    std::fprintf(stderr, "usage: short_lived SECONDS MILLISECONDS PROGRAM…\n");
    return 2;
  }
  const auto deadline = deadline_after(std::atof(argv[1]));
  long runs = 0;
  for (int next = 3; Clock::now() < deadline; next = next + 1 < argc ? next + 1 : 3, runs++) {
    char work[] = "--work";
    char* const arguments[] = {argv[next], work, argv[2], nullptr};
    pid_t pid = 0;
    if (posix_spawn(&pid, argv[next], nullptr, nullptr, arguments, environ) != 0) return 1;
    waitpid(pid, nullptr, 0);
  }
  std::printf("%ld\n", runs);
}
