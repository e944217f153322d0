/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who owns which mapping list, kept by the kernel itself: copied at fork, gone at exec and exit. So a forked child has
 * its tables at its first sample, and user space may lag behind but is never wrong about whose table it is.
 */
#include "walk.bpf.h"

SEC("raw_tp/sched_process_fork")
int process_fork(struct bpf_raw_tracepoint_args *context)
{
	struct task_struct *parent = (struct task_struct *)context->args[0];
	struct task_struct *child = (struct task_struct *)context->args[1];
	__u32 parent_tgid = BPF_CORE_READ(parent, tgid);
	__u32 child_tgid = BPF_CORE_READ(child, tgid);
	struct sp_proc *proc, copy;

	if (parent_tgid == child_tgid) /* a thread */
		return 0;
	proc = bpf_map_lookup_elem(&procs, &parent_tgid);
	if (!proc)
		return 0;
	copy = *proc;
	count(bpf_map_update_elem(&procs, &child_tgid, &copy, BPF_ANY) ? SP_COUNT_forks_lost : SP_COUNT_forks_copied,
	      1);
	return 0;
}

SEC("raw_tp/sched_process_exec")
int process_exec(struct bpf_raw_tracepoint_args *context)
{
	struct task_struct *task = (struct task_struct *)context->args[0];
	struct linux_binprm *program = (struct linux_binprm *)context->args[2];
	__u32 tgid = BPF_CORE_READ(task, tgid);
	struct sp_proc denied = {.flags = SP_PROC_DENIED};
	struct sp_deny_exe exe = identity_of(BPF_CORE_READ(program, file));
	struct sp_settings *settings_now;
	__u32 first = 0;
	__u64 wake = BPF_RB_NO_WAKEUP;
	struct sp_exec record = {
		.kind = SP_RECORD_EXEC,
		.size = sizeof(record),
		.time_ns = sp_now(),
		.start_time_ns = start_time_of(task),
		.pid = tgid,
		.inode = exe.inode,
		.device = exe.device,
	};

	if (is_denied(task, exe)) {
		bpf_map_update_elem(&procs, &tgid, &denied, BPF_ANY);
		record.flags = SP_SAMPLE_DENIED;
	} else {
		bpf_map_delete_elem(&procs, &tgid);
	}
	settings_now = bpf_map_lookup_elem(&settings, &first);
	if (settings_now && settings_now->wake_at_exec && !(record.flags & SP_SAMPLE_DENIED))
		wake = BPF_RB_FORCE_WAKEUP;
	if (bpf_ringbuf_output(&ring, &record, sizeof(record), wake))
		count(SP_COUNT_execs_lost, 1);
	return 0;
}

SEC("raw_tp/sched_process_exit")
int process_exit(struct bpf_raw_tracepoint_args *context)
{
	struct task_struct *task = (struct task_struct *)context->args[0];
	__u32 tgid = BPF_CORE_READ(task, tgid);

	/* The leader may go first; the process ends with its last thread. */
	if (!BPF_CORE_READ(task, signal, live.counter))
		bpf_map_delete_elem(&procs, &tgid);
	return 0;
}
