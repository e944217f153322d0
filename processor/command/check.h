// SPDX-License-Identifier: Apache-2.0
//
// `splitprof check`: prints what this host allows, what each missing thing costs and what mends it.
#pragma once

namespace splitprof {

// The exit status: 0 when recording can work.
int check_host();

}  // namespace splitprof
