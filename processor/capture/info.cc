// SPDX-License-Identifier: Apache-2.0
#include "processor/capture/info.h"

#include <fmt/core.h>

#include <array>
#include <cstring>
#include <ctime>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "processor/ingest/record.h"

namespace splitprof {
namespace {

constexpr std::array<const char*, kEntryKinds> kKindNames = {
    "",      "session", "contents", "records",    "ticks",        "stop", "disconnected",
    "asked", "answers", "reads",    "job starts", "job finishes", "end"};

std::string printable(std::string_view text) {
  std::string out(text.substr(0, 200));
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) c = '?';
  return out;
}

std::string bytes_text(uint64_t bytes) {
  if (bytes < 10'000) return fmt::format("{} B", bytes);
  if (bytes < 10'000'000) return fmt::format("{:.1f} KiB", static_cast<double>(bytes) / 1024);
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1024 * 1024));
}

struct Tally {
  uint64_t count = 0, bytes = 0;
  void add(uint64_t more) {
    ++count;
    bytes += more;
  }
};

class Counting {
 public:
  explicit Counting(const CaptureIndex& index) : index_(index), is_memory_(index.files.size()) {}

  void take(const Entry& entry) {
    std::visit([this](const auto& specific) { count(specific); }, entry);
  }

  std::string text(uint64_t stored_bytes, unsigned minor, const std::array<Tally, kEntryKinds>& kinds) const {
    std::string out;
    const auto line = [&out](std::string_view name, std::string_view value) {
      out += fmt::format("{:<14}{}\n", name, value);
    };
    const auto& session = index_.session;
    line("written by", fmt::format("splitprof {}, format {}.{}", printable(session.version), kCaptureMajor, minor));
    line("host", host_ ? fmt::format("Linux {} {}, {} CPUs; its name is not stored", printable(host_->kernel_release),
                                     printable(host_->architecture), host_->online_cpus)
                       : "not known");
    if (realtime_ns_ != 0) line("clock", started_text());
    line("duration", fmt::format("{:.1f} s", static_cast<double>(last_tick_ns_ - first_tick_ns_) / 1e9));
    std::string target = session.pids.empty() ? "the whole machine" : "pid";
    for (const uint32_t pid : session.pids) target += fmt::format(" {}", pid);
    line("sampling", fmt::format("{}, {} Hz", target, session.hz));
    line("samples", fmt::format("{} of {} processes; {} unreadable records", samples_.count, pids_.size(), malformed_));
    for (const auto& [name, count] : records_) line("  " + name, fmt::format("{}", count));
    line("files", fmt::format("{} opened, {} read from", index_.files.size(), files_read()));
    line("size", fmt::format("{} in the file", bytes_text(stored_bytes)));
    for (size_t i = 1; i < kEntryKinds; ++i)
      if (kinds[i].count != 0)
        line(std::string("  ") + kKindNames[i], fmt::format("{:<10}{}", kinds[i].count, bytes_text(kinds[i].bytes)));
    if (index_.unknown_entries != 0) line("  of a newer version", fmt::format("{}", index_.unknown_entries));
    out += "answers\n";
    for (const auto& [name, tally] : answers_)
      out += fmt::format("  {:<22}{:<10}{}\n", printable(name), tally.count, bytes_text(tally.bytes));
    out += "secrets that it may hold\n";
    const auto secret = [&out](const char* name, const Tally& tally) {
      out += fmt::format("  {:<22}{:<10}{}\n", name, tally.count, bytes_text(tally.bytes));
    };
    secret("command lines", command_lines_);
    secret("environments", environments_);
    secret("reads of memory", memory_);
    secret("copies of stacks", stacks_);
    secret("registers", registers_);
    secret("paths of mappings", paths_);
    secret("parts of files", file_reads_);
    if (index_.ending && index_.ending->records_left_out + index_.ending->entries_left_out != 0)
      line("left out", fmt::format("{} records and {} other entries, because it became too large",
                                   index_.ending->records_left_out, index_.ending->entries_left_out));
    if (index_.damage) line("DAMAGED", index_.damage->message);
    return out;
  }

