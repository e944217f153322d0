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
/* What an interpreter's own frames may take when the native walk has ended early, perhaps because of its time. */
#define SP_MAX_DRAIN_NS 200000
#define SP_MAX_LOOPS 8 /* code ranges of all of a process's interpreters */
#define SP_MEMOS 16    /* a power of 2 */

#define SP_DATA_BYTES (SP_MAX_CELLS * 16 + SP_MAX_KERNEL_FRAMES * 8 + SP_MAX_REGISTERS * 8 + SP_MAX_STACK_BYTES)

/* How far the chain of one interpreter's frames has been followed. */
enum sp_cursor_state {
	SP_CURSOR_NEW = 0,
	SP_CURSOR_ENTRY = 1,   /* before the innermost frame of a run of the loop */
	SP_CURSOR_RUNNING = 2, /* in the middle of one */
	SP_CURSOR_DONE = 3,
};
struct sp_cursor {
	__u64 frame;   /* the next one, before and in a run */
	__u64 more[2]; /* what else the interpreter has to know; CPython: where the chain's base is */
	__u32 runtime; /* reference; 0: none */
	__u32 state;   /* enum sp_cursor_state */
};
struct sp_loop {
	__u64 start, length;
	__u32 cursor; /* whose loop it is */
	__u32 kind;   /* enum sp_runtime_kind */
};

/* What a return address was last found to need, in this walk: recursions come by the same ones again and again. */
struct sp_memo {
	__u64 pc; /* 0: nothing */
	__u64 rule;
};

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
	struct sp_memo memos[SP_MEMOS];
	/* Interpreters of the process. */
	__u64 thread_pointer;
	struct sp_cursor cursors[SP_MAX_PROCESS_RUNTIMES];
	struct sp_loop loops[SP_MAX_LOOPS];
	__u32 n_loops;
	__u32 unwinder; /* whose step is next: enum sp_runtime_kind; 0: native */
	__u32 active;	/* that one's cursor */
	__u32 in_loop;	/* the frames that the loop at pc runs are recorded */
	__u32 draining; /* the native walk is over */
	__u32 memo_check;
	__u32 has_news; /* an interpreter's function that was not met lately */
	__u32 pad2;
	__u64 run_end;	 /* what the loop of the last run has on its stack; 0: nothing that is known */
	__u64 memo_code; /* the code object read last, of which memo_check was made */
	/* Loop-carried values of the searches. In map memory and volatile, or the verifier follows each of them. */
	volatile __u32 low, length;
	__u32 pad;
	__u64 words[17];	 /* a signal frame's registers, read at once */
	__u64 copies_full_at_ns; /* bucket of this CPU's stack copies; outlives the walk */
	__u64 wakes_full_at_ns;	 /* likewise, of its wake-ups for names */
	struct sp_sample sample; /* from here on: the record */
	__u8 data[SP_DATA_BYTES +
		  4096]; /* a page more than a record may have: the bound that the verifier understands */
};

#endif
