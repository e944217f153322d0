// SPDX-License-Identifier: Apache-2.0
//
// What the samples of some processes in a capture cost: capture_costs CAPTURE ROUNDS PID... prints JSON. In BPF, as
// each record says. In the processor, from the record's bytes to the profile: when the capture has been replayed and
// everything is known, their records are taken in again, so many rounds. And how long names took to come, by the
// capture's own clock. Asserts nothing.
#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "bpf/abi.h"
#include "processor/capture/capture_reader.h"
#include "processor/elf/local_file.h"
#include "processor/ingest/record.h"
#include "processor/run.h"
#include "shared/ring.h"

namespace splitprof {
namespace {

// Of this thread's own CPU, so that a busy machine changes little.
double cpu_ns() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// What is known of the samples that were asked for.
struct Samples {
  std::vector<double> walk_ns;
  std::vector<double> lag_ms;  // from a sample's time to the tick (ten a second) after which it was taken in
  uint64_t native_frames = 0, python_frames = 0, kernel_frames = 0;
  uint64_t first_ns = 0, last_name_ns = 0;  // CLOCK_MONOTONIC
  size_t most_held = 0;
};

// Stands before the capture, watches what passes, and at its end plays the samples again.
class Again final : public Input {
 public:
  Again(CaptureReader& reader, const Metrics& metrics, std::set<uint32_t> pids, size_t rounds)
      : reader_(reader), metrics_(metrics), pids_(std::move(pids)), rounds_(rounds) {}

  void watch(const Pipeline& pipeline) { pipeline_ = &pipeline; }
  const Samples& samples() const { return samples_; }
  const std::vector<double>& round_ns() const { return round_ns_; }
  uint64_t asked_again() const { return metrics_.functions_asked - asked_before_; }
  size_t records() const { return records_.size(); }

  Event next() override {
    if (stop_) return play();
    if (pipeline_ != nullptr) samples_.most_held = std::max(samples_.most_held, pipeline_->held_samples());
    if (metrics_.functions_named != named_) {
      named_ = metrics_.functions_named;
      samples_.last_name_ns = now_ns_;
    }
    Event event = reader_.next();
    if (const auto* tick = std::get_if<TickEvent>(&event)) {
      now_ns_ = std::max(now_ns_, tick->now_ns);
      for (const uint64_t time_ns : since_tick_)
        samples_.lag_ms.push_back(static_cast<double>(tick->now_ns - std::min(time_ns, tick->now_ns)) / 1e6);
      since_tick_.clear();
    } else if (const auto* record = std::get_if<RecordEvent>(&event)) {
      look_at(*record);
    } else if (std::holds_alternative<StopEvent>(event)) {
      stop_ = true;
      return play();
    }
    return event;
  }
  void ask(Ticket ticket, Question question) override { reader_.ask(ticket, std::move(question)); }
  void start(std::unique_ptr<Job> job) override { reader_.start(std::move(job)); }

 private:
  void look_at(const RecordEvent& event) {
    Record record;
    if (event.format != kFormatSampleRecord || !decode_record(event.format, event.message, record)) return;
    const auto* sample = std::get_if<SampleRecord>(&record);
    if (sample == nullptr || !pids_.contains(sample->pid.value)) return;
    now_ns_ = std::max(now_ns_, sample->time_ns);
    if (samples_.first_ns == 0) samples_.first_ns = sample->time_ns;
    since_tick_.push_back(sample->time_ns);
    uint64_t native = 0, python = 0;
    for (const auto& frame : sample->user_frames) {
      python += frame.kind == SP_FRAME_PYTHON;
      native += frame.kind == SP_FRAME_NATIVE;
    }
    if (python == 0) return;  // before the kernel knew of the interpreter, or outside it
    samples_.walk_ns.push_back(static_cast<double>(sample->walk_ns));
    samples_.python_frames += python;
    samples_.native_frames += native;
    samples_.kernel_frames += sample->kernel_frames.size();
    records_.emplace_back(event.message.begin(), event.message.end());
  }

