/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The deny-list: which processes are never looked at. Asked at exec, and at the first sample of what was running before
 * the sampler started; the answer is kept in `procs` and inherited at fork.
 */
#ifndef SPLITPROF_DENY_BPF_H
#define SPLITPROF_DENY_BPF_H

#include "maps.bpf.h"

static __always_inline struct sp_deny_exe identity_of(struct file *program)
{
	struct sp_deny_exe exe = {
		.inode = BPF_CORE_READ(program, f_inode, i_ino),
		.device = BPF_CORE_READ(program, f_inode, i_sb, s_dev),
	};

	return exe;
}

/* `task` is the current one. */
static __always_inline int is_denied(struct task_struct *task, struct sp_deny_exe exe)
{
	__u64 cgroup = bpf_get_current_cgroup_id();
	__u32 uid = BPF_CORE_READ(task, cred, uid.val);

	return bpf_map_lookup_elem(&deny_exes, &exe) || bpf_map_lookup_elem(&deny_uids, &uid) ||
	       bpf_map_lookup_elem(&deny_cgroups, &cgroup);
}

#endif
