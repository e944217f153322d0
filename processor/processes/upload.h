// SPDX-License-Identifier: Apache-2.0
//
// Upload: asks the sampler to install unwind tables and mapping lists in the kernel. At most one list of a process is
// on its way; what changes meanwhile waits and only the newest is sent. Main thread. Decides nothing about what belongs
// into a list.
#pragma once

#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "processor/ingest/questions.h"
#include "processor/telemetry/metrics.h"

namespace splitprof {

class Upload {
 public:
  Upload(Questions& questions, Metrics& metrics) : questions_(questions), metrics_(metrics) {}

  void install(InstallTable table, std::function<void(Result<InstalledTable>)> done);
  void remove(uint32_t table);
  // Sorted by start, at most SP_MAX_MAPPINGS.
  void set_mappings(ProcessKey process, std::vector<TableMapping> mappings);

 private:
  void send(ProcessKey process, std::vector<TableMapping> mappings);
  void on_set(ProcessKey process, const Result<AnswerValue>& answer);

  Questions& questions_;
  Metrics& metrics_;
  // Processes with a list on its way, and the one to send after it.
  std::unordered_map<ProcessKey, std::optional<std::vector<TableMapping>>> on_their_way_;
};

}  // namespace splitprof
