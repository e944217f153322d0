/* SPDX-License-Identifier: Apache-2.0 */
/* The unwinders of bpf/, compiled for the host: the very source that runs in the kernel. Surroundings: host_world.h. */
#pragma once

#include "bpf/walk.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Steps until the walk ends; returns how many frames were pushed. walk->sample.end says why it ended. */
__u32 sp_host_walk(struct sp_walk* walk);

#ifdef __cplusplus
}
#endif
