/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel's own types, cut down to the fields that the programs read. Offsets are relocated when the object is
 * loaded (CO-RE), so only names and types have to fit; a suffix after ___ is left out of the name by libbpf.
 */
#ifndef SPLITPROF_KERNEL_H
#define SPLITPROF_KERNEL_H

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct super_block {
	__u32 s_dev;
};

struct inode {
	unsigned long i_ino;
	struct super_block *i_sb;
};

struct file {
	struct inode *f_inode;
};

struct linux_binprm {
	struct file *file;
};

struct cred___sp {
	struct {
		__u32 val;
	} uid;
};

struct signal_struct___sp {
	struct {
		int counter;
	} live; /* threads that have not exited */
};

struct mm_struct {
	struct file *exe_file;
};

struct task_struct___old {
	__u64 real_start_time; /* the name of start_boottime before Linux 5.5 */
};

struct thread_struct___x86 {
	unsigned long fsbase;
};

struct task_struct {
	int pid;
	int tgid;
	unsigned int flags;
	struct mm_struct *mm;
	void *stack;
	__u64 start_boottime;
	struct task_struct *group_leader;
	struct cred___sp *cred;
	struct signal_struct___sp *signal;
	struct thread_struct___x86 thread;
};

/* Not uapi's struct pt_regs, whose fields have other names. */
struct pt_regs___x86 {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, ip, sp;
	unsigned long cs;
};

#pragma clang attribute pop

#define SP_PF_KTHREAD 0x00200000 /* include/linux/sched.h */

#endif
