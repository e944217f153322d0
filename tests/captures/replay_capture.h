// SPDX-License-Identifier: Apache-2.0
//
// The captures of tests/data/captures, opened and replayed.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

#include "processor/capture/capture_reader.h"
#include "processor/elf/local_file.h"
#include "processor/run.h"

namespace splitprof {

inline std::vector<std::filesystem::path> all_captures() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(SPLITPROF_SOURCE_DIR "/tests/data/captures"))
    if (entry.path().extension() == ".splitprof") paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  return paths;
}

struct OpenedFile {
  std::unique_ptr<CaptureFile> file;
  CaptureIndex index;
};

inline OpenedFile open_capture_file(const std::filesystem::path& path) {
  OpenedFile opened;
  auto file = LocalFile::open_path(path.c_str());
  if (!file) throw std::runtime_error(file.error().message);
  auto capture = CaptureFile::open(std::move(*file));
  if (!capture) throw std::runtime_error(capture.error().message);
  opened.file = std::move(*capture);
  auto index = index_capture(*opened.file);
  if (!index) throw std::runtime_error(index.error().message);
  opened.index = std::move(*index);
  return opened;
}

// Replays it to its report.
inline void replay_capture(OpenedFile& capture, Metrics& metrics,
                           const std::function<void(const Profile&, const Symbolizer&)>& report) {
  CaptureReader reader(*capture.file, capture.index, metrics);
  std::vector<Pid> only;
  for (const uint32_t pid : capture.index.session.pids) only.emplace_back(pid);
  splitprof::Run run(reader, metrics,
                     {.hz = capture.index.session.hz, .only = only, .duration_ns = capture.index.session.duration_ns});
  run.on_report = report;
  const auto ran = run.run();
  EXPECT_TRUE(ran) << ran.error().message;
}

}  // namespace splitprof
