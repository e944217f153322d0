/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What all interpreters have in common: a native frame in the interpreter's main loop stands for frames of a script.
 * There the native step hands over to the interpreter's, which pushes those frames and hands back at the next boundary
 * to C. Each interpreter has a cursor, which only ever goes on towards the root.
 */
#ifndef SPLITPROF_INTERPRETER_BPF_H
#define SPLITPROF_INTERPRETER_BPF_H

#include "walk.bpf.h"

/* Takes the process's interpreters into the walk. */
static __always_inline void sp_begin_interpreters(struct sp_walk *walk, const __u32 *references)
{
	int i, j;

	walk->unwinder = 0;
	walk->in_loop = 0;
	walk->draining = 0;
	walk->memo_code = 0;
	walk->memo_check = 0;
	walk->has_news = 0;
	walk->n_loops = 0;
	for (i = 0; i < SP_MAX_PROCESS_RUNTIMES; i++) {
		__u32 reference = references[i];
		struct sp_runtime *runtime;

		walk->cursors[i].runtime = 0;
		walk->cursors[i].state = SP_CURSOR_NEW;
		if (!reference)
			continue;
		runtime = sp_find_runtime(SP_RUNTIME_REF_INDEX(reference));
		if (!runtime ||
		    (runtime->generation & SP_RUNTIME_GENERATION_MASK) != SP_RUNTIME_REF_GENERATION(reference)) {
			sp_count(SP_COUNT_runtime_stale);
			continue;
		}
		walk->cursors[i].runtime = reference;
		for (j = 0; j < SP_MAX_CODE_RANGES; j++) {
			__u32 n = walk->n_loops;
			struct sp_loop *loop;

			if (j >= runtime->n_ranges || n >= SP_MAX_LOOPS)
				break;
			sp_barrier(n);
			loop = &walk->loops[n & (SP_MAX_LOOPS - 1)];
			loop->start = runtime->ranges[j].start;
			loop->length = runtime->ranges[j].length;
			loop->cursor = i;
			loop->kind = runtime->kind;
			walk->n_loops = n + 1;
		}
	}
}

/* Is pc in an interpreter's loop whose frames are not recorded yet? Then that one's step is next. */
static __always_inline int sp_enter_loop(struct sp_walk *walk)
{
	__u64 address = walk->pc - !walk->exact;
	__u32 i;

	for (i = 0; i < SP_MAX_LOOPS; i++) {
		const struct sp_loop *loop = &walk->loops[i];

		if (i >= walk->n_loops)
			return 0;
		if (address - loop->start >= loop->length)
			continue;
		walk->in_loop = 1;
		walk->run_end = 0;
		walk->active = loop->cursor;
		walk->unwinder = loop->kind;
		return 1;
	}
	return 0;
}

static __always_inline struct sp_cursor *sp_active_cursor(struct sp_walk *walk)
{
	__u32 active = walk->active;

	sp_barrier(active);
	return &walk->cursors[active & (SP_MAX_PROCESS_RUNTIMES - 1)];
}

/* The value of the cursor's interpreter; 0: its frames are all recorded, or it was replaced meanwhile. */
static __always_inline const struct sp_runtime *sp_active_runtime(struct sp_cursor *cursor)
{
	const struct sp_runtime *runtime;

	if (cursor->state == SP_CURSOR_DONE)
		return 0;
	runtime = sp_find_runtime(SP_RUNTIME_REF_INDEX(cursor->runtime));
	if (!runtime ||
	    (runtime->generation & SP_RUNTIME_GENERATION_MASK) != SP_RUNTIME_REF_GENERATION(cursor->runtime)) {
		sp_count(SP_COUNT_runtime_stale);
		cursor->state = SP_CURSOR_DONE;
		return 0;
	}
	return runtime;
}

/* With the native walk over, an interpreter with frames left is next; not 0: there is none. */
static __always_inline int sp_drain_next(struct sp_walk *walk)
{
	int i;

	for (i = 0; i < SP_MAX_PROCESS_RUNTIMES; i++) {
		struct sp_cursor *cursor = &walk->cursors[i];
		const struct sp_runtime *runtime;

		if (!cursor->runtime)
			continue;
		runtime = sp_active_runtime(cursor);
		if (!runtime)
			continue;
		walk->active = i;
		walk->unwinder = runtime->kind;
		return 0;
	}
	return 1;
}

