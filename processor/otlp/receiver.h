// SPDX-License-Identifier: Apache-2.0
//
// The otlp receiver: takes profiles over HTTP, protobuf or JSON, plain or gzip, and hands them on. Requests are decoded
// on the server's own thread; the Component's part is on the export thread. gRPC it does not speak.
#pragma once

#include <memory>

#include "processor/config/otlp_options.h"
#include "processor/pipelines/component.h"
#include "processor/pipelines/intake.h"
#include "shared/result.h"

namespace splitprof::otlp {

class OtlpReceiver final : public Component {
 public:
  // Begins to listen: before the sandbox is shut. Connections wait until start().
  static Result<std::unique_ptr<OtlpReceiver>> make(const OtlpReceiverOptions& options);
  ~OtlpReceiver() override;

  // Starts its thread: after the sandbox is shut. `intake` outlives it.
  void start(Intake& intake);
  uint16_t port() const;

  void tick(const Times& now) override;
  void stop(const Times& now, uint64_t deadline_ns) override;
  bool finished() const override;
  std::vector<NamedMetric> metrics() const override;

 private:
  struct State;
  explicit OtlpReceiver(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace splitprof::otlp
