/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a record carries when the walk ended for want of a table: the leaf's registers and the user stack from the stack
 * pointer up to the first unreadable page. The processor walks it with the same unwinder, once it has the tables. Two
 * token buckets bound what that may cost; see abi.h.
 */
#include "bucket.h"
#include "registers.bpf.h"
#include "walk.bpf.h"

#define COPY_PAGE 4096

/* Ends that more knowledge would have avoided. Nothing else is copied: no denied process, kernel thread or 32-bit one. */
#define COPY_ENDS                                                                                                      \
	(1ull << SP_COUNT_unknown_process | 1ull << SP_COUNT_stale_list | 1ull << SP_COUNT_no_mapping |                \
	 1ull << SP_COUNT_stale_table | 1ull << SP_COUNT_table_pending | 1ull << SP_COUNT_ask)

static __always_inline int may_copy(struct sp_walk *walk)
{
	__u32 slot = walk->sample.pid & (SP_COPY_BUCKETS - 1);
	__u64 now = walk->sample.time_ns;
	struct sp_copy_bucket *bucket = bpf_map_lookup_elem(&copy_buckets, &slot);

	if (!bucket)
		return 0;
	if (bucket->pid != walk->sample.pid) {
		bucket->pid = walk->sample.pid;
		bucket->full_at_ns = 0;
	}
	if (!sp_take_token(&bucket->full_at_ns, now, SP_COPY_PROCESS_TOKEN_NS, SP_COPY_PROCESS_BURST)) {
		count(SP_COUNT_stack_copies_limited_process, 1);
		return 0;
	}
	if (!sp_take_token(&walk->copies_full_at_ns, now, SP_COPY_CPU_TOKEN_NS, SP_COPY_CPU_BURST)) {
		count(SP_COUNT_stack_copies_limited_cpu, 1);
		return 0;
	}
	return 1;
}

/* Appends to walk->data, of which `bytes` are in use; returns how many are then. */
static __always_inline __u64 copy_stack(struct bpf_perf_event_data *context, struct sp_walk *walk,
					struct task_struct *task, __u64 bytes)
{
	__u64 address, left = SP_MAX_STACK_BYTES;
	int i;

	if (!(COPY_ENDS >> (walk->sample.end & 63) & 1) || !may_copy(walk))
		return bytes;
	read_user_registers(context, walk, task); /* the walk may have come across a signal frame */
	sp_barrier(bytes);
	if (bytes > SP_MAX_CELLS * sizeof(struct sp_cell) + SP_MAX_KERNEL_FRAMES * 8)
		return bytes;
	bpf_probe_read_kernel(&walk->data[bytes], SP_N_REGISTERS * 8, walk->registers);
	walk->sample.n_registers = SP_N_REGISTERS;
	bytes += SP_N_REGISTERS * 8;

	address = walk->registers[SP_REGISTER_SP];
	walk->sample.stack_address = address;
	for (i = 0; i <= SP_MAX_STACK_BYTES / COPY_PAGE; i++) {
		__u64 piece = COPY_PAGE - (address & (COPY_PAGE - 1));

		if (piece > left)
			piece = left;
		sp_barrier(piece);
		sp_barrier(bytes);
		if (!piece || piece > COPY_PAGE || bytes > SP_DATA_BYTES)
			break;
		if (bpf_probe_read_user(&walk->data[bytes], piece, (const void *)address))
			break;
		address += piece;
		bytes += piece;
		left -= piece;
	}
	walk->sample.stack_bytes = SP_MAX_STACK_BYTES - left;
	count(left == SP_MAX_STACK_BYTES ? SP_COUNT_stack_copies_unreadable : SP_COUNT_stack_copies, 1);
	count(SP_COUNT_stack_copy_bytes, walk->sample.stack_bytes);
	return bytes;
}
