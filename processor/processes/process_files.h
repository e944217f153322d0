// SPDX-License-Identifier: Apache-2.0
//
// ProcessFiles: by which way the files of a process's mappings are opened. A process that lives is asked; of one that
// has ended there is what its exec took, and what other processes have opened. A process that was never sampled opens
// nothing. Main thread; the files themselves are Executables'.
#pragma once

#include <memory>

#include "processor/processes/process.h"
#include "processor/telemetry/metrics.h"

namespace splitprof {

class ProcessFiles {
 public:
  ProcessFiles(Executables& executables, Metrics& metrics) : executables_(executables), metrics_(metrics) {}

  // The file of a mapping that is about to be put into the process's list. `lives`: it can be asked.
  std::shared_ptr<MappedFile> file_of(const MappedFileKey& key, const Process& process, RuntimeAddress start,
                                      uint64_t length, bool lives, uint64_t now_ns);
  // The process was sampled: has every file opened that is not. To be called again while `awaits_program`.
  void open_all(Process& process, bool lives, uint64_t now_ns);

 private:
  void open_program(Process& process, ProcessMapping& mapping, bool lives, uint64_t now_ns);

  Executables& executables_;
  Metrics& metrics_;
};

}  // namespace splitprof
