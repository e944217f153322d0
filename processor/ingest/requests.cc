// SPDX-License-Identifier: Apache-2.0
#include "processor/ingest/requests.h"

#include <fcntl.h>
#include <kj/debug.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

#include "processor/elf/local_file.h"
#include "processor/ingest/environment.h"

namespace splitprof {
namespace {

constexpr size_t kMaxMapsBytes = 16u << 20;      // 64 Ki mappings, the usual most of a process, are 3.1 MB
constexpr size_t kMaxKallsymsBytes = 64u << 20;  // a distribution's kernel with its modules has 10 to 20 MB
constexpr size_t kReadBytes = 64u << 10;
constexpr size_t kMaxProcesses = 4096;     // as many as the sampler holds
constexpr size_t kMaxRowsPerCall = 65536;  // schema/sampler.capnp, UnwindTable.addRows
constexpr size_t kMaxPagesPerCall = 8192;  // keeps a sparse table's calls small

// Reads a listing of the kernel's from its beginning, until it ends or `max_bytes` are there.
Result<std::string> read_text(int fd, size_t max_bytes) {
  std::string text;
  for (;;) {
    const size_t before = text.size();
    text.resize(before + kReadBytes);
    const ssize_t n = read(fd, text.data() + before, kReadBytes);
    if (n < 0 && errno == EINTR) {
      text.resize(before);
      continue;
    }
    if (n < 0) return fail(errno == ESRCH ? Errc::gone : Errc::io, "reading a listing: {}", strerror(errno));
    text.resize(before + static_cast<size_t>(n));
    if (n == 0) return text;
    if (text.size() > max_bytes) return fail(Errc::too_large, "a listing of more than {} bytes", max_bytes);
  }
}

class ReadText final : public Job {
 public:
  ReadText(Ticket ticket, kj::AutoCloseFd fd, size_t max_bytes)
      : ticket_(ticket), fd_(kj::mv(fd)), max_bytes_(max_bytes) {}
  ~ReadText() noexcept override = default;
  void run() override { text_ = read_text(fd_, max_bytes_); }
  void done() override {}
  Ticket ticket() const { return ticket_; }
  Result<AnswerValue> answer() {
    if (!text_) return std::move(text_.error());
    return AnswerValue(Text{std::move(*text_)});
  }

