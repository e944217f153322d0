/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every map. Sizes that depend on the machine are set by sampler/programs.cc before the object is loaded. */
#ifndef SPLITPROF_MAPS_BPF_H
#define SPLITPROF_MAPS_BPF_H

#include "abi.h"
#include "walk.h"

/* Unwind rows, page indexes and mapping lists; see abi.h. Inner maps are made when they are needed. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, SP_ARENA_SLOTS);
	__type(key, __u32);
	__array(
		values, struct {
			__uint(type, BPF_MAP_TYPE_ARRAY);
			__uint(max_entries, 1);
			__uint(key_size, sizeof(__u32));
			__uint(value_size, SP_CHUNK_BYTES);
		});
} arena SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SP_MAX_EXECUTABLES);
	__type(key, __u32);
	__type(value, struct sp_executable);
} executables SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SP_MAX_RULES);
	__type(key, __u32);
	__type(value, struct sp_rule);
} rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SP_MAX_RUNTIMES);
	__type(key, __u32);
	__type(value, struct sp_runtime);
} runtimes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sp_met);
} met SEC(".maps");

/* Preallocated: perf event programs may use no other hash map before Linux 6.1. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct sp_proc);
} procs SEC(".maps");

/* One walk a CPU. An array and not a per-CPU one, whose values end at 32 KiB. max_entries: possible CPUs. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sp_walk);
} walks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SP_COPY_BUCKETS);
	__type(key, __u32);
	__type(value, struct sp_copy_bucket);
} copy_buckets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sp_settings);
} settings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SP_COUNT_MAX);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} ring SEC(".maps");

/* The deny-list; the values mean nothing. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SP_MAX_DENY);
	__type(key, struct sp_deny_exe);
	__type(value, __u8);
} deny_exes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SP_MAX_DENY);
	__type(key, __u32);
	__type(value, __u8);
} deny_uids SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SP_MAX_DENY);
	__type(key, __u64);
	__type(value, __u8);
} deny_cgroups SEC(".maps");

static __always_inline void count(__u32 counter, __u64 amount)
{
	__u64 *value = bpf_map_lookup_elem(&counters, &counter);

	if (value)
		*value += amount;
}

#endif
