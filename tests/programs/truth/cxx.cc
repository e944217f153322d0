// SPDX-License-Identifier: Apache-2.0
//
// cxx SECONDS: what C++ does to a stack, one after another on two threads: templates, lambdas in std::function, virtual
// calls, a library calling back (std::sort), coroutines that resume each other, and exceptions thrown through eight
// frames, whose search runs in libgcc and reads unwind information itself.
#include <algorithm>
#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "../busy.h"

namespace {

SPLITPROF_KEEP uint64_t work(uint64_t value) {
  for (int i = 0; i < 2000; i++) {
    value = mix(value + i);
    keep(value);
  }
  return value;
}

template <int N>
SPLITPROF_KEEP uint64_t in_templates(uint64_t value) {
  if constexpr (N == 0) {
    value = work(value);
  } else {
    value = in_templates<N - 1>(value) + N;
  }
  keep(value);
  return value;
}

SPLITPROF_KEEP uint64_t in_lambdas(uint64_t value) {
  std::vector<std::function<uint64_t(uint64_t)>> calls;
  for (int i = 0; i < 6; i++) {
    calls.push_back([i, inner = i == 0 ? std::function<uint64_t(uint64_t)>(work) : calls.back()](uint64_t given) {
      auto result = inner(given) + i;
      keep(result);
      return result;
    });
  }
  value = calls.back()(value);
  keep(value);
  return value;
}

struct Shape {
  virtual ~Shape() = default;
  virtual uint64_t area(uint64_t value) = 0;
};
struct Leaf final : Shape {
  SPLITPROF_KEEP uint64_t area(uint64_t value) override { return work(value) + 1; }
};
struct Group final : Shape {
  explicit Group(std::unique_ptr<Shape> inner) : inner_(std::move(inner)) {}
  SPLITPROF_KEEP uint64_t area(uint64_t value) override {
    auto result = inner_->area(value) * 3;
    keep(result);
    return result;
  }
  std::unique_ptr<Shape> inner_;
};

SPLITPROF_KEEP uint64_t in_virtual_calls(uint64_t value) {
  std::unique_ptr<Shape> shape = std::make_unique<Leaf>();
  for (int i = 0; i < 5; i++) shape = std::make_unique<Group>(std::move(shape));
  value = shape->area(value);
  keep(value);
  return value;
}

SPLITPROF_KEEP uint64_t in_sort(uint64_t value) {
  std::vector<uint64_t> numbers(8);
  for (auto& number : numbers) number = value = mix(value + 1);
  std::sort(numbers.begin(), numbers.end(), [](uint64_t a, uint64_t b) { return work(a) % 1000 < work(b) % 1000; });
  keep(numbers[0]);
  return numbers[0];
}

// A coroutine that awaits another one: its frame lives on the heap, and resuming is an ordinary call.
struct Task {
  struct promise_type {
    uint64_t result = 0;
    std::coroutine_handle<> waiting;
    Task get_return_object() { return Task(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    auto final_suspend() noexcept {
      struct Continue {
        bool await_ready() noexcept { return false; }
        std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> done) noexcept {
          return done.promise().waiting ? done.promise().waiting : std::noop_coroutine();
        }
        void await_resume() noexcept {}
      };
      return Continue{};
    }
    void return_value(uint64_t value) { result = value; }
    void unhandled_exception() { std::terminate(); }
  };
  explicit Task(std::coroutine_handle<promise_type> h) : handle(h) {}
  Task(Task&& other) noexcept : handle(std::exchange(other.handle, {})) {}
  ~Task() {
    if (handle) handle.destroy();
  }
  bool await_ready() { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> who) {
    handle.promise().waiting = who;
    return handle;
  }
  uint64_t await_resume() { return handle.promise().result; }
  std::coroutine_handle<promise_type> handle;
};

Task in_coroutine(int depth, uint64_t value) {
  if (depth == 0) co_return work(value);
  const auto inner = co_await in_coroutine(depth - 1, value);
  co_return work(inner) + static_cast<uint64_t>(depth);
}

SPLITPROF_KEEP uint64_t in_coroutines(uint64_t value) {
  auto task = in_coroutine(5, value);
  task.handle.resume();
  value = task.handle.promise().result;
  keep(value);
  return value;
}

template <int N>
SPLITPROF_KEEP uint64_t throwing(uint64_t value) {
  if constexpr (N == 0) {
    throw std::runtime_error("thrown on purpose");
  } else {
    value = throwing<N - 1>(value) + N;
    keep(value);
    return value;
  }
}

SPLITPROF_KEEP uint64_t in_exceptions(uint64_t value) {
  for (int i = 0; i < 4; i++) {
    try {
      value += throwing<8>(value);
    } catch (const std::exception& thrown) {
      value += static_cast<uint64_t>(thrown.what()[0]);
    }
  }
  keep(value);
  return value;
}

SPLITPROF_KEEP void everything(Clock::time_point deadline) {
  uint64_t value = 1;
  while (Clock::now() < deadline) {
    value += in_templates<10>(value);
    value += in_lambdas(value);
    value += in_virtual_calls(value);
    value += in_sort(value);
    value += in_coroutines(value);
    value += in_exceptions(value);
  }
  keep(value);
}

}  // namespace

int main(int argc, char** argv) {
  const auto deadline = deadline_after(number_argument(argc, argv, 1, 5));
  std::thread other([deadline] { everything(deadline); });
  everything(deadline);
  other.join();
}
