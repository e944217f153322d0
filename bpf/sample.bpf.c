/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The perf event's entry: who was running, with which registers; then the walk, then the record. Runs in the timer
 * interrupt of one CPU with interrupts off, never nested in itself (bpf_prog_active in kernel/events/core.c).
 */
#include "interpreter.bpf.h"
#include "registers.bpf.h"

#define SP_USER_CS 0x33 /* __USER_CS, arch/x86/include/asm/segment.h; 32-bit programs have 0x23 */

static __always_inline __u64 start_time_of(struct task_struct *task)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);

	if (bpf_core_field_exists(leader->start_boottime))
		return BPF_CORE_READ(leader, start_boottime);
	return BPF_CORE_READ((struct task_struct___old *)leader, real_start_time);
}

/* Where the walk begins. Not 0: there are no user registers, and the reason is in sample.end. */
static __always_inline int begin_walk(struct bpf_perf_event_data *context, struct sp_walk *walk,
				      struct task_struct *task)
{
	__u64 code_segment = read_user_registers(context, walk, task);

	walk->pc = walk->registers[SP_REGISTER_PC];
	walk->sp = walk->registers[SP_REGISTER_SP];
	walk->fp = walk->registers[SP_REGISTER_FP];
	walk->registers_known = 1;
	walk->exact = 1;
	if (!walk->pc)
		return sp_stop(walk, SP_COUNT_no_registers);
	if (code_segment != SP_USER_CS)
		return sp_stop(walk, SP_COUNT_user_32bit);
	return 0;
}

/* The mapping list of the process, or why there is nothing to walk with. */
static __always_inline int find_process(struct sp_walk *walk, struct task_struct *task)
{
	__u32 tgid = walk->sample.pid;
	struct sp_proc *proc = bpf_map_lookup_elem(&procs, &tgid);
	struct sp_proc denied = {.flags = SP_PROC_DENIED};

	if (!proc && is_denied(task, identity_of(BPF_CORE_READ(task, mm, exe_file)))) {
		bpf_map_update_elem(&procs, &tgid, &denied, BPF_ANY); /* a failure is made good by the next sample */
		proc = &denied;
	}
	if (proc && proc->flags & SP_PROC_DENIED) {
		walk->sample.flags |= SP_SAMPLE_DENIED;
		return sp_stop(walk, SP_COUNT_denied);
	}
	if (!proc || !proc->list) {
		sp_push(walk, SP_FRAME_HEADER(SP_FRAME_NATIVE, 1, 0, 0), walk->pc);
		return sp_stop(walk, SP_COUNT_unknown_process);
	}
	walk->list = proc->list;
	walk->n_mappings = proc->n_mappings;
	walk->list_generation = proc->generation;
	walk->thread_pointer = BPF_CORE_READ(task, thread.fsbase);
	sp_begin_native(walk);
	sp_begin_interpreters(walk, proc->runtimes);
	return 0;
}

static __always_inline int take_sample(struct bpf_perf_event_data *context)
{
	struct sp_walk *walk = find_walk();
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 id = bpf_get_current_pid_tgid();
	struct sp_sample *sample;

	count(SP_COUNT_samples_taken, 1);
	if (!walk) {
		count(SP_COUNT_no_walk_slot, 1);
		count(SP_COUNT_ring_lost, 1);
		return 0;
	}
	sample = &walk->sample;
	sample->kind = SP_RECORD_SAMPLE;
	sample->time_ns = sp_now();
	sample->start_time_ns = start_time_of(task);
	sample->cgroup_id = bpf_get_current_cgroup_id();
	sample->value = 1;
	sample->stack_address = 0;
	sample->pid = id >> 32;
	sample->tid = id;
	sample->cpu = bpf_get_smp_processor_id();
	sample->sample_kind = SP_SAMPLE_ON_CPU;
	sample->flags = context->regs.cs & 3 ? 0 : SP_SAMPLE_IN_KERNEL;
	sample->end = 0;
	sample->n_kernel = 0;
	sample->n_cells = 0;
	sample->stack_bytes = 0;
	sample->n_registers = 0;
	bpf_get_current_comm(sample->comm, sizeof(sample->comm));
	walk->steps = 0;
	walk->has_news = 0;

	if (BPF_CORE_READ(task, flags) & SP_PF_KTHREAD || !BPF_CORE_READ(task, mm)) {
		sample->flags |= SP_SAMPLE_KERNEL_THREAD;
		sample->end = SP_COUNT_no_user_stack;
	} else if (!begin_walk(context, walk, task) && !find_process(walk, task)) {
		drive(walk);
	}
	finish(context, walk, task);
	return 0;
}

SEC("perf_event")
int sample(struct bpf_perf_event_data *context)
{
	return take_sample(context);
}
