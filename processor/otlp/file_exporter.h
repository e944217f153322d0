// SPDX-License-Identifier: Apache-2.0
//
// The file exporter: profiles and metrics into a file, as the collector's does it: a line of OTLP JSON for each batch,
// or its protobuf behind its length; and folded stacks of profiles. What is written stays in memory for up to
// flush_interval. Export thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "processor/config/otlp_options.h"
#include "processor/pipelines/component.h"
#include "shared/result.h"

namespace splitprof::otlp {

class FileExporter final : public ProfilesConsumer, public MetricsConsumer, public Component {
 public:
  // Opens the file: before the sandbox is shut.
  static Result<std::unique_ptr<FileExporter>> make(const FileExporterOptions& options);
  ~FileExporter() override;

  // Folders that have to stay writable when the sandbox is shut: of a file that is rotated.
  static std::vector<std::string> writable_folders(const FileExporterOptions& options);

  void consume(const otel::Profiles& batch) override;
  void consume(const otel::Metrics& batch) override;
  void tick(const Times& now) override;
  void stop(const Times& now, uint64_t deadline_ns) override;
  bool finished() const override;
  std::vector<NamedMetric> metrics() const override;
  bool healthy() const override;

 private:
  struct State;
  explicit FileExporter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace splitprof::otlp
