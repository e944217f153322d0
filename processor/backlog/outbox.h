// SPDX-License-Identifier: Apache-2.0
//
// Outbox: what one exporter still has to send, oldest first. In memory while the server keeps up; as soon as a message
// comes back unsent, or memory is full, everything goes through the backlog on disk until nothing waits there any more,
// so that order is kept. Without a backlog what does not fit is dropped, oldest first, and counted. Keeps
// samples_waiting: up at put(), down when a message leaves by whatever way. Export thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "processor/backlog/backlog.h"
#include "processor/pipelines/message.h"
#include "processor/telemetry/exporter_metrics.h"

namespace splitprof {

class Outbox {
 public:
  struct Limits {
    size_t max_messages = 10;      // in memory, leased ones included
    size_t max_bytes = 32u << 20;  // likewise, of bodies; one message may be larger
  };
  // A message that is being sent. It stays in the outbox until done() or give_back().
  struct Lease {
    uint64_t number = 0;
    std::shared_ptr<const Message> message;
  };

  // `backlog`: null keeps nothing on disk.
  Outbox(Limits limits, std::unique_ptr<Backlog> backlog, ExporterMetrics& metrics);
  ~Outbox();
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  void put(Message message);
  // The oldest message that is not being sent; nothing when there is none, or memory is full of those that are.
  std::optional<Lease> take();
  // Sent, or refused for good: it is forgotten, on disk too. Who calls it counts its samples: those of the message that
  // was taken last, or replaced it.
  void done(uint64_t number);
  // Only this is left to be sent of it: single documents that the server refused for now. Still leased; who calls it
  // counts the samples that are no longer in it.
  void replace(uint64_t number, Message rest);
  // Could not be sent: it is the next one to be taken again, and on its way to the disk.
  void give_back(uint64_t number);

  // Whatever is in memory only is to be on disk as soon as possible: the end is near.
  void save_all();
  // Nothing is waiting for the disk.
  bool settled() const;
  bool empty() const;  // neither in memory nor on disk
  void tick(uint64_t monotonic_ns, uint64_t unix_ns);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace splitprof
