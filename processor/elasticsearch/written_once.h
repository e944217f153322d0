// SPDX-License-Identifier: Apache-2.0
//
// WrittenOnce: which documents the server has and need not be sent again for three hours. They are sent again then
// because readers look only at indices of the time that they ask about, six hours more at most, and the index that has
// a document may be closed for writing by then. Export thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "processor/elasticsearch/sent_cache.h"

namespace splitprof::elasticsearch {

struct WrittenOnce {
  explicit WrittenOnce(uint64_t seed);

  // The document of this action line was not taken: it is to be written again. Lines of no document that is written
  // once are ignored.
  void forget(std::string_view action_line);
  void forget_all();
  size_t memory_bytes() const;

  // By the text of the document's id; hosts by the text of theirs.
  SentCache stacktraces, stackframes, executables, leaf_frame_requests, executable_requests, hosts;
};

}  // namespace splitprof::elasticsearch
