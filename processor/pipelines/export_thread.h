// SPDX-License-Identifier: Apache-2.0
//
// ExportThread: the one thread on which every connector and exporter lives, so that a slow server never keeps samples
// waiting. Takes batches from receivers on other threads through a bounded queue, gives each component its ticks, and
// at the end lets connectors flush into exporters and exporters send what they have. Started after the sandbox is shut.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "processor/http/client.h"
#include "processor/pipelines/component.h"
#include "processor/pipelines/intake.h"

namespace splitprof {

class ExportThread {
 public:
  // Batches of all receivers that may wait; the next ones are not taken.
  static constexpr size_t kMaxWaiting = 16;
  // What the end waits for servers. systemd kills after 90 s.
  static constexpr uint64_t kStopNs = 20'000'000'000;

  // What is stopped together; a stage hands its batches on to later ones. Everything in it outlives the thread.
  using Stages = std::vector<std::vector<Component*>>;

  // `each_second` runs on the thread, too, and once more at its end.
  ExportThread(http::Client& client, Stages stages, std::function<void()> each_second);
  ~ExportThread();
  ExportThread(const ExportThread&) = delete;
  ExportThread& operator=(const ExportThread&) = delete;

  // A way in for a receiver whose batches go to `consumer`. Before start() only.
  std::unique_ptr<Intake> make_intake(ProfilesConsumer& consumer);
  void start();
  // Flushes everything, waits until all is sent or saved, at most kStopNs and a little, and ends the thread.
  void stop();

 private:
  struct Waiting {
    ProfilesConsumer* consumer;
    std::shared_ptr<const otel::Profiles> batch;
  };
  class Entrance;

  bool submit(ProfilesConsumer& consumer, std::shared_ptr<const otel::Profiles> batch);
  void run();
  bool consume_waiting();
  void tick(const Times& now);
  // Stops the next stage when those before have finished; true: all have.
  bool go_on_stopping(const Times& now);

  http::Client& client_;
  const Stages stages_;
  const std::function<void()> each_second_;
  std::mutex mutex_;
  std::deque<Waiting> waiting_;  // guarded by mutex_
  bool stopping_ = false;        // guarded by mutex_
  size_t stopped_ = 0;           // stages that were told to stop
  uint64_t stop_deadline_ns_ = 0;
  uint64_t next_second_ns_ = 0;
  std::thread thread_;
};

}  // namespace splitprof
