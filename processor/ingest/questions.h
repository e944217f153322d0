// SPDX-License-Identifier: Apache-2.0
//
// Questions: remembers who asked what, so that an answer finds its handler. And work(): a job made of two functions.
// Main thread only. Handlers run when the answer's event is handled, never inside ask().
#pragma once

#include <functional>
#include <optional>
#include <unordered_map>

#include "processor/ingest/input.h"

namespace splitprof {

class Questions {
 public:
  using Handler = std::function<void(Result<AnswerValue>)>;

  explicit Questions(Input& input) : input_(input) {}
  Questions(const Questions&) = delete;
  Questions& operator=(const Questions&) = delete;

  // The handler's captures live until the answer comes, or as long as this object.
  void ask(Question question, Handler handler);
  // For questions that are not answered.
  void tell(Question question);
  void start(std::unique_ptr<Job> job) { input_.start(std::move(job)); }
  void on_answer(AnswerEvent event);
  size_t open() const { return handlers_.size(); }

 private:
  Input& input_;
  Ticket next_ticket_ = 1;
  std::unordered_map<Ticket, Handler> handlers_;
};

// The answer's value as the type that the question promises; another one is a broken promise of the peer.
template <typename T>
Result<T> answer_as(Result<AnswerValue> answer) {
  if (!answer) return std::move(answer.error());
  if (auto* value = std::get_if<T>(&*answer)) return std::move(*value);
  return fail(Errc::malformed, "an answer of another type than its question's");
}

// `run` on a worker, then `done` with what it made on the main thread. `done` never runs for an abandoned job. `cost`:
// see Job::cost.
template <typename Run, typename Done>
std::unique_ptr<Job> work(Run run, Done done, uint64_t cost = 0) {
  class Work final : public Job {
   public:
    Work(Run r, Done d, uint64_t bytes) : run_(std::move(r)), done_(std::move(d)), cost_(bytes) {}
    void run() override { made_.emplace(run_()); }
    void done() override {
      if (made_) done_(std::move(*made_));
    }
    uint64_t cost() const override { return cost_; }

   private:
    Run run_;
    Done done_;
    uint64_t cost_;
    std::optional<std::invoke_result_t<Run>> made_;
  };
  return std::make_unique<Work>(std::move(run), std::move(done), cost);
}

}  // namespace splitprof
