/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The registers with which the user's code will go on, read from the interrupt or from the entry into the kernel. */
#ifndef SPLITPROF_REGISTERS_BPF_H
#define SPLITPROF_REGISTERS_BPF_H

#include "walk.bpf.h"

/* Fills walk->registers, the program counter behind them; returns the code segment. */
static __always_inline __u64 read_user_registers(struct bpf_perf_event_data *context, struct sp_walk *walk,
						 struct task_struct *task)
{
	struct pt_regs___x86 *saved;
	__u64 *registers = walk->registers;
	__u64 code_segment;

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
		registers[16] = context->regs.rip;
		code_segment = context->regs.cs;
		sp_barrier(
			code_segment); /* or clang loads by a pointer to either: no verifier takes that for the context */
		return code_segment;
	}
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
	registers[16] = saved->ip;
	return saved->cs & 0xffff; /* the upper bits hold other things with FRED */
}

#endif
