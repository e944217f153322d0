/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where every walk ends: kernel frames, what the processor may go on with, the record, and the counts. */
#include "bucket.h"
#include "interpreter.bpf.h"

/* Is there a function whose name should be read before it is gone? */
static __always_inline int wants_names_soon(struct sp_walk *walk)
{
	if (!walk->has_news ||
	    !sp_take_token(&walk->wakes_full_at_ns, walk->sample.time_ns, SP_WAKE_TOKEN_NS, SP_WAKE_BURST))
		return 0;
	count(SP_COUNT_wakes_for_names, 1);
	return 1;
}

static __always_inline void finish(struct bpf_perf_event_data *context, struct sp_walk *walk, struct task_struct *task)
{
	struct sp_sample *sample = &walk->sample;
	__u32 n_cells = sample->n_cells;
	__u64 bytes = (n_cells < SP_MAX_CELLS ? n_cells : SP_MAX_CELLS) * sizeof(struct sp_cell);
	__u64 size;
	int wake;

	if (sample->flags & SP_SAMPLE_IN_KERNEL) {
		long got;

		sp_barrier(bytes);
		if (bytes > SP_MAX_CELLS * sizeof(struct sp_cell))
			return;
		got = bpf_get_stack(context, &walk->data[bytes], SP_MAX_KERNEL_FRAMES * 8, 0);
		if (got > 0) {
			sample->n_kernel = got / 8;
			bytes += sample->n_kernel * 8;
		} else {
			count(SP_COUNT_kernel_stack_failed, 1);
		}
	}
	size = sizeof(*sample) + copy_stack(context, walk, task, bytes);
	sample->size = size;
	if (n_cells > SP_MAX_CELLS)
		count(SP_COUNT_gaps, 1);
	count(sample->end & (SP_COUNT_MAX - 1), 1);
	count(SP_COUNT_frames, n_cells);
	count(SP_COUNT_kernel_frames, sample->n_kernel);
	sample->walk_ns = sp_now() - sample->time_ns;
	count(SP_COUNT_walk_ns, sample->walk_ns);
	sp_barrier(size);
	if (size > sizeof(*sample) + SP_DATA_BYTES)
		return;
	/*
	 * Nobody is woken for a few records: user space looks at the ring ten times a second anyway. But the sooner it
	 * hears of a new process, the sooner that one's stacks are whole. One that stays unknown, as nobody wants it,
	 * soon has no more tokens for copies, and wakes nobody either.
	 */
	wake = (sample->end == SP_COUNT_unknown_process && sample->n_registers) || wants_names_soon(walk) ||
	       bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > SP_RING_WAKE_BYTES;
	if (bpf_ringbuf_output(&ring, sample, size, wake ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP))
		count(SP_COUNT_ring_lost, 1);
}
