// SPDX-License-Identifier: Apache-2.0
#include "processor/capture/capture_writer.h"

#include "processor/capture/question_key.h"
#include "shared/check.h"
#include "shared/log.h"

namespace splitprof {
namespace {

class LoggedFile final : public ReadableFile {
 public:
  LoggedFile(std::unique_ptr<ReadableFile> file, CapturedFile number, std::shared_ptr<CaptureLog> log)
      : file_(std::move(file)), number_(number), log_(std::move(log)) {}

  Result<size_t> read_at(uint64_t offset, std::span<std::byte> into) override {
    auto size = file_->read_at(offset, into);
    if (size)
      log_->add_read(number_, offset, into.size(), std::span<const std::byte>(into.first(*size)));
    else
      log_->add_read(number_, offset, into.size(), Error(size.error()));
    return size;
  }
  const FileIdentity& identity() const override { return file_->identity(); }

 private:
  std::unique_ptr<ReadableFile> file_;
  CapturedFile number_;
  std::shared_ptr<CaptureLog> log_;
};

class NumberedJob final : public Job {
 public:
  NumberedJob(std::unique_ptr<Job> job, JobNumber number) : job_(std::move(job)), number_(number) {}
  void run() override { job_->run(); }
  void done() override { CHECK(false); }  // the job itself is handed out
  uint64_t cost() const override { return job_->cost(); }
  std::unique_ptr<Job> take() { return std::move(job_); }
  JobNumber number() const { return number_; }

 private:
  std::unique_ptr<Job> job_;
  JobNumber number_;
};

// An answer's value into the log; a file is wrapped where it stands. A new type of value has to be added here.
struct LogValue {
  CaptureLog& log;
  const std::shared_ptr<CaptureLog>& shared_log;
  Ticket ticket;
  CapturedFile& files;

  void keep(CapturedValue value) { log.add(AnswerEntry{ticket, std::move(value)}); }

  void operator()(const Ok& ok) { keep(ok); }
  void operator()(const Text& text) { log.add_text(ticket, text.bytes); }
  void operator()(const Description& description) { keep(description); }
  void operator()(std::unique_ptr<ReadableFile>& file) {
    const CapturedFile number = files++;
    keep(CapturedFileValue{number, file->identity()});
    file = std::make_unique<LoggedFile>(std::move(file), number, shared_log);
  }
  void operator()(const InstalledTable& table) { keep(table); }
  void operator()(Host host) {
    host.boot_id.clear();
    host.machine_id.clear();
    host.host_name.clear();
    keep(std::move(host));
  }
  void operator()(const Counters& counters) { keep(counters); }
};

// An event into the log, unwrapped where it stands. A new type of event has to be added here.
struct LogEvent {
  CaptureLog& log;
  const std::shared_ptr<CaptureLog>& shared_log;
  CapturedFile& files;

  void operator()(const RecordEvent& event) { log.add(RecordEntry{event.format, std::as_bytes(event.message)}); }
  void operator()(AnswerEvent& event) {
    if (event.answer)
      std::visit(LogValue{log, shared_log, event.ticket, files}, *event.answer);
    else
      log.add(AnswerEntry{event.ticket, event.answer.error()});
  }
  void operator()(JobEvent& event) {
    auto* numbered = dynamic_cast<NumberedJob*>(event.job.get());
    CHECK(numbered != nullptr);
    log.add(JobFinishedEntry{numbered->number()});
    event.job = numbered->take();
  }
  void operator()(const TickEvent& event) { log.add(TickEntry{event.now_ns}); }
  void operator()(const StopEvent&) { log.add(StopEntry{}); }
  void operator()(const DisconnectedEvent& event) { log.add(DisconnectedEntry{event.why}); }
};

}  // namespace

CaptureWriter::CaptureWriter(Input& live, Metrics& metrics, int fd, const SessionEntry& session,
                             CaptureLog::Limits limits)
    : live_(live), metrics_(metrics), log_(std::make_shared<CaptureLog>(fd, session, limits)) {}

Event CaptureWriter::next() {
  auto event = live_.next();
  std::visit(LogEvent{*log_, log_, files_}, event);
  metrics_.capture_records_left_out = log_->records_left_out();
  if (!warned_ && log_->full()) {
    warned_ = true;
    log::warn("the capture has become as large as it may be: what comes now will not stand in it");
  }
  return event;
}

void CaptureWriter::ask(Ticket ticket, Question question) {
  const auto known = key_of(question);
  log_->add(AskedEntry{ticket, known.name, known.key});
  live_.ask(ticket, std::move(question));
}

void CaptureWriter::start(std::unique_ptr<Job> job) {
  const JobNumber number = jobs_++;
  log_->add(JobStartedEntry{number});
  live_.start(std::make_unique<NumberedJob>(std::move(job), number));
}

Result<> CaptureWriter::finish() {
  return log_->finish();
}

}  // namespace splitprof