  // The first round is not counted: caches are cold, and something may still be unknown.
  Event play() {
    if (round_ == 1 && next_ == 0) asked_before_ = metrics_.functions_asked;
    if (next_ == 0 && round_ <= rounds_) {
      const double now = cpu_ns();
      if (round_ > 1) round_ns_.push_back(now - round_began_);
      round_began_ = now;
      if (round_++ == rounds_) next_ = records_.size();
    }
    if (next_ < records_.size()) {
      const RecordEvent event{.format = kFormatSampleRecord, .message = records_[next_]};
      if (++next_ == records_.size() && round_ <= rounds_) next_ = 0;
      return event;
    }
    if (std::exchange(stopped_, true)) return reader_.next();
    return StopEvent{};
  }

  CaptureReader& reader_;
  const Metrics& metrics_;
  const std::set<uint32_t> pids_;
  const size_t rounds_;
  const Pipeline* pipeline_ = nullptr;
  Samples samples_;
  std::vector<uint64_t> since_tick_;  // times of samples
  std::vector<std::vector<uint64_t>> records_;
  uint64_t now_ns_ = 0;
  uint64_t named_ = 0;
  uint64_t asked_before_ = 0;
  bool stop_ = false, stopped_ = false;
  size_t next_ = 0, round_ = 0;
  double round_began_ = 0;
  std::vector<double> round_ns_;
};

nlohmann::json quantiles(std::vector<double> values) {
  if (values.empty()) return nullptr;
  std::ranges::sort(values);
  double sum = 0;
  for (const double value : values) sum += value;
  const auto at = [&](double share) {
    return values[static_cast<size_t>(share * static_cast<double>(values.size() - 1))];
  };
  return {{"mean", sum / static_cast<double>(values.size())},
          {"min", at(0)},
          {"median", at(0.5)},
          {"p99", at(0.99)},
          {"max", at(1)}};
}

Result<> run(const std::string& path, size_t rounds, std::set<uint32_t> pids) {
  auto opened = TRY(LocalFile::open_path(path.c_str()));
  auto file = TRY(CaptureFile::open(std::move(opened)));
  auto index = TRY(index_capture(*file));
  Metrics metrics;
  CaptureReader reader(*file, index, metrics);
  Again again(reader, metrics, std::move(pids), rounds);
  std::vector<Pid> only;
  for (const uint32_t pid : index.session.pids) only.emplace_back(pid);
  // Without a duration, so that the end comes from the reader, when all of the capture has passed.
  Run session(again, metrics, {.hz = index.session.hz, .only = std::move(only)});
  again.watch(session.pipeline());
  TRY(session.run());

  const Samples& samples = again.samples();
  const auto n = static_cast<double>(again.records());
  if (again.records() == 0) return fail(Errc::not_found, "no sample of these processes is in {}", path);
  const double frames = static_cast<double>(samples.python_frames + samples.native_frames + samples.kernel_frames);
  auto per_frame = nlohmann::json::array(), per_sample = nlohmann::json::array();
  for (const double ns : again.round_ns()) {
    per_sample.push_back(ns / n);
    per_frame.push_back(ns / frames);
  }
  std::cout << nlohmann::json{{"samples", again.records()},
                              {"walk_ns", quantiles(samples.walk_ns)},
                              {"python_frames", static_cast<double>(samples.python_frames) / n},
                              {"native_frames", static_cast<double>(samples.native_frames) / n},
                              {"kernel_frames", static_cast<double>(samples.kernel_frames) / n},
                              {"processor_ns_per_sample", per_sample},
                              {"processor_ns_per_frame", per_frame},
                              {"asked_again", again.asked_again()},
                              {"lag_ms", quantiles(samples.lag_ms)},
                              {"last_name_ms", static_cast<double>(samples.last_name_ns -
                                                                   std::min(samples.first_ns, samples.last_name_ns)) /
                                                   1e6},
                              {"functions", session.pipeline().functions().size()},
                              {"samples_held", metrics.samples_held},
                              {"most_held", samples.most_held}}
                   .dump()
            << "\n";
  return Ok{};
}

}  // namespace
}  // namespace splitprof

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: capture_costs CAPTURE ROUNDS PID...\n";
    return 2;
  }
  std::set<uint32_t> pids;
  for (int i = 3; i < argc; ++i) pids.insert(static_cast<uint32_t>(std::strtoul(argv[i], nullptr, 10)));
  const auto done = splitprof::run(argv[1], std::strtoul(argv[2], nullptr, 10), std::move(pids));
  if (done) return 0;
  std::cerr << "capture_costs: " << done.error().message << "\n";
  return 1;
}
