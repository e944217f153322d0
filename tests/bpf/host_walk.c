/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bpf/host_walk.h"

#include "bpf/native.bpf.c"

__u32 sp_host_walk(struct sp_walk* walk) {
  int i;

  walk->sample.end = SP_COUNT_too_many_frames;
  for (i = 0; i < SP_MAX_STEPS; i++)
    if (native_step(walk)) break;
  return walk->sample.n_cells;
}
