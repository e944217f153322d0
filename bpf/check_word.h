/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The check word: 32 bits made of the bytes of an object that never change while it lives. BPF sends it with an
 * address; whoever reads the object later makes it again, and knows by a difference that another object has taken the
 * place. Plain C, for BPF, C++ and tests. No protection against a process that wants to fool its own profile.
 */
#ifndef SPLITPROF_CHECK_WORD_H
#define SPLITPROF_CHECK_WORD_H

#include <linux/types.h>

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

#define SP_MAX_CHECK_WORDS 12 /* words of 8 bytes */

/* One step; begins with SP_CHECK_SEED. The multiplier is 2^64 divided by the golden ratio, made odd. */
#define SP_CHECK_SEED 0x9e3779b97f4a7c15ull

static __always_inline __u64 sp_check_add(__u64 state, __u64 word)
{
	state = (state ^ word) * 0x9e3779b97f4a7c15ull;
	return state ^ (state >> 29);
}

/* Never 0, which stands for "not known". */
static __always_inline __u32 sp_check_end(__u64 state)
{
	__u32 word = (__u32)(state >> 32);

	return word ? word : 1;
}

#endif
