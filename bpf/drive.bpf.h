/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Drives the step functions with bpf_loop (Linux 5.17): one program, verified once, however deep the stack. */
#ifndef SPLITPROF_DRIVE_BPF_H
#define SPLITPROF_DRIVE_BPF_H

#include "runtimes.bpf.h"

static __always_inline struct sp_walk *find_walk(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&walks, &cpu);
}

static long loop_step(__u32 index, void *context)
{
	struct sp_walk *walk = find_walk();

	return walk ? sp_step(walk) : 1;
}

static __always_inline void drive(struct sp_walk *walk)
{
	walk->sample.end = SP_COUNT_too_many_frames; /* unless a step says why */
	bpf_loop(SP_MAX_STEPS, loop_step, 0, 0);
}

#endif
