// SPDX-License-Identifier: Apache-2.0
//
// SymbolLoader: has workers read the symbols that a profile needs, and hands them to the SymbolStore. Names are loaded
// when they are shown, not when a file is first seen: most files on a machine never stand in a profile. Main thread.
#pragma once

#include <unordered_set>

#include "processor/ingest/questions.h"
#include "processor/processes/executables.h"
#include "processor/symbols/symbol_store.h"
#include "processor/telemetry/metrics.h"
#include "processor/traces/profile.h"

namespace splitprof {

class SymbolLoader {
 public:
  SymbolLoader(Questions& questions, Executables& executables, SymbolStore& store, Metrics& metrics)
      : questions_(questions), executables_(executables), store_(store), metrics_(metrics) {}
  SymbolLoader(const SymbolLoader&) = delete;
  SymbolLoader& operator=(const SymbolLoader&) = delete;

  // Reads the kernel's symbols, unless what is there is of this `version` (a count of changes) already.
  void load_kernel(uint64_t version);
  // Begins to load what the profile's frames need and is not there. True: nothing is on its way any more, names are as
  // good as they get. To be called again, after some event, until it is.
  bool load_for(const Profile& profile);

 private:
  bool load(Executable& executable);

  Questions& questions_;
  Executables& executables_;
  SymbolStore& store_;
  Metrics& metrics_;
  bool kernel_known_ = false;
  uint64_t kernel_version_ = 0;
  size_t on_their_way_ = 0;
  std::unordered_set<uint32_t> done_;  // executables whose symbols were loaded, or cannot be
  std::unordered_set<uint32_t> loading_;
};

}  // namespace splitprof
