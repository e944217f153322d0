/* SPDX-License-Identifier: Apache-2.0 */
#include "processor/unwind/host_steps.h"

#include "bpf/runtimes.bpf.h"

void sp_host_steps(struct sp_walk* walk, __u32 max_steps) {
  __u32 i;

  sp_begin_native(walk);
  walk->sample.end = SP_COUNT_too_many_frames;
  for (i = 0; i < max_steps; i++)
    if (sp_step(walk)) return;
}

void sp_host_begin_interpreters(struct sp_walk* walk, const __u32* references) {
  sp_begin_interpreters(walk, references);
}
