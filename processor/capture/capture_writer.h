// SPDX-License-Identifier: Apache-2.0
//
// CaptureWriter: an Input that passes everything on from a live one and logs it: events in the order in which they are
// handed out, and every read of every file. Main thread; the files that it hands out log from whichever thread reads.
// The host's name, its machine id and boot id are never stored: nothing that is computed needs them.
#pragma once

#include <memory>

#include "processor/capture/log.h"
#include "processor/ingest/input.h"
#include "processor/telemetry/metrics.h"

namespace splitprof {

class CaptureWriter final : public Input {
 public:
  // `fd` stays the caller's; what is written is complete once finish() was called.
  CaptureWriter(Input& live, Metrics& metrics, int fd, const SessionEntry& session, CaptureLog::Limits limits);

  Event next() override;
  void ask(Ticket ticket, Question question) override;
  void start(std::unique_ptr<Job> job) override;

  // Not after it was full: that is said in the log and by the capture itself. An error: it could not be written.
  Result<> finish();

 private:
  Input& live_;
  Metrics& metrics_;
  // shared_ptr: a worker that hung and was left behind may read long after this object is gone.
  std::shared_ptr<CaptureLog> log_;
  JobNumber jobs_ = 0;
  CapturedFile files_ = 0;
  bool warned_ = false;
};

}  // namespace splitprof
