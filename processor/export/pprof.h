// SPDX-License-Identifier: Apache-2.0
//
// The profile as pprof reads it: profile.proto, gzipped. Values are samples and the CPU nanoseconds that they stand
// for; addresses are those of the ELF files, so that other symbolizers can use them.
#pragma once

#include <string>

#include "processor/export/names.h"
#include "processor/export/summary.h"
#include "processor/traces/profile.h"
#include "shared/result.h"

namespace splitprof {

// The uncompressed message.
std::string encode_pprof(const Profile& profile, const Names& names, const RunSummary& summary);
// Does not close `fd`.
Result<> write_pprof(const Profile& profile, const Names& names, const RunSummary& summary, int fd);

}  // namespace splitprof
