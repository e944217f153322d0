// SPDX-License-Identifier: Apache-2.0
//
// The DiskWriter by plain calls: a thread of its own waits for the disk.
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "processor/backlog/disk_writer.h"
#include "shared/check.h"

namespace splitprof::backlog {
namespace {

// Everything, or errno.
int write_all(int fd, uint64_t offset, std::vector<iovec> parts) {
  for (size_t first = 0; first < parts.size();) {
    const size_t count = std::min<size_t>(parts.size() - first, IOV_MAX);
    ssize_t n = pwritev(fd, &parts[first], static_cast<int>(count), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    if (n == 0) return ENOSPC;
    offset += static_cast<uint64_t>(n);
    for (; first < parts.size() && static_cast<size_t>(n) >= parts[first].iov_len; ++first)
      n -= static_cast<ssize_t>(parts[first].iov_len);
    if (first < parts.size()) {
      parts[first].iov_base = static_cast<char*>(parts[first].iov_base) + n;
      parts[first].iov_len -= static_cast<size_t>(n);
    }
  }
  return 0;
}

class ThreadWriter final : public DiskWriter {
 public:
  explicit ThreadWriter(int folder_fd) : folder_fd_(folder_fd) {}
  ThreadWriter(const ThreadWriter&) = delete;
  ThreadWriter& operator=(const ThreadWriter&) = delete;
  ~ThreadWriter() override {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  Result<> use(File file, int fd) override {
    const std::lock_guard lock(mutex_);
    jobs_[static_cast<size_t>(file)].fd = fd;
    return Ok{};
  }

  void write(File file, uint64_t offset, std::span<const iovec> parts, bool new_name) override {
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
    {
      const std::lock_guard lock(mutex_);
      Job& job = jobs_[static_cast<size_t>(file)];
      CHECK(job.state == Job::State::none);
      job.state = Job::State::asked;
      job.offset = offset;
      job.parts.assign(parts.begin(), parts.end());
      job.new_name = new_name;
    }
    changed_.notify_all();
  }

  std::optional<Done> poll() override {
    const std::lock_guard lock(mutex_);
    return finished();
  }

  Done wait() override {
    std::unique_lock lock(mutex_);
    while (true) {
      if (const auto done = finished()) return *done;
      changed_.wait(lock);
    }
  }

 private:
  struct Job {
    enum class State : uint8_t { none, asked, done };
    State state = State::none;
    int fd = -1;
    uint64_t offset = 0;
    std::vector<iovec> parts;
    bool new_name = false;
    int error = 0;
  };

  std::optional<Done> finished() {
    for (size_t i = 0; i < kFiles; ++i)
      if (jobs_[i].state == Job::State::done) {
        jobs_[i].state = Job::State::none;
        return Done{static_cast<File>(i), jobs_[i].error};
      }
    return std::nullopt;
  }

  void run() {
    pthread_setname_np(pthread_self(), "backlog");
    std::unique_lock lock(mutex_);
    while (true) {
      Job* asked = nullptr;
      for (Job& job : jobs_)
        if (job.state == Job::State::asked) asked = &job;
      if (asked == nullptr) {
        if (ending_) return;
        changed_.wait(lock);
        continue;
      }
      lock.unlock();  // nobody touches a job that is asked for
      asked->error = write_all(asked->fd, asked->offset, asked->parts);
      if (asked->error == 0 && fdatasync(asked->fd) != 0) asked->error = errno;
      if (asked->error == 0 && asked->new_name && fsync(folder_fd_) != 0) asked->error = errno;
      lock.lock();
      asked->state = Job::State::done;
      changed_.notify_all();
    }
  }

  const int folder_fd_;
  std::thread thread_;
  std::condition_variable changed_;
  std::mutex mutex_;  // guards what follows
  std::array<Job, kFiles> jobs_;
  bool ending_ = false;
};

}  // namespace

std::unique_ptr<DiskWriter> make_thread_writer(int folder_fd) {
  return std::make_unique<ThreadWriter>(folder_fd);
}

}  // namespace splitprof::backlog
