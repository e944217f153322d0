/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What every unwinder does to a walk: push a frame, or end it with a name. */
#ifndef SPLITPROF_WALK_BPF_H
#define SPLITPROF_WALK_BPF_H

#include "env.bpf.h"
#include "walk.h"

/* Ends the walk: what a step returns when there is no next frame. `why` is one of counters.def's first numbers. */
static __always_inline int sp_stop(struct sp_walk *walk, __u16 why)
{
	walk->sample.end = why;
	return 1;
}

/* The leaf-most cells stay, later ones go round the ring behind them. */
static __always_inline struct sp_cell *sp_cell_at(struct sp_walk *walk, __u32 n)
{
	__u32 index = n < SP_LEAF_CELLS ? n : SP_LEAF_CELLS + ((n - SP_LEAF_CELLS) & (SP_ROOT_CELLS - 1));

	sp_barrier(index); /* a bound on a copy of the register is no bound to Linux 5.4's verifier */
	return (struct sp_cell *)&walk->data[(index & (SP_MAX_CELLS - 1)) * sizeof(struct sp_cell)];
}

static __always_inline void sp_push(struct sp_walk *walk, __u64 header, __u64 word)
{
	__u32 n = walk->sample.n_cells;
	struct sp_cell *cell = sp_cell_at(walk, n);

	walk->sample.n_cells = n + 1;
	cell->header = header;
	cell->word = word;
}

static __always_inline __u32 sp_word(const struct sp_chunk *chunk, __u32 index)
{
	return chunk->words[index & (SP_CHUNK_WORDS - 1)];
}

static __always_inline __u64 sp_long(const struct sp_chunk *chunk, __u32 index)
{
	return sp_word(chunk, index) | (__u64)sp_word(chunk, index + 1) << 32;
}

#endif
