// SPDX-License-Identifier: Apache-2.0
//
// thread_names SECONDS: three threads with names of their own, one of which holds bytes that are no text.
#include <pthread.h>

#include <thread>

#include "busy.h"

namespace {

SPLITPROF_KEEP void spin(double seconds) {
  const auto deadline = deadline_after(seconds);
  uint64_t value = 1;
  while (Clock::now() < deadline) {
    for (int i = 0; i < 10000; i++) value = mix(value + i);
    keep(value);
  }
}

void run_as(const char* name, double seconds) {
  pthread_setname_np(pthread_self(), name);
  spin(seconds);
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = number_argument(argc, argv, 1, 5);
  std::thread first(run_as, "first-worker", seconds);
  std::thread second(run_as, "odd\x1b[31m;\n\xff", seconds);
  run_as("names-main", seconds);
  first.join();
  second.join();
}