 private:
  std::string started_text() const {
    const auto seconds = static_cast<time_t>(realtime_ns_ / 1'000'000'000);
    std::array<char, 64> text = {};
    tm utc = {};
    if (gmtime_r(&seconds, &utc) == nullptr || std::strftime(text.data(), text.size(), "%F %T UTC", &utc) == 0)
      return "not known";
    return text.data();
  }

  void count(const RecordEntry& entry) {
    message_.resize(entry.message.size() / 8);
    if (!message_.empty()) std::memcpy(message_.data(), entry.message.data(), entry.message.size());
    if (!decode_record(entry.format, message_, record_)) {
      ++malformed_;
      return;
    }
    std::visit([this](const auto& specific) { count_record(specific); }, record_);
  }
  void count_record(const SampleRecord& sample) {
    samples_.add(0);
    pids_.insert(sample.pid.value);
    if (!sample.stack.empty()) stacks_.add(sample.stack.size());
    if (!sample.registers.empty()) registers_.add(sample.registers.size() * 8);
  }
  void count_record(const ProcessRecord& process) {
    ++records_["process events"];
    if (const auto* mapping = std::get_if<ProcessRecord::MappingAdded>(&process.event))
      paths_.add(mapping->path.size());
  }
  void count_record(const LossRecord&) { ++records_["losses"]; }
  void count_record(const ClockSyncRecord& sync) {
    ++records_["clock syncs"];
    if (realtime_ns_ == 0) realtime_ns_ = sync.realtime_ns;
  }
  void count_record(const KernelSymbolsChangedRecord&) { ++records_["kernel symbol changes"]; }

  void count(const TickEntry& tick) {
    if (first_tick_ns_ == 0) first_tick_ns_ = tick.now_ns;
    last_tick_ns_ = tick.now_ns;
  }
  void count(const AskedEntry& asked) { open_.insert_or_assign(asked.ticket, std::string(asked.name)); }
  void count(const AnswerEntry& answer) {
    const auto asked = open_.find(answer.ticket);
    if (asked == open_.end()) return;
    uint64_t bytes = 0;
    if (const auto* text = std::get_if<CapturedText>(&answer.value)) {
      for (const ContentId id : text->contents) bytes += index_.contents.at(id).size;
    } else if (const auto* description = std::get_if<Description>(&answer.value)) {
      bytes = description->cgroup.size() + description->command_line.size() + description->executable_link.size();
      command_lines_.add(description->command_line.size());
    } else if (const auto* file = std::get_if<CapturedFileValue>(&answer.value)) {
      is_memory_.at(file->file) = asked->second == "AskMemory";
    } else if (const auto* host = std::get_if<Host>(&answer.value)) {
      host_ = *host;
    }
    answers_[asked->second].add(bytes);
    if (asked->second.find("Environment") != std::string::npos) environments_.add(bytes);
    if (asked->second == "AskMappings") paths_.add(bytes);
    open_.erase(asked);
  }
  void count(const ReadEntry& read) {
    const auto* contents = std::get_if<std::vector<ContentId>>(&read.outcome);
    if (contents == nullptr) return;
    uint64_t bytes = 0;
    for (const ContentId id : *contents) bytes += index_.contents.at(id).size;
    (is_memory_.at(read.file) ? memory_ : file_reads_).add(bytes);
  }
  void count(const auto&) {}

  size_t files_read() const {
    size_t read = 0;
    for (const auto& file : index_.files) read += file.end_read != file.first_read;
    return read;
  }

  const CaptureIndex& index_;
  std::vector<bool> is_memory_;  // by file
  std::unordered_map<Ticket, std::string> open_;
  Tally samples_, command_lines_, environments_, memory_, stacks_, registers_, paths_, file_reads_;
  std::map<std::string, Tally> answers_;
  std::map<std::string, uint64_t> records_;
  std::unordered_set<uint32_t> pids_;
  std::optional<Host> host_;
  uint64_t malformed_ = 0;
  uint64_t first_tick_ns_ = 0, last_tick_ns_ = 0, realtime_ns_ = 0;
  std::vector<uint64_t> message_;
  Record record_;
};

}  // namespace

Result<std::string> describe_capture(CaptureFile& file, const CaptureIndex& index) {
  Counting counting(index);
  std::array<Tally, kEntryKinds> kinds;
  EntryCursor cursor(file);
  while (cursor.next_place() < index.end) {
    const auto entry = TRY(cursor.next());
    if (!entry) break;
    // Entry is in the order of EntryKind, which begins with 1.
    if (entry->index() + 1 < kEntryKinds) kinds[entry->index() + 1].add(cursor.entry_bytes());
    counting.take(*entry);
  }
  return counting.text(file.stored_bytes(), file.minor(), kinds);
}

}  // namespace splitprof
