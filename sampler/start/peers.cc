// SPDX-License-Identifier: Apache-2.0
#include "sampler/start/peers.h"

#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "shared/log.h"

namespace splitprof {
namespace {

constexpr uid_t kProcessorUid = 61982;  // where no user splitprof-processor exists

}  // namespace

PeerPolicy peer_policy(std::vector<uid_t> uids, std::vector<gid_t> gids) {
  const passwd* processor = getpwnam("splitprof-processor");
  uids.push_back(processor ? processor->pw_uid : kProcessorUid);
  return {std::move(uids), std::move(gids)};
}

bool peer_is_allowed(int connection, const PeerPolicy& policy) {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) return false;
  const bool allowed = peer.uid == getuid() || std::ranges::find(policy.uids, peer.uid) != policy.uids.end() ||
                       std::ranges::find(policy.gids, peer.gid) != policy.gids.end();
  if (!allowed) log::warn("connection of uid {} gid {} refused: see --allow-uid, --allow-gid", peer.uid, peer.gid);
  return allowed;
}

}  // namespace splitprof
