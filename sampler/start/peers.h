// SPDX-License-Identifier: Apache-2.0
//
// Who may be the processor: decided by the user and group of a connection's other end. The policy is made at start,
// when users can still be looked up.
#pragma once

#include <sys/types.h>

#include <vector>

namespace splitprof {

struct PeerPolicy {
  std::vector<uid_t> uids;  // allowed besides the sampler's own
  std::vector<gid_t> gids;
};

// What the options allow, and the processor's own user.
PeerPolicy peer_policy(std::vector<uid_t> uids, std::vector<gid_t> gids);
// A refusal is logged with what would allow it.
bool peer_is_allowed(int connection, const PeerPolicy& policy);

}  // namespace splitprof
