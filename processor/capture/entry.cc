// SPDX-License-Identifier: Apache-2.0
#include "processor/capture/entry.h"

#include "processor/elf/bytes.h"
#include "shared/check.h"

namespace splitprof {
namespace {

// ---- Writing -------------------------------------------------------------------------------------------------------

void put(std::string& out, uint64_t number) {  // DWARF's uleb128
  for (; number >= 0x80; number >>= 7) out.push_back(static_cast<char>(number | 0x80));
  out.push_back(static_cast<char>(number));
}

void put(std::string& out, std::string_view text) {
  put(out, text.size());
  out += text;
}

template <typename Number>
void put_list(std::string& out, const std::vector<Number>& numbers) {
  put(out, numbers.size());
  for (const Number number : numbers) put(out, number);
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

struct PutValue {
  std::string& out;
  void kind(AnswerKind kind) { out.push_back(static_cast<char>(kind)); }

  void operator()(const Error& error) {
    kind(AnswerKind::error);
    put(out, static_cast<uint64_t>(error.code));
    put(out, error.message);
  }
  void operator()(const Ok&) { kind(AnswerKind::ok); }
  void operator()(const CapturedText& text) {
    kind(AnswerKind::text);
    put_list(out, text.contents);
  }
  void operator()(const Description& description) {
    kind(AnswerKind::description);
    put(out, description.cgroup);
    put(out, description.command_line);
    put(out, description.executable_link);
    put(out, description.start_time_ns);
  }
  void operator()(const CapturedFileValue& value) {
    kind(AnswerKind::file);
    put(out, value.file);
    put(out, value.identity.device);
    put(out, value.identity.inode);
    put(out, value.identity.size);
    put(out, static_cast<uint64_t>(value.identity.modified_ns));
    put(out, static_cast<uint64_t>(value.identity.changed_ns));
  }
  void operator()(const InstalledTable& table) {
    kind(AnswerKind::installed_table);
    put(out, table.id);
  }
  void operator()(const Host& host) {
    kind(AnswerKind::host);
    for (const auto* text : {&host.boot_id, &host.machine_id, &host.host_name, &host.kernel_release,
                             &host.kernel_version, &host.architecture})
      put(out, *text);
    put(out, host.online_cpus);
    put_list(out, host.sampler_pids);
    put(out, host.kernel_build_id);
    put(out, host.modules.size());
    for (const auto& [name, build_id] : host.modules) {
      put(out, name);
      put(out, build_id);
    }
  }
  void operator()(const Counters& counters) {
    kind(AnswerKind::counters);
    put(out, counters.values.size());
    for (const auto& [name, value] : counters.values) {
      put(out, name);
      put(out, value);
    }
  }
};

struct PutEntry {
  std::string& out;

  EntryKind operator()(const SessionEntry& session) {
    put(out, session.version);
    put(out, session.hz);
    put(out, session.duration_ns);
    put(out, session.connected_ns);
    put_list(out, session.pids);
    return EntryKind::session;
  }
  EntryKind operator()(const ContentEntry& content) {
    out += as_text(content.bytes);
    return EntryKind::content;
  }
  EntryKind operator()(const RecordEntry& record) {
    put(out, record.format);
    out += as_text(record.message);
    return EntryKind::record;
  }
  EntryKind operator()(const TickEntry& tick) {
    put(out, tick.now_ns);
    return EntryKind::tick;
  }
  EntryKind operator()(const StopEntry&) { return EntryKind::stop; }
  EntryKind operator()(const DisconnectedEntry& gone) {
    put(out, gone.why);
    return EntryKind::disconnected;
  }
  EntryKind operator()(const AskedEntry& asked) {
    put(out, asked.ticket);
    put(out, asked.name);
    put(out, asked.key);
    return EntryKind::asked;
  }
  EntryKind operator()(const AnswerEntry& answer) {
    put(out, answer.ticket);
    std::visit(PutValue{out}, answer.value);
    return EntryKind::answer;
  }
  EntryKind operator()(const ReadEntry& read) {
    put(out, read.file);
    put(out, read.offset);
    put(out, read.length);
    if (const auto* error = std::get_if<Error>(&read.outcome)) {
      out.push_back(0);
      put(out, static_cast<uint64_t>(error->code));
      put(out, error->message);
    } else {
      out.push_back(1);
      put_list(out, std::get<std::vector<ContentId>>(read.outcome));
    }
    return EntryKind::read;
  }
  EntryKind operator()(const JobStartedEntry& started) {
    put(out, started.job);
    return EntryKind::job_started;
  }
  EntryKind operator()(const JobFinishedEntry& finished) {
    put(out, finished.job);
    return EntryKind::job_finished;
  }
  EntryKind operator()(const EndEntry& end) {
    put(out, end.records_left_out);
    put(out, end.entries_left_out);
    return EntryKind::end;
  }
  EntryKind operator()(const UnknownEntry&) {
    CHECK(false);
    return EntryKind::end;
  }
};

// ---- Reading -------------------------------------------------------------------------------------------------------

// A cursor that can also hand out the memory that it has checked.
class Payload {
 public:
  explicit Payload(std::span<const std::byte> memory) : memory_(memory), bytes_(memory) {}

  Result<uint64_t> number() { return bytes_.uleb128(); }
  Result<uint32_t> number32() {
    const uint64_t number = TRY(bytes_.uleb128());
    if (number > UINT32_MAX) return fail(Errc::malformed, "{} where at most 32 bits are allowed", number);
    return static_cast<uint32_t>(number);
  }
  Result<uint8_t> byte() { return bytes_.read<uint8_t>(); }
  Result<std::span<const std::byte>> memory(uint64_t size) {
    const size_t at = bytes_.position();
    TRY(bytes_.skip(size));
    return memory_.subspan(at, size);
  }
  Result<std::string_view> text() {
    const uint64_t size = TRY(number());
    return as_text(TRY(memory(size)));
  }
  std::span<const std::byte> rest() const { return memory_.subspan(bytes_.position()); }
  size_t position() const { return bytes_.position(); }

  Result<std::vector<uint32_t>> list() {
    const uint64_t count = TRY(number());
    if (count > bytes_.remaining()) return fail(Errc::truncated, "list of {} numbers", count);
    std::vector<uint32_t> numbers;
    numbers.reserve(count);
    for (uint64_t i = 0; i < count; ++i) numbers.push_back(TRY(number32()));
    return numbers;
  }
  Result<> error(Error& into) {
    const uint64_t code = TRY(number());
    into.message = TRY(text());
    // A code of a newer version is some failure, whatever it means there.
    into.code = code <= static_cast<uint64_t>(Errc::io) ? static_cast<Errc>(code) : Errc::io;
    return Ok{};
  }

 private:
  std::span<const std::byte> memory_;
  Bytes bytes_;
};

Result<CapturedValue> read_value(Payload& in) {
  const uint8_t kind = TRY(in.byte());
  switch (static_cast<AnswerKind>(kind)) {
    case AnswerKind::error: {
      Error error;
      TRY(in.error(error));
      return CapturedValue(std::move(error));
    }
    case AnswerKind::ok:
      return CapturedValue(Ok{});
    case AnswerKind::text: {
      CapturedText text;
      text.contents = TRY(in.list());
      return CapturedValue(std::move(text));
    }
    case AnswerKind::description: {
      Description description;
      description.cgroup = TRY(in.text());
      description.command_line = TRY(in.text());
      description.executable_link = TRY(in.text());
      description.start_time_ns = TRY(in.number());
      return CapturedValue(std::move(description));
    }
    case AnswerKind::file: {
      CapturedFileValue value;
      value.file = TRY(in.number32());
      value.identity.device = TRY(in.number());
      value.identity.inode = TRY(in.number());
      value.identity.size = TRY(in.number());
      value.identity.modified_ns = static_cast<int64_t>(TRY(in.number()));
      value.identity.changed_ns = static_cast<int64_t>(TRY(in.number()));
      return CapturedValue(value);
    }
    case AnswerKind::installed_table: {
      const uint32_t id = TRY(in.number32());
      return CapturedValue(InstalledTable{id});
    }
    case AnswerKind::host: {
      Host host;
      for (auto* text : {&host.boot_id, &host.machine_id, &host.host_name, &host.kernel_release, &host.kernel_version,
                         &host.architecture})
        *text = TRY(in.text());
      host.online_cpus = TRY(in.number32());
      host.sampler_pids = TRY(in.list());
      if (in.rest().empty()) return CapturedValue(std::move(host));  // of an older version
      host.kernel_build_id = TRY(in.text());
      const uint64_t modules = TRY(in.number());
      for (uint64_t i = 0; i < modules; ++i) {
        const auto name = TRY(in.text());
        const auto build_id = TRY(in.text());
        host.modules.emplace_back(name, build_id);
      }
      return CapturedValue(std::move(host));
    }
    case AnswerKind::counters: {
      Counters counters;
      const uint64_t count = TRY(in.number());
      for (uint64_t i = 0; i < count; ++i) {
        const auto name = TRY(in.text());
        const uint64_t value = TRY(in.number());
        counters.values.emplace_back(name, value);
      }
      return CapturedValue(std::move(counters));
    }
  }
  return CapturedValue(fail(Errc::unsupported, "an answer of kind {}, of a newer version", kind));
}

Result<Entry> read_payload(uint8_t kind, Payload in) {
  switch (static_cast<EntryKind>(kind)) {
    case EntryKind::session: {
      SessionEntry session;
      session.version = TRY(in.text());
      session.hz = TRY(in.number32());
      session.duration_ns = TRY(in.number());
      session.connected_ns = TRY(in.number());
      session.pids = TRY(in.list());
      return Entry(std::move(session));
    }
    case EntryKind::content:
      if (in.rest().size() > kContentBytes) return fail(Errc::too_large, "content of {} bytes", in.rest().size());
      return Entry(ContentEntry{in.rest()});
    case EntryKind::record: {
      RecordEntry record;
      record.format = TRY(in.number32());
      record.message = in.rest();
      if (record.message.size() % 8 != 0)
        return fail(Errc::malformed, "record of {} bytes, no multiple of 8", record.message.size());
      return Entry(record);
    }
    case EntryKind::tick: {
      const uint64_t now_ns = TRY(in.number());
      return Entry(TickEntry{now_ns});
    }
    case EntryKind::stop:
      return Entry(StopEntry{});
    case EntryKind::disconnected: {
      const auto why = TRY(in.text());
      return Entry(DisconnectedEntry{why});
    }
    case EntryKind::asked: {
      AskedEntry asked;
      asked.ticket = TRY(in.number());
      asked.name = TRY(in.text());
      asked.key = TRY(in.text());
      return Entry(asked);
    }
    case EntryKind::answer: {
      AnswerEntry answer;
      answer.ticket = TRY(in.number());
      answer.value = TRY(read_value(in));
      return Entry(std::move(answer));
    }
    case EntryKind::read: {
      ReadEntry read;
      read.file = TRY(in.number32());
      read.offset = TRY(in.number());
      read.length = TRY(in.number());
      if (TRY(in.byte()) == 0)
        TRY(in.error(read.outcome.emplace<Error>()));
      else
        read.outcome = TRY(in.list());
      return Entry(std::move(read));
    }
    case EntryKind::job_started: {
      const uint32_t job = TRY(in.number32());
      return Entry(JobStartedEntry{job});
    }
    case EntryKind::job_finished: {
      const uint32_t job = TRY(in.number32());
      return Entry(JobFinishedEntry{job});
    }
    case EntryKind::end: {
      EndEntry end;
      end.records_left_out = TRY(in.number());
      end.entries_left_out = TRY(in.number());
      return Entry(end);
    }
  }
  return Entry(UnknownEntry{kind});
}

}  // namespace

void append_entry(std::string& out, const Entry& entry) {
  static thread_local std::string payload;  // its memory is used again
  payload.clear();
  const EntryKind kind = std::visit(PutEntry{payload}, entry);
  out.push_back(static_cast<char>(kind));
  put(out, payload);
}

Result<Entry> read_entry(std::span<const std::byte> content, size_t& position) {
  Payload in(content.subspan(position));
  const uint8_t kind = TRY(in.byte());
  const uint64_t size = TRY(in.number());
  const auto payload = TRY(in.memory(size));
  auto entry = TRY(read_payload(kind, Payload(payload)));
  position += in.position();
  return entry;
}

}  // namespace splitprof
