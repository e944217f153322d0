/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The perf event's entry: who was running, with which registers; then the walk, then the record. Runs in the timer
 * interrupt of one CPU with interrupts off, never nested in itself (bpf_prog_active in kernel/events/core.c).
 */
#include "walk.bpf.h"

#define SP_USER_CS 0x33 /* __USER_CS, arch/x86/include/asm/segment.h; 32-bit programs have 0x23 */

static __always_inline __u64 start_time_of(struct task_struct *task)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);

	if (bpf_core_field_exists(leader->start_boottime))
		return BPF_CORE_READ(leader, start_boottime);
	return BPF_CORE_READ((struct task_struct___old *)leader, real_start_time);
}

/* Fills the registers where the user's code goes on. Not 0: there are none, and the reason is in sample.end. */
static __always_inline int read_user_registers(struct bpf_perf_event_data *context, struct sp_walk *walk,
					       struct task_struct *task)
{
	struct pt_regs___x86 *saved;
	__u64 *registers = walk->registers;
	__u64 cs;

	if (!(walk->sample.flags & SP_SAMPLE_IN_KERNEL)) {
		registers[0] = context->regs.rax;
		registers[1] = context->regs.rdx;
		registers[2] = context->regs.rcx;
		registers[3] = context->regs.rbx;
		registers[4] = context->regs.rsi;
		registers[5] = context->regs.rdi;
		registers[6] = context->regs.rbp;
		registers[7] = context->regs.rsp;
		registers[8] = context->regs.r8;
		registers[9] = context->regs.r9;
		registers[10] = context->regs.r10;
		registers[11] = context->regs.r11;
		registers[12] = context->regs.r12;
		registers[13] = context->regs.r13;
		registers[14] = context->regs.r14;
		registers[15] = context->regs.r15;
		walk->pc = context->regs.rip;
		cs = context->regs.cs;
	} else {
		/* Helper of Linux 5.15. It knows where the frame is, with FRED (6.9), too. */
		saved = (struct pt_regs___x86 *)bpf_task_pt_regs(task);
		registers[0] = saved->ax;
		registers[1] = saved->dx;
		registers[2] = saved->cx;
		registers[3] = saved->bx;
		registers[4] = saved->si;
		registers[5] = saved->di;
		registers[6] = saved->bp;
		registers[7] = saved->sp;
		registers[8] = saved->r8;
		registers[9] = saved->r9;
		registers[10] = saved->r10;
		registers[11] = saved->r11;
		registers[12] = saved->r12;
		registers[13] = saved->r13;
		registers[14] = saved->r14;
		registers[15] = saved->r15;
		walk->pc = saved->ip;
		cs = saved->cs & 0xffff; /* the upper bits hold other things with FRED */
	}
	walk->sp = registers[7];
	walk->fp = registers[6];
	walk->registers_known = 1;
	walk->exact = 1;
	if (!walk->pc)
		return sp_stop(walk, SP_COUNT_no_registers);
	if (cs != SP_USER_CS)
		return sp_stop(walk, SP_COUNT_user_32bit);
	return 0;
}

/* The mapping list of the process, or why there is nothing to walk with. */
static __always_inline int find_process(struct sp_walk *walk, struct task_struct *task)
{
	__u32 tgid = walk->sample.pid;
	struct sp_proc *proc = bpf_map_lookup_elem(&procs, &tgid);
	struct sp_proc denied = {.flags = SP_PROC_DENIED};

	if (!proc && is_denied(task, BPF_CORE_READ(task, mm, exe_file))) {
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
	walk->mapping_bytes = 0;
	walk->mapping_start = 0;
	walk->by_pointer = 0;
	walk->steps = 0;

	if (BPF_CORE_READ(task, flags) & SP_PF_KTHREAD || !BPF_CORE_READ(task, mm)) {
		sample->flags |= SP_SAMPLE_KERNEL_THREAD;
		sample->end = SP_COUNT_no_user_stack;
	} else if (!read_user_registers(context, walk, task) && !find_process(walk, task)) {
		drive(walk);
	}
	finish(context, walk);
	return 0;
}

SEC("perf_event")
int sample(struct bpf_perf_event_data *context)
{
	return take_sample(context);
}
