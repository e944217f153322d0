// SPDX-License-Identifier: Apache-2.0
#include "processor/run.h"

#include "shared/log.h"

namespace splitprof {
namespace {

constexpr uint64_t kTickNs = 100'000'000;
constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr uint64_t kStopNs = 2 * kSecondNs;  // to be told that sampling has stopped, and to be told the counters
// The sampler drains BPF's ring at least ten times a second, so two ticks of 100 ms without a record mean: no more.
constexpr unsigned kQuietTicks = 3;
constexpr uint64_t kDrainNs = 10 * kSecondNs;
constexpr uint64_t kHoldNs = 3 * kSecondNs;   // a second more than samples wait for their mappings
constexpr uint64_t kNameNs = 60 * kSecondNs;  // symbols of a thousand files, read from a cold disk

}  // namespace

Run::Run(Input& input, Metrics& metrics, Options options)
    : input_(input),
      options_(std::move(options)),
      pipeline_(input, metrics,
                {.only = options_.only,
                 .max_moments = options_.max_moments,
                 .hash_files = options_.hash_files,
                 .min_process_age_ns = options_.min_process_age_ns,
                 .variables = options_.variables,
                 .disabled = options_.disabled}),
      loader_(
          pipeline_.questions(), pipeline_.executables(),
          [this](const Executable& executable) { return pipeline_.process_table().user_of(executable); }, store_,
          metrics),
      random_(options_.seed) {
  store_.set_functions(pipeline_.functions());
}

Result<> Run::run() {
  auto& questions = pipeline_.questions();
  questions.ask(AskHost{}, [this](Result<AnswerValue> answer) {
    if (auto host = answer_as<Host>(std::move(answer))) host_ = std::move(*host);
  });
  questions.ask(configuration(), [this](Result<AnswerValue> answer) {
    if (!answer) {
      failure_ = answer.error();
      return;
    }
    if (phase_ == Phase::starting) enter(Phase::sampling);  // unless the end was asked for meanwhile
  });
  loader_.load_kernel(pipeline_.kernel_symbol_changes());
  while (phase_ != Phase::finished && !failure_) {
    auto event = input_.next();
    if (std::holds_alternative<RecordEvent>(event)) record_since_tick_ = true;
    if (std::holds_alternative<StopEvent>(event)) begin_to_stop();
    if (auto* gone = std::get_if<DisconnectedEvent>(&event); gone != nullptr && !disconnected_) {
      log::warn("the sampler is gone: {}", gone->why);
      disconnected_ = true;
      begin_to_stop();
    }
    const auto* tick = std::get_if<TickEvent>(&event);
    const uint64_t tick_ns = tick == nullptr ? 0 : tick->now_ns;
    pipeline_.on_event(std::move(event));
    if (tick_ns != 0) on_tick(tick_ns);
    go_on(now_ns_);
  }
  if (failure_) return std::move(*failure_);
  return Ok{};
}

uint64_t Run::duration_ns() const {
  return sampling_since_ns_ == 0 ? 0 : std::max(sampling_until_ns_, sampling_since_ns_) - sampling_since_ns_;
}

void Run::enter(Phase phase) {
  phase_ = phase;
  phase_since_ns_ = now_ns_;
}

void Run::on_tick(uint64_t now_ns) {
  now_ns_ = now_ns;
  if (phase_since_ns_ == 0) phase_since_ns_ = now_ns;
  quiet_ticks_ = std::exchange(record_since_tick_, false) ? 0 : quiet_ticks_ + 1;
}

void Run::begin_to_stop() {
  if (phase_ == Phase::starting && disconnected_) {
    failure_ = Error{Errc::gone, "the sampler closed the connection before sampling began"};
    return;
  }
  if (phase_ != Phase::sampling && phase_ != Phase::starting) {
    if (disconnected_ && phase_ < Phase::holding) enter(Phase::holding);
    return;
  }
  sampling_until_ns_ = now_ns_;
  if (disconnected_) return enter(Phase::draining);
  enter(Phase::stopping);
  pipeline_.questions().ask(Configure{.hz = 0, .cpus = {}, .idle = false}, [this](Result<AnswerValue>) {
    quiet_ticks_ = 0;
    if (phase_ == Phase::stopping) enter(Phase::draining);
  });
}

void Run::go_on(uint64_t now_ns) {
  if (first_sample_ns_ == 0) first_sample_ns_ = pipeline_.profile().first_sample_ns();
  switch (phase_) {
    case Phase::starting:
      break;
    case Phase::sampling:
      if (sampling_since_ns_ == 0 && now_ns != 0) {
        sampling_since_ns_ = now_ns;
        next_report_ns_ = now_ns + next_interval_ns();
        next_decision_ns_ = now_ns + options_.sampling_interval_ns;
        interval_.end_ns = now_ns;
      }
      if (now_ns >= next_progress_ns_ && now_ns != 0) {
        next_progress_ns_ = now_ns + kSecondNs;
        on_progress();
      }
      if (options_.sampling_percent < 100 && sampling_since_ns_ != 0 && now_ns >= next_decision_ns_)
        decide_about_sampling();
      if (options_.counters_interval_ns != 0 && now_ns >= next_counters_ns_ && now_ns != 0) ask_counters();
      if (options_.report_interval_ns != 0 && sampling_since_ns_ != 0 && now_ns >= next_report_ns_) begin_report();
      if (reported_ != nullptr && loader_.load_for(*reported_)) finish_report();
      if (options_.duration_ns != 0 && sampling_since_ns_ != 0 && now_ns >= sampling_since_ns_ + options_.duration_ns)
        begin_to_stop();
      break;
    case Phase::stopping:
      if (waited(kStopNs)) enter(Phase::draining);
      break;
    case Phase::draining:
      if (quiet_ticks_ < kQuietTicks && !waited(kDrainNs)) break;
      pipeline_.flush_order();
      enter(Phase::counting);
      pipeline_.questions().ask(AskCounters{}, [this](Result<AnswerValue> answer) {
        if (auto counters = answer_as<Counters>(std::move(answer))) counters_ = std::move(*counters);
        counters_came_ = true;
      });
      break;
    case Phase::counting:
      if (counters_came_ || waited(kStopNs)) enter(Phase::holding);
      break;
    case Phase::holding:
      if (pipeline_.held_samples() != 0 && !waited(kHoldNs)) break;
      pipeline_.flush_order();
      pipeline_.flush_held();
      loader_.load_kernel(pipeline_.kernel_symbol_changes());
      if (reported_ != nullptr) finish_report();
      reported_ = take_profile();
      enter(Phase::naming);
      break;
    case Phase::naming:
      if (!loader_.load_for(*reported_) && !waited(kNameNs)) break;
      finish_report();
      enter(Phase::finished);
      break;
    case Phase::finished:
      break;
  }
}

void Run::begin_report() {
  next_report_ns_ = std::max(next_report_ns_, now_ns_ - kTickNs) + next_interval_ns();  // no two at once after a stall
  if (reported_ != nullptr) finish_report();  // its symbols take longer than an interval: with what there is
  loader_.load_kernel(pipeline_.kernel_symbol_changes());
  reported_ = take_profile();
}

std::unique_ptr<Profile> Run::take_profile() {
  interval_ = {.begin_ns = interval_.end_ns, .end_ns = now_ns_};
  return pipeline_.take_profile();
}

// An interval of its own length for each report, so that a thousand hosts do not send at the same moment.
uint64_t Run::next_interval_ns() {
  const auto interval_ns = static_cast<double>(options_.report_interval_ns);
  return static_cast<uint64_t>(interval_ns * (1 + options_.report_jitter * (2 * chance() - 1)));
}

double Run::chance() {
  return static_cast<double>(random_() >> 11) * 0x1p-53;
}

Configure Run::configuration() {
  const bool on = options_.sampling_percent >= 100 || chance() * 100 < options_.sampling_percent;
  return {.hz = on ? options_.hz : 0, .cpus = options_.cpus, .idle = options_.idle};
}

void Run::decide_about_sampling() {
  next_decision_ns_ = now_ns_ + options_.sampling_interval_ns;
  pipeline_.questions().ask(configuration(), [](Result<AnswerValue> answer) {
    if (!answer) log::warn("sampling goes on as before: {}", answer.error().message);
  });
}

void Run::ask_counters() {
  next_counters_ns_ = now_ns_ + options_.counters_interval_ns;
  if (std::exchange(counters_asked_, true)) return;  // the last answer is still to come
  pipeline_.questions().ask(AskCounters{}, [this](Result<AnswerValue> answer) {
    counters_asked_ = false;
    if (const auto counters = answer_as<Counters>(std::move(answer))) on_counters(*counters);
  });
}

void Run::finish_report() {
  on_report(*reported_, store_);
  reported_.reset();
}

}  // namespace splitprof
