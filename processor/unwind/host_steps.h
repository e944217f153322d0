/* SPDX-License-Identifier: Apache-2.0 */
/* The unwinders of bpf/, compiled for the host: the very source that runs in the kernel. Surroundings: host_env.h. */
#pragma once

#include "bpf/walk.h"

#ifdef __cplusplus
extern "C" {
#endif

/* At most `max_steps` steps, until the walk ends. walk->sample says why it ended and how many frames were pushed. */
void sp_host_steps(struct sp_walk* walk, __u32 max_steps);
/* Takes the interpreters into the walk that a process has by these SP_MAX_PROCESS_RUNTIMES references. */
void sp_host_begin_interpreters(struct sp_walk* walk, const __u32* references);

#ifdef __cplusplus
}
#endif