/*
 * The native walk is over. When it did not reach the outermost frame, what the interpreters run is still known: a stack
 * without some frames of C says more than one that stops in the middle.
 */
static __always_inline int sp_drain(struct sp_walk *walk)
{
	int i;

	if (walk->draining)
		return 1;
	if (walk->sample.end == SP_COUNT_complete) {
		for (i = 0; i < SP_MAX_PROCESS_RUNTIMES; i++)
			if (walk->cursors[i].runtime && walk->cursors[i].state == SP_CURSOR_ENTRY)
				sp_count(SP_COUNT_interpreter_left);
		return 1;
	}
	if (sp_drain_next(walk))
		return 1;
	walk->draining = 1;
	sp_count(SP_COUNT_interpreter_drained);
	return 0;
}

/* A function with that check word was found: is it one that nobody has met lately? */
static __always_inline void sp_meet(struct sp_walk *walk, __u32 check)
{
	struct sp_met *met_now = sp_find_met();
	__u32 place = check & (SP_MET_FUNCTIONS - 1);

	if (!met_now || !check || met_now->checks[place] == check)
		return;
	met_now->checks[place] = check;
	walk->has_news = 1;
}

/* This run of the loop is recorded: what comes next, native frames or, without any, another interpreter? */
static __always_inline int sp_leave_loop(struct sp_walk *walk, struct sp_cursor *cursor, int state)
{
	cursor->state = state;
	walk->unwinder = 0;
	return walk->draining ? sp_drain_next(walk) : 0;
}

/* The thread's own variable that the interpreter keeps its state in; 0: it cannot be read, or is 0. */
static __always_inline __u64 sp_thread_local(struct sp_walk *walk, const struct sp_runtime *runtime)
{
	__u64 *words = walk->words;
	__u64 address;

	switch (runtime->tls_access) {
	case SP_TLS_OFFSET:
		address = walk->thread_pointer + runtime->tls_value;
		break;
	case SP_TLS_GOT_OFFSET:
		if (sp_read_user(words, 8, runtime->tls_value))
			return 0;
		address = walk->thread_pointer + words[0];
		break;
	case SP_TLS_GOT_PAIR:
		/*
		 * The module's block from the thread's vector, whose entries are 16 bytes in glibc and 8 in musl
		 * (glibc: sysdeps/generic/dl-dtv.h, dtv_t; musl: src/thread/__tls_get_addr.c). The vector's address
		 * is the thread control block's second word (sysdeps/x86_64/nptl/tls.h, tcbhead_t).
		 */
		if (sp_read_user(words, 16, SP_TLS_SLOT_ADDRESS(runtime->tls_value)))
			return 0;
		address = words[1] + SP_TLS_SLOT_DISTANCE(runtime->tls_value);
		words[1] = words[0];
		if (sp_read_user(&words[2], 8, walk->thread_pointer + 8))
			return 0;
		if (sp_read_user(words, 8, words[2] + (words[1] << (runtime->storage == SP_STORAGE_ARRAY ? 3 : 4))))
			return 0;
		if (words[0] == ~0ull) /* TLS_DTV_UNALLOCATED */
			return 0;
		address += words[0];
		break;
	default:
		return 0;
	}
	return sp_read_user(words, 8, address) ? 0 : words[0];
}

/* What pthread_getspecific(key) gives in this thread; 0: nothing. */
static __always_inline __u64 sp_thread_specific(struct sp_walk *walk, const struct sp_runtime *runtime, __u32 key)
{
	__u64 *words = walk->words;
	__u64 at = walk->thread_pointer + runtime->storage_offset;

	if (key >= 1024) /* PTHREAD_KEYS_MAX of glibc; musl has 128 */
		return 0;
	if (runtime->storage == SP_STORAGE_BLOCKS) {
		if (sp_read_user(words, 8, at + (key >> 5) * 8) || !words[0])
			return 0;
		at = words[0] + (key & 31) * 16 + 8;
	} else if (runtime->storage == SP_STORAGE_ARRAY) {
		if (sp_read_user(words, 8, at) || !words[0])
			return 0;
		at = words[0] + key * 8;
	} else {
		return 0;
	}
	return sp_read_user(words, 8, at) ? 0 : words[0];
}

#endif
