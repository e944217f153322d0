// SPDX-License-Identifier: Apache-2.0
//
// SymbolLoader: has workers find the names, lines and inlined functions that a profile needs, and hands them to the
// SymbolStore. Only addresses that are shown are looked up, in one batch for each executable; what an executable leaves
// out is looked for in its debug files, which are asked for once. Main thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "processor/ingest/questions.h"
#include "processor/processes/executables.h"
#include "processor/symbols/symbol_store.h"
#include "processor/telemetry/metrics.h"
#include "processor/traces/profile.h"

namespace splitprof {

class SymbolLoader {
 public:
  // A mapping of the executable in a process that still runs, by whose right its debug files are opened; a process of
  // 0: there is none.
  using FindUser = std::function<OpenBy(const Executable&)>;

  SymbolLoader(Questions& questions, Executables& executables, FindUser find_user, SymbolStore& store, Metrics& metrics)
      : questions_(questions),
        executables_(executables),
        find_user_(std::move(find_user)),
        store_(store),
        metrics_(metrics) {}
  SymbolLoader(const SymbolLoader&) = delete;
  SymbolLoader& operator=(const SymbolLoader&) = delete;

  // Reads the kernel's symbols, unless what is there is of this `version` (a count of changes) already.
  void load_kernel(uint64_t version);
  // Begins to look up what the profile's frames need and is not known. True: nothing is on its way any more, names are
  // as good as they get. To be called again, after some event, until it is.
  bool load_for(const Profile& profile);

 private:
  // What is known of an executable's debug files.
  struct Source {
    enum class State { unknown, inspecting, asking, ready };
    State state = State::unknown;
    Inspected inspected;
    std::unique_ptr<ReadableFile> debug, alternate;  // null: there is none, or lent to a worker
    uint64_t last_used = 0;                          // of uses_
  };
  struct Batch;

  void collect(const Profile& profile);
  void set_busy(uint32_t place) { busy_[place] = profile_number_; }
  bool is_waiting() const;
  bool advance(uint32_t place);
  void inspect_file(Executable& executable, Source& source);
  void ask_debug_file(uint32_t place, bool by_link);
  void on_debug_file(uint32_t place, bool by_link, Result<std::unique_ptr<ReadableFile>> file);
  void ask_alternate_file(uint32_t place, bool by_name);
  void on_alternate_file(uint32_t place, bool by_name, Result<std::unique_ptr<ReadableFile>> file);
  void settle(uint32_t place);
  void resolve(Executable& executable, Source& source, std::vector<ElfAddress> addresses);
  void on_resolved(uint32_t place, Result<Resolved> resolved);
  void close_debug_files();

  Questions& questions_;
  Executables& executables_;
  FindUser find_user_;
  SymbolStore& store_;
  Metrics& metrics_;
  bool kernel_known_ = false;
  uint64_t kernel_version_ = 0;
  size_t on_their_way_ = 0;
  std::map<uint32_t, Source> sources_;  // by executable
  uint64_t uses_ = 0;

  // Of the profile that is being named.
  const Profile* profile_ = nullptr;                    // null: none
  std::map<uint32_t, std::vector<ElfAddress>> wanted_;  // not begun with yet, ascending
  uint64_t profile_number_ = 0;
  // By executable: a job has its file, or an answer is awaited, since the profile of that number. A job that hangs
  // never comes back; the next profile does not wait for it.
  std::map<uint32_t, uint64_t> busy_;
};

}  // namespace splitprof
