// SPDX-License-Identifier: Apache-2.0
#include "processor/ingest/workers.h"

#include <pthread.h>
#include <time.h>

#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <string>
#include <thread>

namespace splitprof {
namespace {

uint64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace

// What one thread is busy with. Guarded by Shared::mutex.
struct Activity {
  uint64_t busy_since_ns = 0;  // 0: idle
  bool abandoned = false;
};

struct Workers::Shared {
  std::mutex mutex;  // guards everything here
  std::condition_variable work;
  std::multimap<uint64_t, std::unique_ptr<Job>> queue;  // by cost; equal ones in the order in which they came
  std::deque<std::unique_ptr<Job>> finished;
  size_t running = 0;
  unsigned abandoned = 0;  // threads, as long as they hang
  bool stopping = false;
  std::function<void()> wake;
};

struct Workers::Thread {
  std::shared_ptr<Activity> activity = std::make_shared<Activity>();  // shared_ptr: as Workers::shared_
  std::thread thread;
};

namespace {

template <typename Shared>
void serve(std::shared_ptr<Shared> shared, std::shared_ptr<Activity> activity, std::string name) {
  pthread_setname_np(pthread_self(), name.c_str());  // of any other thread it would open a file in /proc
  std::unique_lock lock(shared->mutex);
  for (;;) {
    shared->work.wait(lock, [&] { return shared->stopping || !shared->queue.empty(); });
    if (shared->stopping) return;
    auto job = std::move(shared->queue.begin()->second);
    shared->queue.erase(shared->queue.begin());
    ++shared->running;
    activity->busy_since_ns = monotonic_ns();
    lock.unlock();
    job->run();
    lock.lock();
    activity->busy_since_ns = 0;
    if (activity->abandoned) {
      lock.unlock();
      job.reset();  // nobody waits for it any more, and what it holds may hang once more
      lock.lock();
      --shared->abandoned;
      return;
    }
    --shared->running;
    shared->finished.push_back(std::move(job));
    if (!shared->stopping) shared->wake();
  }
}

}  // namespace

Workers::Workers(Limits limits, std::function<void()> wake) : limits_(limits), shared_(std::make_shared<Shared>()) {
  shared_->wake = std::move(wake);
  for (unsigned i = 0; i < limits_.threads; ++i) spawn();
}

void Workers::spawn() {
  auto thread = std::make_unique<Thread>();
  thread->thread = std::thread(serve<Shared>, shared_, thread->activity, "files-" + std::to_string(spawned_++));
  threads_.push_back(std::move(thread));
}

Workers::~Workers() {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->stopping = true;
    shared_->work.notify_all();
  }
  for (auto& thread : threads_) {
    bool idle = false;
    {
      const std::lock_guard lock(shared_->mutex);
      idle = thread->activity->busy_since_ns == 0;
      if (!idle) {
        thread->activity->abandoned = true;
        ++shared_->abandoned;
      }
    }
    // One that is in the middle of a job may be in the middle of a read that never ends.
    if (idle)
      thread->thread.join();
    else
      thread->thread.detach();
  }
}

bool Workers::submit(std::unique_ptr<Job> job) {
  const std::lock_guard lock(shared_->mutex);
  if (shared_->queue.size() >= limits_.max_queued) return false;
  const uint64_t cost = job->cost();
  shared_->queue.emplace(cost, std::move(job));
  shared_->work.notify_one();
  return true;
}

std::deque<std::unique_ptr<Job>> Workers::take_finished() {
  const std::lock_guard lock(shared_->mutex);
  return std::exchange(shared_->finished, {});
}

unsigned Workers::abandon_hung(uint64_t now_ns) {
  unsigned hung = 0;
  for (auto& thread : threads_) {
    {
      const std::lock_guard lock(shared_->mutex);
      const uint64_t since_ns = thread->activity->busy_since_ns;
      if (since_ns == 0 || now_ns < since_ns + limits_.hang_ns || shared_->abandoned == limits_.max_abandoned) continue;
      thread->activity->abandoned = true;
      ++shared_->abandoned;
      --shared_->running;
    }
    thread->thread.detach();
    ++hung;
  }
  std::erase_if(threads_, [](const auto& thread) { return !thread->thread.joinable(); });
  for (unsigned i = 0; i < hung; ++i) spawn();
  return hung;
}

size_t Workers::unfinished() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->queue.size() + shared_->running;
}

}  // namespace splitprof
