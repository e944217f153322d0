// SPDX-License-Identifier: Apache-2.0
//
// The profile as one HTML file that needs nothing else: flamegraph.html, .css and .js of this folder, compiled in, and
// the profile as a table of texts and flat arrays. Past a number of nodes the smallest subtrees are folded into one
// that says so; no sample is left out.
#pragma once

#include <string>

#include "processor/export/names.h"
#include "processor/export/summary.h"
#include "processor/traces/profile.h"
#include "shared/result.h"

namespace splitprof {

struct FlameGraphLimits {
  size_t max_nodes = 250000;  // about 3 MB of arrays
};

// The data of the page: JSON that contains no `<`, `>` or `&`, hence nothing that HTML could take for markup.
std::string flame_graph_data(const Profile& profile, const Names& names, const RunSummary& summary,
                             FlameGraphLimits limits = {});
// Does not close `fd`.
Result<> write_flame_graph(const Profile& profile, const Names& names, const RunSummary& summary, int fd,
                           FlameGraphLimits limits = {});

}  // namespace splitprof
