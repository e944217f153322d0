// SPDX-License-Identifier: Apache-2.0
//
// late_loading SECONDS LIBRARY: works, loads the library, works in it, unloads it, ten times over.
#include <dlfcn.h>

#include <cstdio>

#include "busy.h"

extern "C" SPLITPROF_KEEP uint64_t work_at_home(uint64_t value) {
  for (int i = 0; i < 100000; i++) value = mix(value + i);
  keep(value);
  return value;
}

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: late_loading SECONDS LIBRARY\n");
    return 2;
  }
  const double slice_seconds = number_argument(argc, argv, 1, 5) / 20;
  uint64_t value = 1;
  for (int round = 0; round < 10; round++) {
    for (const auto end = deadline_after(slice_seconds); Clock::now() < end;) value = work_at_home(value);
    void* library = dlopen(argv[2], RTLD_NOW);
    if (library == nullptr) {
      std::fprintf(stderr, "%s\n", dlerror());
      return 1;
    }
    const auto work = reinterpret_cast<uint64_t (*)(uint64_t)>(dlsym(library, "work_in_late_library"));
    for (const auto end = deadline_after(slice_seconds); Clock::now() < end;) value = work(value);
    dlclose(library);
  }
  return value == 0;
}
