// SPDX-License-Identifier: Apache-2.0
//
// The one way in: everything that the processor learns passes this interface. Records of the ring, answers of the
// sampler, results of file readers and ticks of the clock arrive as events, one after another, on the main thread; the
// order in which `next` hands them out is the order of a session, so that a log of it replays exactly. The processor
// never reads /proc, the clock or a target's file by another way.
//
// Live, it is implemented by SamplerClient (processor/ingest/sampler_client.h).
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "processor/ingest/runtime_value.h"
#include "shared/ids.h"
#include "shared/result.h"

namespace splitprof {

// What was opened, by fstat. Identity of a file is these five; a build id is only a claim.
struct FileIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t size = 0;  // bytes
  int64_t modified_ns = 0;
  int64_t changed_ns = 0;
  friend auto operator<=>(const FileIdentity&, const FileIdentity&) = default;
};

// A file or a memory of a target, read by position into bounded buffers; never mapped (a truncated file would be a
// signal). A read may block for ever on a foreign file system: only workers read. Safe to use from one thread at a
// time.
class ReadableFile {
 public:
  virtual ~ReadableFile() = default;
  // Reads at most `into.size()` bytes at `offset`; fewer only at the end, 0 when there is nothing (left).
  virtual Result<size_t> read_at(uint64_t offset, std::span<std::byte> into) = 0;
  virtual const FileIdentity& identity() const = 0;
};

// ---- Questions, and what answers them. A question never fails at once: the failure is its answer. -------------------

using Ticket = uint64_t;  // given by the asker, returned with the answer

struct AskMappings {  // answered by Text: /proc/PID/maps, at most 16 MiB
  ProcessKey process;
};
struct AskDescription {  // answered by Description
  ProcessKey process;
};
struct AskMemory {  // answered by std::unique_ptr<ReadableFile>
  ProcessKey process;
};
struct AskMappedFile {  // answered by std::unique_ptr<ReadableFile>
  ProcessKey process;
  RuntimeAddress start, end;
};
struct AskExecutable {  // answered by std::unique_ptr<ReadableFile>: what an exec event's key stands for
  uint64_t key = 0;
};
// Answered by std::unique_ptr<ReadableFile>: a file in the process's root with debug information of one that it maps.
struct AskDebugFile {
  enum class By {
    build_id,  // /usr/lib/debug/.build-id/xx/….debug
    link,      // beside the mapped file, in .debug/ there, or in its folder below /usr/lib/debug
    dwz,       // /usr/lib/debug/.dwz/
  };
  ProcessKey process;
  By by = By::build_id;
  std::string name;           // hexadecimal digits of a build id; or of a file, for dwz with at most one folder
  RuntimeAddress start, end;  // of the mapping whose file a link belongs to
};
// Answered by Text: see pick_variables(). An error unless the sampler was started with --allow-environment.
struct AskEnvironment {
  ProcessKey process;
  std::vector<std::string> variables;  // their names
};
struct AskKernelSymbols {};  // answered by Text: /proc/kallsyms, at most 64 MiB
struct AskHost {};           // answered by Host
struct AskCounters {};       // answered by Counters

struct InstallTable {  // answered by InstalledTable
  std::vector<uint64_t> rules;
  uint64_t first_page = 0;
  std::vector<uint16_t> counts;  // rows of each page; 0 for a page without
  std::vector<uint32_t> rows;
};
struct RemoveTable {  // not answered
  uint32_t id = 0;
};
struct TableMapping {
  RuntimeAddress start;
  uint64_t length = 0;  // bytes
  uint64_t bias = 0;
  uint32_t table = 0;  // 0: none; SP_TABLE_PENDING: not yet
};
struct SetMappings {  // answered by Ok
  ProcessKey process;
  std::vector<TableMapping> mappings;  // sorted by start
};
struct SetRuntimes {  // answered by Ok
  ProcessKey process;
  std::vector<RuntimeValue> runtimes;  // at most SP_MAX_PROCESS_RUNTIMES
};
struct Configure {  // answered by Ok
  uint32_t hz = 0;
  std::vector<uint32_t> cpus;
  bool idle = false;
};

using Question = std::variant<AskMappings, AskDescription, AskMemory, AskMappedFile, AskExecutable, AskKernelSymbols,
                              AskHost, AskCounters, InstallTable, RemoveTable, SetMappings, Configure, AskDebugFile,
                              AskEnvironment, SetRuntimes>;

struct Text {
  std::string bytes;
};
struct Description {
  std::string cgroup, command_line, executable_link;  // raw bytes
  uint64_t start_time_ns = 0;
};
struct InstalledTable {
  uint32_t id = 0;
};
struct Host {
  std::string boot_id, machine_id, host_name, kernel_release, kernel_version, architecture;
  uint32_t online_cpus = 0;
  std::vector<uint32_t> sampler_pids;
  std::string kernel_build_id;                               // lower-case hexadecimal; empty: unknown
  std::vector<std::pair<std::string, std::string>> modules;  // names and build ids of those loaded when it was started
};
struct Counters {
  std::vector<std::pair<std::string, uint64_t>> values;
};

using AnswerValue = std::variant<Ok, Text, Description, std::unique_ptr<ReadableFile>, InstalledTable, Host, Counters>;

// ---- Work: what a worker thread made of a file. It enters here so that its place in the order is known. -------------

// A worker's job. `run` is called on a worker thread and may block for ever on a foreign file; `done` is called on the
// main thread, when the event is handed out. A job that is abandoned never gets `done`.
class Job {
 public:
  virtual ~Job() = default;
  virtual void run() = 0;
  virtual void done() = 0;
  // Cheaper jobs go first, so that a small program does not wait for a browser's tables. Bytes to read; 0: next to
  // none; 1: the file that a new process was sampled in, which goes before other files.
  virtual uint64_t cost() const { return 0; }
};

// ---- Events ------------------------------------------------------------------------------------------------------

struct RecordEvent {                  // one record of the ring, copied out; not yet validated
  uint32_t format = 0;                // see RecordHeader in shared/ring.h
  std::span<const uint64_t> message;  // valid until the next call of `next`
};
struct AnswerEvent {
  Ticket ticket = 0;
  Result<AnswerValue> answer;
};
struct JobEvent {
  std::unique_ptr<Job> job;  // has run; `done` not called yet
};
struct TickEvent {      // about ten a second
  uint64_t now_ns = 0;  // CLOCK_MONOTONIC
};
struct StopEvent {  // the wish of a user or of the clock: finish and write what there is
};
struct DisconnectedEvent {  // the sampler is gone
  std::string why;
};

using Event = std::variant<RecordEvent, AnswerEvent, JobEvent, TickEvent, StopEvent, DisconnectedEvent>;

class Input {
 public:
  virtual ~Input() = default;
  // Waits for the next event.
  virtual Event next() = 0;
  // The answer comes as an AnswerEvent with `ticket`.
  virtual void ask(Ticket ticket, Question question) = 0;
  // Runs the job on a worker; it comes back as a JobEvent.
  virtual void start(std::unique_ptr<Job> job) = 0;
};

}  // namespace splitprof
