// SPDX-License-Identifier: Apache-2.0
//
// The otlpjsonfile receiver: follows files of OTLP JSON, a batch on each line, and hands their profiles on. Looks for
// new files at every poll, reads a bounded piece at every tick. Where it was does not outlive the process. Export
// thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "processor/config/otlp_options.h"
#include "processor/pipelines/component.h"

namespace splitprof::otlp {

class JsonFileReceiver final : public Component {
 public:
  // `out` outlives it.
  JsonFileReceiver(const OtlpJsonFileOptions& options, ProfilesConsumer& out);
  ~JsonFileReceiver() override;

  // Folders of its globs, which have to stay readable when the sandbox is shut.
  static std::vector<std::string> readable_folders(const OtlpJsonFileOptions& options);

  void tick(const Times& now) override;
  void stop(const Times& now, uint64_t deadline_ns) override;
  bool finished() const override;
  std::vector<NamedMetric> metrics() const override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace splitprof::otlp
