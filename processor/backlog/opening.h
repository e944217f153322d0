// SPDX-License-Identifier: Apache-2.0
//
// Opening: what an earlier process left in a backlog's folder, as a ledger. Removes what nobody needs any more and cuts
// off what a crash left half written. Only headers are read, but for the very last record.
#pragma once

#include "processor/backlog/folder.h"
#include "processor/backlog/ledger.h"
#include "processor/telemetry/exporter_metrics.h"

namespace splitprof::backlog {

struct Found {
  Ledger ledger;
  uint64_t progress_sequence = 0;  // of the newest slot; 0: there is none
  uint64_t next_segment = 1;
};
// An error: the folder cannot be read, or another version of this program wrote in it.
Result<Found> read_folder(const Folder& folder, ExporterMetrics& metrics);

// The newest progress in the file; nothing: none is sound.
std::optional<Progress> read_progress(int fd);

}  // namespace splitprof::backlog