 private:
  Ticket ticket_;
  kj::AutoCloseFd fd_;
  size_t max_bytes_;
  Result<std::string> text_ = Error{Errc::io, "not read"};
};

std::string to_string(capnp::Data::Reader data) {
  return std::string(reinterpret_cast<const char*>(data.begin()), data.size());
}

capnp::Data::Reader to_data(const std::string& text) {
  return {reinterpret_cast<const kj::byte*>(text.data()), text.size()};
}

std::string hex_of(capnp::Data::Reader data) {
  std::string digits;
  for (const kj::byte byte : data) digits += fmt::format("{:02x}", byte);
  return digits;
}

std::optional<std::vector<kj::byte>> bytes_of_hex(std::string_view digits) {
  std::vector<kj::byte> bytes(digits.size() / 2);
  for (size_t i = 0; i < bytes.size(); ++i) {
    const char* first = digits.data() + 2 * i;
    if (std::from_chars(first, first + 2, bytes[i], 16).ptr != first + 2) return std::nullopt;
  }
  return bytes;
}

// Pages [first, end) whose rows fit in one call.
size_t end_of_call(const InstallTable& table, size_t first, size_t& n_rows) {
  n_rows = 0;
  size_t end = first;
  while (end < table.counts.size() && end - first < kMaxPagesPerCall && n_rows + table.counts[end] <= kMaxRowsPerCall)
    n_rows += table.counts[end++];
  return end;
}

}  // namespace

kj::Promise<kj::AutoCloseFd> take_descriptor(schema::OpenFile::Client file) {
  auto descriptor = file.getFd();
  return descriptor.then([file = kj::mv(file)](kj::Maybe<int> borrowed) mutable {
    KJ_IF_MAYBE (fd, borrowed) {
      int own = -1;
      KJ_SYSCALL(own = fcntl(*fd, F_DUPFD_CLOEXEC, 3));
      return kj::AutoCloseFd(own);
    }
    KJ_FAIL_REQUIRE("no descriptor came with the capability");
  });
}

Error error_from(const kj::Exception& exception) {
  const auto code = [&] {
    switch (exception.getType()) {
      case kj::Exception::Type::OVERLOADED:
        return Errc::timed_out;
      case kj::Exception::Type::DISCONNECTED:
        return Errc::gone;
      case kj::Exception::Type::UNIMPLEMENTED:
        return Errc::unsupported;
      case kj::Exception::Type::FAILED:
        break;
    }
    return Errc::io;
  }();
  return Error{code, exception.getDescription().cStr()};
}

Requests::Requests(schema::Session::Client session, Workers& workers, Answer answer)
    : session_(kj::mv(session)),
      tables_(session_.unwindTablesRequest().send().getTables()),
      workers_(workers),
      answer_(std::move(answer)),
      tasks_(*this) {}

void Requests::ask(Ticket ticket, Question question) {
  std::visit([&](const auto& specific) { send(ticket, specific); }, question);
}

std::unique_ptr<Job> Requests::collect(std::unique_ptr<Job> job) {
  auto* text = dynamic_cast<ReadText*>(job.get());
  if (text == nullptr) return job;
  answer_(text->ticket(), text->answer());
  return nullptr;
}

void Requests::run(Ticket ticket, kj::Promise<void> promise) {
  tasks_.add(promise.catch_([this, ticket](kj::Exception&& e) { answer_(ticket, error_from(e)); }));
}

void Requests::taskFailed(kj::Exception&& exception) {
  KJ_LOG(ERROR, "a request's handler failed", exception);
}

schema::Process::Client& Requests::process(ProcessKey key) {
  if (const auto found = processes_.find(key); found != processes_.end()) {
    found->second.last_used = ++uses_;
    return found->second.client;
  }
  if (processes_.size() >= kMaxProcesses) {  // forget the half that was used longest ago
    std::vector<uint64_t> ages;
    for (const auto& [_, held] : processes_) ages.push_back(held.last_used);
    const auto middle = ages.begin() + static_cast<ptrdiff_t>(ages.size() / 2);
    std::nth_element(ages.begin(), middle, ages.end());
    std::erase_if(processes_, [&](const auto& entry) { return entry.second.last_used < *middle; });
  }
  auto request = session_.processRequest();
  request.setKey(key.value);
  return processes_.emplace(key, HeldProcess{request.send().getProcess(), ++uses_}).first->second.client;
}

void Requests::answer_with_file(Ticket ticket, schema::OpenFile::Client file) {
  run(ticket, take_descriptor(kj::mv(file)).then([this, ticket](kj::AutoCloseFd fd) {
    auto opened = LocalFile::open(kj::mv(fd));
    if (!opened) return answer_(ticket, std::move(opened.error()));
    answer_(ticket, AnswerValue(std::unique_ptr<ReadableFile>(std::move(*opened))));
  }));
}

void Requests::answer_with_text(Ticket ticket, schema::OpenFile::Client file, size_t max_bytes) {
  run(ticket, take_descriptor(kj::mv(file)).then([this, ticket, max_bytes](kj::AutoCloseFd fd) {
    if (!workers_.submit(std::make_unique<ReadText>(ticket, kj::mv(fd), max_bytes)))
      answer_(ticket, fail(Errc::timed_out, "too many files are waiting to be read"));
  }));
}

void Requests::send(Ticket ticket, const AskMappings& question) {
  answer_with_text(ticket, process(question.process).mappingsRequest().send().getMaps(), kMaxMapsBytes);
}

void Requests::send(Ticket ticket, const AskDescription& question) {
  run(ticket, process(question.process)
                  .describeRequest()
                  .send()
                  .then([this, ticket](capnp::Response<schema::Process::DescribeResults>&& response) {
                    answer_(ticket, AnswerValue(Description{.cgroup = to_string(response.getCgroup()),
                                                            .command_line = to_string(response.getCommandLine()),
                                                            .executable_link = to_string(response.getExecutableLink()),
                                                            .start_time_ns = response.getStartTimeNs()}));
                  }));
}

void Requests::send(Ticket ticket, const AskMemory& question) {
  answer_with_file(ticket, process(question.process).memoryRequest().send().getMemory());
}

void Requests::send(Ticket ticket, const AskMappedFile& question) {
  auto request = process(question.process).openMappingRequest();
  request.setStart(question.start.value);
  request.setEnd(question.end.value);
  answer_with_file(ticket, request.send().getFile());
}

void Requests::send(Ticket ticket, const AskExecutable& question) {
  auto request = session_.executableRequest();
  request.setKey(question.key);
  answer_with_file(ticket, request.send().getFile());
}

void Requests::send(Ticket ticket, const AskKernelSymbols&) {
  answer_with_text(ticket, session_.kernelSymbolsRequest().send().getSymbols(), kMaxKallsymsBytes);
}

void Requests::send(Ticket ticket, const AskHost&) {
  run(ticket,
      session_.hostRequest().send().then([this, ticket](capnp::Response<schema::Session::HostResults>&& response) {
        const auto host = response.getHost();
        Host made{.boot_id = host.getBootId(),
                  .machine_id = host.getMachineId(),
                  .host_name = host.getHostName(),
                  .kernel_release = host.getKernelRelease(),
                  .kernel_version = host.getKernelVersion(),
                  .architecture = host.getArchitecture(),
                  .online_cpus = host.getOnlineCpus(),
                  .sampler_pids = {},
                  .kernel_build_id = hex_of(host.getKernelBuildId()),
                  .modules = {}};
        for (const uint32_t pid : host.getSamplerPids()) made.sampler_pids.push_back(pid);
        for (const auto module : host.getModules())
          made.modules.emplace_back(module.getName(), hex_of(module.getBuildId()));
        answer_(ticket, AnswerValue(std::move(made)));
      }));
}

void Requests::send(Ticket ticket, const AskCounters&) {
  run(ticket, session_.countersRequest().send().then(
                  [this, ticket](capnp::Response<schema::Session::CountersResults>&& response) {
                    Counters made;
                    for (const auto counter : response.getCounters())
                      made.values.emplace_back(counter.getName(), counter.getValue());
                    answer_(ticket, AnswerValue(std::move(made)));
                  }));
}

void Requests::send(Ticket ticket, const InstallTable& question) {
  auto begin = tables_.installRequest();
  auto rules = begin.initRules(static_cast<unsigned>(question.rules.size()));
  for (size_t i = 0; i < question.rules.size(); ++i) rules.set(static_cast<unsigned>(i), question.rules[i]);
  begin.setFirstPage(question.first_page);
  begin.setPages(static_cast<uint32_t>(question.counts.size()));
  auto table = begin.send().getTable();

  kj::Vector<kj::Promise<void>> parts;
  size_t row = 0;
  for (size_t page = 0; page < question.counts.size();) {
    size_t n_rows = 0;
    const size_t end = end_of_call(question, page, n_rows);
    if (row + n_rows > question.rows.size()) return answer_(ticket, fail(Errc::malformed, "fewer rows than counted"));
    if (n_rows > 0) {
      auto part = table.addRowsRequest();
      part.setPage(static_cast<uint32_t>(page));
      auto counts = part.initCounts(static_cast<unsigned>(end - page));
      for (size_t i = page; i < end; ++i) counts.set(static_cast<unsigned>(i - page), question.counts[i]);
      auto rows = part.initRows(static_cast<unsigned>(n_rows));
      for (size_t i = 0; i < n_rows; ++i) rows.set(static_cast<unsigned>(i), question.rows[row + i]);
      parts.add(part.send().ignoreResult());
    }
    row += n_rows;
    page = end;
  }
  auto commit = table.commitRequest().send();
  run(ticket, kj::joinPromises(parts.releaseAsArray())
                  .then([commit = kj::mv(commit)]() mutable { return kj::mv(commit); })
                  .then([this, ticket, table = kj::mv(table)](
                            capnp::Response<schema::UnwindTable::CommitResults>&& response) mutable {
                    const uint32_t id = response.getId();
                    installed_.insert_or_assign(id, kj::mv(table));
                    answer_(ticket, AnswerValue(InstalledTable{id}));
                  }));
}

void Requests::send(Ticket, const RemoveTable& question) {
  installed_.erase(question.id);
}

void Requests::send(Ticket ticket, const SetMappings& question) {
  auto request = process(question.process).setMappingsRequest();
  auto list = request.initMappings(static_cast<unsigned>(question.mappings.size()));
  for (size_t i = 0; i < question.mappings.size(); ++i) {
    auto mapping = list[static_cast<unsigned>(i)];
    mapping.setStart(question.mappings[i].start.value);
    mapping.setLength(question.mappings[i].length);
    mapping.setBias(question.mappings[i].bias);
    mapping.setTable(question.mappings[i].table);
  }
  run(ticket, request.send().then([this, ticket](capnp::Response<schema::Process::SetMappingsResults>&&) {
    answer_(ticket, AnswerValue(Ok{}));
  }));
}

void Requests::send(Ticket ticket, const Configure& question) {
  auto request = session_.configureRequest();
  request.setHz(question.hz);
  auto cpus = request.initCpus(static_cast<unsigned>(question.cpus.size()));
  for (size_t i = 0; i < question.cpus.size(); ++i) cpus.set(static_cast<unsigned>(i), question.cpus[i]);
  request.setIdle(question.idle);
  run(ticket, request.send().then([this, ticket](capnp::Response<schema::Session::ConfigureResults>&&) {
    answer_(ticket, AnswerValue(Ok{}));
  }));
}

void Requests::send(Ticket ticket, const AskDebugFile& question) {
  auto request = process(question.process).openFileRequest();
  switch (question.by) {
    case AskDebugFile::By::build_id: {
      const auto build_id = bytes_of_hex(question.name);
      if (!build_id) return answer_(ticket, fail(Errc::malformed, "no build id: {}", question.name));
      request.setName(schema::WellKnownFile::DEBUG_FILE);
      request.setBuildId(kj::arrayPtr(build_id->data(), build_id->size()));
      break;
    }
    case AskDebugFile::By::link:
      request.setName(schema::WellKnownFile::DEBUG_LINK);
      request.setFileName(to_data(question.name));
      request.setStart(question.start.value);
      request.setEnd(question.end.value);
      break;
    case AskDebugFile::By::dwz:
      request.setName(schema::WellKnownFile::DWZ_FILE);
      request.setFileName(to_data(question.name));
      break;
  }
  answer_with_file(ticket, request.send().getFile());
}

void Requests::send(Ticket ticket, const SetRuntimes& question) {
  auto request = process(question.process).setRuntimesRequest();
  auto list = request.initRuntimes(static_cast<unsigned>(question.runtimes.size()));
  for (size_t i = 0; i < question.runtimes.size(); ++i) {
    const auto& value = question.runtimes[i];
    auto runtime = list[static_cast<unsigned>(i)];
    runtime.setKind(static_cast<uint16_t>(value.kind));
    auto loops = runtime.initLoops(static_cast<unsigned>(value.loops.size()));
    for (size_t j = 0; j < value.loops.size(); ++j) {
      loops[static_cast<unsigned>(j)].setStart(value.loops[j].start.value);
      loops[static_cast<unsigned>(j)].setLength(value.loops[j].length);
    }
    runtime.setTlsAccess(static_cast<uint8_t>(value.tls.access));
    runtime.setTlsValue(value.tls.value);
    runtime.setStorage(static_cast<uint8_t>(value.storage.kind));
    runtime.setStorageOffset(value.storage.offset);
    auto fields = runtime.initFields(static_cast<unsigned>(value.fields.size()));
    for (size_t j = 0; j < value.fields.size(); ++j) fields.set(static_cast<unsigned>(j), value.fields[j]);
  }
  run(ticket, request.send().then([this, ticket](capnp::Response<schema::Process::SetRuntimesResults>&&) {
    answer_(ticket, AnswerValue(Ok{}));
  }));
}

void Requests::send(Ticket ticket, const AskEnvironment& question) {
  run(ticket, process(question.process)
                  .environmentRequest()
                  .send()
                  .then([this, ticket,
                         names = question.variables](capnp::Response<schema::Process::EnvironmentResults>&& response) {
                    answer_(ticket, AnswerValue(Text{pick_variables(to_string(response.getEnvironment()), names)}));
                  }));
}

}  // namespace splitprof
