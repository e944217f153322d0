// SPDX-License-Identifier: Apache-2.0
//
// Ends of pipelines that keep what they are given, and what is common to tests of components.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <sstream>

#include "processor/pipelines/component.h"
#include "processor/pipelines/intake.h"

namespace splitprof {

class KeepingIntake final : public Intake {
 public:
  bool submit(std::shared_ptr<const otel::Profiles> batch) override {
    const std::lock_guard lock(mutex_);
    if (full_) return false;
    batches_.push_back(std::move(batch));
    return true;
  }
  void set_full(bool full) {
    const std::lock_guard lock(mutex_);
    full_ = full;
  }
  std::vector<std::shared_ptr<const otel::Profiles>> batches() {
    const std::lock_guard lock(mutex_);
    return batches_;
  }

 private:
  std::mutex mutex_;
  bool full_ = false;                                           // guarded by mutex_
  std::vector<std::shared_ptr<const otel::Profiles>> batches_;  // guarded by mutex_
};

class KeepingConsumer final : public ProfilesConsumer {
 public:
  void consume(const otel::Profiles& batch) override { batches.push_back(batch); }
  std::vector<otel::Profiles> batches;
};

inline uint64_t metric_of(const Component& component, std::string_view name) {
  for (const auto& metric : component.metrics())
    if (metric.name == name) return metric.value;
  ADD_FAILURE() << "no metric " << name;
  return 0;
}

// A folder of its own, gone afterwards.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "splitprof-test-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~ScratchFolder() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }
  void write(const std::string& name, const std::string& text, bool append = true) const {
    std::ofstream(*this / name, append ? std::ios::app : std::ios::trunc) << text;
  }
  std::string read(const std::string& name) const {
    std::ostringstream out;
    out << std::ifstream(*this / name, std::ios::binary).rdbuf();
    return out.str();
  }
  std::vector<std::string> list() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }

 private:
  std::string path_;
};

}  // namespace splitprof
