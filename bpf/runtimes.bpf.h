/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* All unwinders, and the one step that both drivers take: that of the unwinder whose turn it is. */
#ifndef SPLITPROF_RUNTIMES_BPF_H
#define SPLITPROF_RUNTIMES_BPF_H

#include "native.bpf.c"
#include "python.bpf.c"

/* One frame, or a change from one unwinder to another. Not 0: the walk is over. */
static __always_inline int sp_step(struct sp_walk *walk)
{
	__u64 limit = walk->draining ? SP_MAX_WALK_NS + SP_MAX_DRAIN_NS : SP_MAX_WALK_NS;
	int result;

	if ((walk->steps++ & 15) == 15 && sp_now() - walk->sample.time_ns > limit) {
		if (walk->draining)
			return 1;
		walk->unwinder = 0;
		sp_stop(walk, SP_COUNT_time);
		return sp_drain(walk);
	}
	switch (walk->unwinder) {
#define SP_RUNTIME(number, name, type)                                                                                 \
	case number:                                                                                                   \
		result = name##_step(walk);                                                                            \
		break;
#include "runtimes.def"
#undef SP_RUNTIME
	default:
		result = native_step(walk);
		if (result)
			result = sp_drain(walk);
	}
	return result;
}

#endif
