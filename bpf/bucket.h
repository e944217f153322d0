/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A token bucket that is one number: the time at which it will be full again. Taking a token moves that time on by one
 * token's time; a bucket that needs longer than its burst to fill is empty. No division, nothing to initialise (0 is
 * full), and two CPUs that write at once cost a token too many, which is harmless. Plain C, for BPF, C++ and tests.
 */
#ifndef SPLITPROF_BUCKET_H
#define SPLITPROF_BUCKET_H

#include <linux/types.h>

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

/* Not 0: there was a token. A token comes back every `token_ns`; at most `burst` of them wait. */
static __always_inline int sp_take_token(__u64 *full_at_ns, __u64 now_ns, __u64 token_ns, __u64 burst)
{
	__u64 full_at = *full_at_ns > now_ns ? *full_at_ns : now_ns;

	if (full_at - now_ns > (burst - 1) * token_ns)
		return 0;
	*full_at_ns = full_at + token_ns;
	return 1;
}

#endif
