// SPDX-License-Identifier: Apache-2.0
//
// Bodies: one request's body a group, begun and not yet full. A body is handed out as soon as the next document would
// make it longer than it may be; a longer document goes alone. What one batch may make of itself is bounded, too, as a
// few bytes of a hostile one can stand for a long document.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>

#include "processor/elasticsearch/group.h"
#include "processor/pipelines/message.h"
#include "processor/telemetry/exporter_metrics.h"

namespace splitprof::elasticsearch {

class Bodies {
 public:
  using Out = std::function<void(Message)>;

  // Of the documents of one batch. Honest batches of the profiler's are a thousandth of that.
  static constexpr uint64_t kMaxBatchBytes = 256u << 20;

  Bodies(uint64_t max_bytes, ExporterMetrics& metrics, Out out);

  void begin_batch() { batch_bytes_ = 0; }
  // The batch has made as much of itself as it may.
  bool batch_is_full() const { return batch_bytes_ >= kMaxBatchBytes; }

  // Where the next document goes: an action line and a line of its own, each with its end of line; then end().
  std::string& begin(Group group);
  void end(Group group, uint32_t samples = 0);
  void flush();
  uint64_t bytes() const;

 private:
  struct Body {
    std::string text;
    size_t begin = 0;  // of the document that is being written
    uint32_t items = 0, samples = 0;
  };

  void hand_out(Group group, Body& body);

  static constexpr size_t kGroups = 6;
  Body& of(Group group) { return bodies_[static_cast<size_t>(group) - 1]; }

  uint64_t max_bytes_;
  ExporterMetrics& metrics_;
  Out out_;
  std::array<Body, kGroups> bodies_;
  uint64_t batch_bytes_ = 0;
};

}  // namespace splitprof::elasticsearch
