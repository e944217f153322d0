/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The one object: all programs share the maps and inline each other's functions, so they are one source to clang. */
#include <linux/bpf.h>
#include <asm/ptrace.h>
#include <linux/bpf_perf_event.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "vmlinux/kernel.h"

#include "maps.bpf.h"
#include "deny.bpf.h"
#include "drive.bpf.h"
#include "stack_copy.bpf.c"
#include "stop.bpf.c"
#include "sample.bpf.c"
#include "process.bpf.c"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
