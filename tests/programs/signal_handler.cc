// SPDX-License-Identifier: Apache-2.0
//
// signal_handler SECONDS [alternate]: most of the time is spent in a signal handler that interrupts a busy loop a
// thousand times a second; with `alternate` the handler runs on a stack of its own.
#include <signal.h>
#include <sys/time.h>

#include <cstring>
#include <vector>

#include "busy.h"

extern "C" {
SPLITPROF_KEEP void work_in_handler() {
  uint64_t value = 3;
  for (int i = 0; i < 250000; i++) value = mix(value + i);
  keep(value);
}
SPLITPROF_KEEP void handle_alarm(int) {
  work_in_handler();
  asm volatile("" ::: "memory");
}
SPLITPROF_KEEP uint64_t interrupted_loop(uint64_t value) {
  for (int i = 0; i < 100000; i++) value = mix(value + i);
  keep(value);
  return value;
}
}

int main(int argc, char** argv) {
  const auto deadline = deadline_after(number_argument(argc, argv, 1, 5));
  struct sigaction action = {};
  action.sa_handler = handle_alarm;
  action.sa_flags = SA_RESTART;
  std::vector<char> stack(256 * 1024);
  if (argc > 2 && std::strcmp(argv[2], "alternate") == 0) {
    stack_t alternate = {};
    alternate.ss_sp = stack.data();
    alternate.ss_size = stack.size();
    if (sigaltstack(&alternate, nullptr) != 0) return 1;
    action.sa_flags |= SA_ONSTACK;
  }
  if (sigaction(SIGALRM, &action, nullptr) != 0) return 1;
  const itimerval timer = {{0, 1000}, {0, 1000}};
  if (setitimer(ITIMER_REAL, &timer, nullptr) != 0) return 1;
  uint64_t value = 1;
  while (Clock::now() < deadline) value = interrupted_loop(value);
  // The alternate stack goes with this function: no signal may come after it.
  const itimerval never = {};
  if (setitimer(ITIMER_REAL, &never, nullptr) != 0) return 1;
  signal(SIGALRM, SIG_IGN);
  return value == 0;
}
