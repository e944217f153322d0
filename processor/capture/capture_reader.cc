// SPDX-License-Identifier: Apache-2.0
#include "processor/capture/capture_reader.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "processor/capture/question_key.h"

namespace splitprof {
namespace {

constexpr uint64_t kTickNs = 100'000'000;  // as the live Input ticks

class ReplayedFile final : public ReadableFile {
 public:
  ReplayedFile(CapturedReads& reads, CapturedFile number, const FileIdentity& identity)
      : reads_(reads), number_(number), identity_(identity) {}
  Result<size_t> read_at(uint64_t offset, std::span<std::byte> into) override {
    return reads_.read(number_, offset, into);
  }
  const FileIdentity& identity() const override { return identity_; }

 private:
  CapturedReads& reads_;
  CapturedFile number_;
  FileIdentity identity_;
};

// What the capture says as the value that was answered.
struct ToAnswer {
  CapturedReads& reads;

  Result<AnswerValue> operator()(const Error& error) { return Error(error); }
  Result<AnswerValue> operator()(const CapturedText& text) {
    auto bytes = TRY(reads.text(text));
    return AnswerValue(Text{std::move(bytes)});
  }
  Result<AnswerValue> operator()(const CapturedFileValue& value) {
    return AnswerValue(
        std::unique_ptr<ReadableFile>(std::make_unique<ReplayedFile>(reads, value.file, value.identity)));
  }
  Result<AnswerValue> operator()(const auto& same) { return AnswerValue(same); }
};

}  // namespace

CaptureReader::CaptureReader(CaptureFile& file, CaptureIndex& index, Metrics& metrics)
    : file_(file), index_(index), metrics_(metrics), reads_(file, index), cursor_(file) {
  by_identity_.resize(index.questions.size());
  std::iota(by_identity_.begin(), by_identity_.end(), 0);
  std::stable_sort(by_identity_.begin(), by_identity_.end(),
                   [&](uint32_t a, uint32_t b) { return index.questions[a].identity < index.questions[b].identity; });
  for (uint32_t i = 0; i < by_identity_.size(); ++i) {
    auto& alike = questions_[index.questions[by_identity_[i]].identity];
    if (alike.end == 0) alike.next = i;
    alike.end = i + 1;
  }
  metrics_.replay_entries_unknown = index.unknown_entries;
}

Event CaptureReader::next() {
  metrics_.replay_reads_unanswered = reads_.unanswered();
  if (ready_.empty() && !ended_) {
    if (auto event = next_recorded()) return std::move(*event);
    ended_ = true;
    // Nothing will come to finish them, and names may still be found in what was read.
    for (JobNumber i = 0; i < next_job_; ++i)
      if (const auto job = jobs_.find(i); job != jobs_.end()) ready_.push_back(JobEvent{std::move(job->second)});
    jobs_.clear();
  }
  if (ready_.empty()) return after_the_end();
  auto event = std::move(ready_.front());
  ready_.pop_front();
  if (auto* job = std::get_if<JobEvent>(&event)) return finish(std::move(job->job));
  return event;
}

std::optional<Event> CaptureReader::next_recorded() {
  while (cursor_.next_place() < index_.end) {
    auto entry = cursor_.next();
    if (!entry || !*entry) break;  // the file has changed since it was indexed
    if (auto event = take(std::move(**entry))) return event;
  }
  return std::nullopt;
}

// What is no event was taken in by the index.
std::optional<Event> CaptureReader::take(Entry entry) {
  if (const auto* record = std::get_if<RecordEntry>(&entry)) {
    message_.resize(record->message.size() / 8);
    if (!message_.empty()) std::memcpy(message_.data(), record->message.data(), record->message.size());
    return RecordEvent{record->format, message_};
  }
  if (const auto* tick = std::get_if<TickEntry>(&entry)) {
    last_tick_ns_ = tick->now_ns;
    return TickEvent{tick->now_ns};
  }
  if (std::holds_alternative<StopEntry>(entry)) return StopEvent{};
  if (const auto* gone = std::get_if<DisconnectedEntry>(&entry)) return DisconnectedEvent{std::string(gone->why)};
  if (const auto* answered = std::get_if<AnswerEntry>(&entry)) {
    const auto asker = waiting_.find(answered->ticket);
    if (asker == waiting_.end()) return std::nullopt;  // this version has not asked, or not yet
    const Ticket ticket = asker->second;
    waiting_.erase(asker);
    return answer(ticket, answered->value);
  }
  if (const auto* finished = std::get_if<JobFinishedEntry>(&entry)) {
    const auto job = jobs_.find(finished->job);
    if (job == jobs_.end()) return std::nullopt;
    auto taken = std::move(job->second);
    jobs_.erase(job);
    return finish(std::move(taken));
  }
  return std::nullopt;
}

Event CaptureReader::answer(Ticket ticket, const CapturedValue& value) {
  return AnswerEvent{ticket, std::visit(ToAnswer{reads_}, value)};
}

Event CaptureReader::finish(std::unique_ptr<Job> job) {
  job->run();
  return JobEvent{std::move(job)};
}

// Only when the capture is cut off, or another version replays it: what is there comes to its proper end.
Event CaptureReader::after_the_end() {
  ++metrics_.replay_events_made_up;
  if (!std::exchange(stopped_, true)) return StopEvent{};
  last_tick_ns_ += kTickNs;
  return TickEvent{last_tick_ns_};
}

void CaptureReader::ask(Ticket ticket, Question question) {
  const auto known = key_of(question);
  const auto alike = questions_.find(identity_of_question(known.name, known.key));
  if (alike == questions_.end() || alike->second.next == alike->second.end) {
    ++metrics_.replay_questions_unanswered;
    ready_.push_back(AnswerEvent{ticket, fail(Errc::gone, "the capture does not answer {}", known.name)});
    return;
  }
  const auto& recorded = index_.questions[by_identity_[alike->second.next++]];
  if (recorded.ticket != ticket) ++metrics_.replay_questions_out_of_order;
  if (recorded.answered == CaptureIndex::kNever) return;  // as it was then
  if (!has_passed(recorded.answered)) {
    waiting_.emplace(recorded.ticket, ticket);
    return;
  }
  auto held = file_.entry_at(recorded.answered);
  const auto* entry = held ? std::get_if<AnswerEntry>(&held->entry) : nullptr;
  if (entry != nullptr) ready_.push_back(answer(ticket, entry->value));
}

void CaptureReader::start(std::unique_ptr<Job> job) {
  const JobNumber number = next_job_++;
  const bool recorded = number < index_.jobs.size();
  if (!recorded) ++metrics_.replay_jobs_unknown;
  const bool never = recorded && index_.jobs[number] == CaptureIndex::kNever;
  if (ended_ || !recorded || (!never && has_passed(index_.jobs[number])))
    ready_.push_back(JobEvent{std::move(job)});
  else
    jobs_.emplace(number, std::move(job));
}

bool CaptureReader::exact() const {
  return !index_.damage && metrics_.replay_questions_unanswered == 0 && metrics_.replay_questions_out_of_order == 0 &&
         metrics_.replay_jobs_unknown == 0 && reads_.unanswered() == 0 && metrics_.replay_events_made_up == 0;
}

}  // namespace splitprof
