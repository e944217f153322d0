// SPDX-License-Identifier: Apache-2.0
//
// reduce_capture FROM TO: the same session of the processes that were asked for (--pid, COMMAND and their descendants)
// without the samples of others, without kernel symbols that no sample needs, and without contents that nothing refers
// to. For captures that are kept or sent to somebody: it replays to the same stacks.
#include <fcntl.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "processor/capture/captured_reads.h"
#include "processor/capture/log.h"
#include "processor/elf/local_file.h"
#include "processor/ingest/record.h"

namespace splitprof {
namespace {

class Reducer {
 public:
  Reducer(CaptureFile& file, CaptureIndex& index, CaptureLog& to) : reads_(file, index), to_(to) {
    wanted_.insert(index.session.pids.begin(), index.session.pids.end());
  }

  // First over all entries: which kernel addresses are in use.
  void look_at(const Entry& entry) {
    const auto* record = std::get_if<RecordEntry>(&entry);
    if (record == nullptr || !is_wanted(*record)) return;
    if (const auto* sample = std::get_if<SampleRecord>(&record_))
      addresses_.insert(sample->kernel_frames.begin(), sample->kernel_frames.end());
  }
  // Then again: what is kept.
  Result<> take(Entry entry) {
    if (const auto* record = std::get_if<RecordEntry>(&entry)) {
      if (is_wanted(*record)) to_.add(entry);
    } else if (const auto* asked = std::get_if<AskedEntry>(&entry)) {
      if (asked->name == "AskKernelSymbols") kernel_.insert(asked->ticket);
      to_.add(entry);
    } else if (const auto* answer = std::get_if<AnswerEntry>(&entry)) {
      TRY(take_answer(*answer));
    } else if (const auto* read = std::get_if<ReadEntry>(&entry)) {
      TRY(take_read(*read));
    } else if (!std::holds_alternative<SessionEntry>(entry) && !std::holds_alternative<ContentEntry>(entry) &&
               !std::holds_alternative<EndEntry>(entry) && !std::holds_alternative<UnknownEntry>(entry)) {
      to_.add(entry);
    }
    return Ok{};
  }

 private:
  bool is_wanted(const RecordEntry& entry) {
    message_.resize(entry.message.size() / 8);
    if (!message_.empty()) std::memcpy(message_.data(), entry.message.data(), entry.message.size());
    if (!decode_record(entry.format, message_, record_)) return true;  // it counts as malformed
    if (const auto* sample = std::get_if<SampleRecord>(&record_)) return is_wanted(sample->pid);
    const auto* process = std::get_if<ProcessRecord>(&record_);
    if (process == nullptr) return true;
    if (const auto* fork = std::get_if<ProcessRecord::Fork>(&process->event);
        fork != nullptr && is_wanted(fork->parent_pid))
      wanted_.insert(process->pid.value);
    return is_wanted(process->pid);
  }
  bool is_wanted(Pid pid) const { return wanted_.empty() || wanted_.contains(pid.value); }

  Result<> take_answer(const AnswerEntry& answer) {
    if (const auto* text = std::get_if<CapturedText>(&answer.value)) {
      auto bytes = TRY(reads_.text(*text));
      to_.add_text(answer.ticket, kernel_.contains(answer.ticket) ? needed_symbols(bytes) : bytes);
    } else {
      to_.add(answer);
    }
    return Ok{};
  }

  Result<> take_read(const ReadEntry& read) {
    if (const auto* error = std::get_if<Error>(&read.outcome)) {
      to_.add_read(read.file, read.offset, read.length, Error(*error));
      return Ok{};
    }
    const auto bytes = TRY(reads_.text({std::get<std::vector<ContentId>>(read.outcome)}));
    to_.add_read(read.file, read.offset, read.length, std::as_bytes(std::span(bytes)));
    return Ok{};
  }

  // The lines at and just before each address, and the next ones behind, where functions end.
  std::string needed_symbols(std::string_view kallsyms) const {
    std::vector<std::pair<uint64_t, std::string_view>> lines;
    while (!kallsyms.empty()) {
      const auto line = kallsyms.substr(0, kallsyms.find('\n') + 1);
      uint64_t address = 0;
      std::from_chars(line.data(), line.data() + line.size(), address, 16);
      lines.emplace_back(address, line);
      kallsyms.remove_prefix(line.empty() ? kallsyms.size() : line.size());
    }
    std::stable_sort(lines.begin(), lines.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    std::set<uint64_t> needed;
    for (const uint64_t address : addresses_) {
      const auto after = std::upper_bound(lines.begin(), lines.end(), address,
                                          [](uint64_t wanted, const auto& line) { return wanted < line.first; });
      if (after != lines.end()) needed.insert(after->first);
      // The symbol before may be data, which the processor leaves out.
      for (auto line = after; line != lines.begin() && after - line < 16; --line) needed.insert(std::prev(line)->first);
    }
    std::string text;
    for (const auto& line : lines)
      if (needed.contains(line.first) || line.second.ends_with(" _stext\n")) text += line.second;  // never none at all
    return text;
  }

  CapturedReads reads_;
  CaptureLog& to_;
  std::unordered_set<uint32_t> wanted_;
  std::unordered_set<uint64_t> addresses_;
  std::unordered_set<Ticket> kernel_;
  std::vector<uint64_t> message_;
  Record record_;
};

Result<> for_each(CaptureFile& file, const CaptureIndex& index, const std::function<Result<>(Entry)>& act) {
  EntryCursor cursor(file);
  while (cursor.next_place() < index.end) {
    auto entry = TRY(cursor.next());
    if (!entry) break;
    TRY(act(std::move(*entry)));
  }
  return Ok{};
}

Result<> reduce(const char* from, const char* to) {
  auto opened = TRY(LocalFile::open_path(from));
  auto file = TRY(CaptureFile::open(std::move(opened)));
  auto index = TRY(index_capture(*file));
  if (index.damage) return Error(*index.damage);
  const kj::AutoCloseFd fd(open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (fd.get() < 0) return fail(Errc::io, "{}: {}", to, strerror(errno));
  CaptureLog log(fd, index.session, {});
  Reducer reducer(*file, index, log);
  TRY(for_each(*file, index, [&](Entry entry) -> Result<> {
    reducer.look_at(entry);
    return Ok{};
  }));
  TRY(for_each(*file, index, [&](Entry entry) { return reducer.take(std::move(entry)); }));
  return log.finish();
}

}  // namespace
}  // namespace splitprof

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: reduce_capture FROM.splitprof TO.splitprof\n");
    return 2;
  }
  const auto done = splitprof::reduce(argv[1], argv[2]);
  if (!done) fmt::print(stderr, "reduce_capture: {}\n", done.error().message);
  return done ? 0 : 1;
}
