// SPDX-License-Identifier: Apache-2.0
//
// What tests of the backlog share: a folder that goes away with the test, a writer that fails when it is told to, and
// messages that are all different.
#pragma once

#include <gtest/gtest.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "processor/backlog/backlog.h"
#include "processor/backlog/disk_writer.h"
#include "processor/backlog/outbox.h"
#include "shared/check.h"

namespace splitprof::testing {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kNow = 1'700'000'000 * kSecond;  // unix

class TemporaryFolder {
 public:
  TemporaryFolder() : path_(::testing::TempDir() + "splitprof-backlog-XXXXXX") { CHECK(mkdtemp(path_.data())); }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }
  std::string backlog() const { return path_ + "/backlog"; }

  // Paths of its segments, oldest first.
  std::vector<std::string> segments() const {
    std::vector<std::string> paths;
    if (std::filesystem::exists(backlog()))
      for (const auto& entry : std::filesystem::directory_iterator(backlog()))
        if (entry.path().extension() == ".seg") paths.push_back(entry.path());
    std::ranges::sort(paths);
    return paths;
  }

 private:
  std::string path_;
};

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// Writes when it is polled, or fails, or waits: as the test says.
struct Disk {
  int error = 0;      // of all writes
  bool slow = false;  // nothing is done until this is false
  // After a failed write so many of its bytes are on the disk all the same.
  uint64_t bytes_in_spite = 0;
  uint64_t writes = 0;
};

class TestWriter final : public backlog::DiskWriter {
 public:
  explicit TestWriter(Disk& disk) : disk_(disk) {}
  Result<> use(File file, int fd) override {
    jobs_[static_cast<size_t>(file)].fd = fd;
    return Ok{};
  }
  void write(File file, uint64_t offset, std::span<const iovec> parts, bool) override {
    Job& job = jobs_[static_cast<size_t>(file)];
    CHECK(!job.asked);
    job = {job.fd, true, offset, {parts.begin(), parts.end()}};
  }
  std::optional<Done> poll() override {
    if (disk_.slow) return std::nullopt;
    for (size_t i = 0; i < kFiles; ++i) {
      Job& job = jobs_[i];
      if (!job.asked) continue;
      job.asked = false;
      ++disk_.writes;
      uint64_t left = disk_.error == 0 ? UINT64_MAX : disk_.bytes_in_spite;
      uint64_t offset = job.offset;
      for (const iovec& part : job.parts) {
        const size_t n = std::min<uint64_t>(part.iov_len, left);
        CHECK(pwrite(job.fd, part.iov_base, n, static_cast<off_t>(offset)) == static_cast<ssize_t>(n));
        left -= n;
        offset += n;
      }
      return Done{static_cast<File>(i), disk_.error};
    }
    return std::nullopt;
  }
  Done wait() override { CHECK(false); }

 private:
  struct Job {
    int fd = -1;
    bool asked = false;
    uint64_t offset = 0;
    std::vector<iovec> parts;
  };
  Disk& disk_;
  std::array<Job, kFiles> jobs_;
};

inline Backlog::MakeWriter test_writer(Disk& disk) {
  return [&disk](int) { return std::make_unique<TestWriter>(disk); };
}

// Text that compresses about as documents do, different for each number.
inline Message numbered_message(uint64_t number, size_t size = 1000) {
  Message message{.kind = static_cast<uint16_t>(1 + number % 6),
                  .items = static_cast<uint32_t>(1 + number % 7),
                  .samples = static_cast<uint32_t>(number % 5)};
  uint64_t state = number * 0x9e3779b97f4a7c15 + 1;
  while (message.body.size() < size) {
    state = state * 6364136223846793005 + 1442695040888963407;
    message.body += "{\"n\":" + std::to_string(number) + ",\"x\":" + std::to_string(state >> 40) + "}\n";
  }
  message.body.resize(size);
  return message;
}

inline bool same(const Message& a, const Message& b) {
  return a.kind == b.kind && a.items == b.items && a.samples == b.samples && a.body == b.body;
}

}  // namespace splitprof::testing
