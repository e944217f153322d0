// SPDX-License-Identifier: Apache-2.0
#include "processor/pipelines/export_thread.h"

#include <pthread.h>

#include <algorithm>

#include "processor/pipelines/clocks.h"

namespace splitprof {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;
// Nothing happens more often than this without waking the thread.
constexpr uint64_t kTickNs = 200'000'000;

}  // namespace

class ExportThread::Entrance final : public Intake {
 public:
  Entrance(ExportThread& thread, ProfilesConsumer& consumer) : thread_(thread), consumer_(consumer) {}
  bool submit(std::shared_ptr<const otel::Profiles> batch) override {
    return thread_.submit(consumer_, std::move(batch));
  }

 private:
  ExportThread& thread_;
  ProfilesConsumer& consumer_;
};

ExportThread::ExportThread(http::Client& client, Stages stages, std::function<void()> each_second)
    : client_(client), stages_(std::move(stages)), each_second_(std::move(each_second)) {}

ExportThread::~ExportThread() {
  stop();
}

std::unique_ptr<Intake> ExportThread::make_intake(ProfilesConsumer& consumer) {
  return std::make_unique<Entrance>(*this, consumer);
}

void ExportThread::start() {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "export");
    run();
  });
}

void ExportThread::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  client_.wake();
  thread_.join();
}

bool ExportThread::submit(ProfilesConsumer& consumer, std::shared_ptr<const otel::Profiles> batch) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || waiting_.size() >= kMaxWaiting) return false;
    waiting_.push_back({&consumer, std::move(batch)});
  }
  client_.wake();
  return true;
}

void ExportThread::run() {
  for (;;) {
    const bool stopping = consume_waiting();
    const auto now = read_clocks();
    tick(now);
    if (stopping && go_on_stopping(now)) break;
    client_.run(kTickNs);
  }
  each_second_();
}

// True: the end was asked for, and everything that came before has been handed on.
bool ExportThread::consume_waiting() {
  for (;;) {
    Waiting next{};
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.empty()) return stopping_;
      next = std::move(waiting_.front());
      waiting_.pop_front();
    }
    next.consumer->consume(*next.batch);
  }
}

void ExportThread::tick(const Times& now) {
  for (const auto& stage : stages_)
    for (auto* component : stage) component->tick(now);
  if (now.monotonic_ns < next_second_ns_) return;
  next_second_ns_ = now.monotonic_ns + kSecondNs;
  each_second_();
}

bool ExportThread::go_on_stopping(const Times& now) {
  if (stop_deadline_ns_ == 0) stop_deadline_ns_ = now.monotonic_ns + kStopNs;
  const auto finished = [&](size_t stages) {
    return std::all_of(stages_.begin(), stages_.begin() + static_cast<ptrdiff_t>(stages), [](const auto& stage) {
      return std::all_of(stage.begin(), stage.end(), [](const Component* component) { return component->finished(); });
    });
  };
  for (; stopped_ < stages_.size() && finished(stopped_); ++stopped_)
    for (auto* component : stages_[stopped_]) component->stop(now, stop_deadline_ns_);
  constexpr uint64_t kGraceNs = kSecondNs;  // past the deadline, for what is to be saved
  return (stopped_ == stages_.size() && finished(stopped_)) || now.monotonic_ns > stop_deadline_ns_ + kGraceNs;
}

}  // namespace splitprof
