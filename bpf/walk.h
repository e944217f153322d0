/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The stack walk in progress: where it is, and the record that it becomes. It lives in map memory, one a CPU, and is
 * only ever touched with interrupts off on that CPU. Plain data, so that host code can hold one, too.
 */
#ifndef SPLITPROF_WALK_H
#define SPLITPROF_WALK_H

#include "abi.h"

/* Interrupts are off during a walk: a stack that takes longer keeps what was found. */
#define SP_MAX_WALK_NS 500000
/* Steps of one walk; the time limit comes first on every machine seen (about 0.1 us a frame). */
#define SP_MAX_STEPS 16384

#define SP_DATA_BYTES (SP_MAX_CELLS * 16 + SP_MAX_KERNEL_FRAMES * 8 + SP_MAX_REGISTERS * 8 + SP_MAX_STACK_BYTES)

struct sp_walk {
	__u64 pc, sp, fp;
	__u64 lr;			   /* arm64: valid in the innermost frame, and after a signal */
	__u64 registers[SP_MAX_REGISTERS]; /* DWARF's order; valid while registers_known */
	__u64 mapping_start;		   /* the mapping of the last frame: most often that of the next one, too */
	__u64 mapping_bytes;
	__u64 mapping_bias;
	__u32 mapping_table;
	__u32 list, n_mappings, list_generation; /* of the process */
	__u32 registers_known;
	__u32 exact;	  /* pc is an instruction, not where a call returns to */
	__u32 by_pointer; /* pc was found by frame pointer */
	__u32 steps;
	/* Loop-carried values of the searches. In map memory and volatile, or the verifier follows each of them. */
	volatile __u32 low, length;
	__u32 pad;
	__u64 words[17];	 /* a signal frame's registers, read at once */
	__u64 copies_full_at_ns; /* bucket of this CPU's stack copies; outlives the walk */
	struct sp_sample sample; /* from here on: the record */
	__u8 data[SP_DATA_BYTES +
		  4096]; /* a page more than a record may have: the bound that the verifier understands */
};

#endif
