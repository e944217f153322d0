/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Everything that an unwinder needs from its surroundings: user memory, the tables, the clock. In the kernel these are
 * helpers and maps. On the host (tests, and the processor when it unwinds a stack copy) the includer defines them over
 * recorded memory; the unwinders' source is the same.
 */
#ifndef SPLITPROF_ENV_BPF_H
#define SPLITPROF_ENV_BPF_H

#include "abi.h"

#ifdef __bpf__

#define sp_barrier(variable) asm volatile("" : "+r"(variable))

/* 0, or negative when a byte of it cannot be read. */
static __always_inline long sp_read_user(void *to, __u32 size, __u64 address)
{
	return bpf_probe_read_user(to, size, (const void *)address);
}

static __always_inline __u64 sp_now(void)
{
	return bpf_ktime_get_ns();
}

static __always_inline struct sp_chunk *sp_find_chunk(__u32 slot)
{
	__u32 first = 0;
	void *inner = bpf_map_lookup_elem(&arena, &slot);

	return inner ? bpf_map_lookup_elem(inner, &first) : 0;
}

static __always_inline struct sp_executable *sp_find_executable(__u32 index)
{
	return bpf_map_lookup_elem(&executables, &index);
}

static __always_inline struct sp_rule *sp_find_rule(__u32 number)
{
	return bpf_map_lookup_elem(&rules, &number);
}

static __always_inline struct sp_runtime *sp_find_runtime(__u32 number)
{
	return bpf_map_lookup_elem(&runtimes, &number);
}

static __always_inline struct sp_met *sp_find_met(void)
{
	__u32 first = 0;

	return bpf_map_lookup_elem(&met, &first);
}

static __always_inline void sp_count(__u32 counter)
{
	count(counter, 1);
}

#else

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif
#define sp_barrier(variable) ((void)0)

#ifdef __cplusplus
extern "C" {
#endif
long sp_read_user(void *to, __u32 size, __u64 address);
__u64 sp_now(void);
struct sp_chunk *sp_find_chunk(__u32 slot);
struct sp_executable *sp_find_executable(__u32 index);
struct sp_rule *sp_find_rule(__u32 number);
struct sp_runtime *sp_find_runtime(__u32 number);
struct sp_met *sp_find_met(void); /* 0: there is no such table */
void sp_count(__u32 counter);
#ifdef __cplusplus
}
#endif

#endif
#endif
