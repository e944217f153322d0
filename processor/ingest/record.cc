// SPDX-License-Identifier: Apache-2.0
#include "processor/ingest/record.h"

#include <capnp/message.h>
#include <capnp/serialize.h>

#include <limits>

#include "bpf/abi.h"
#include "schema/records.capnp.h"
#include "shared/ring.h"

namespace splitprof {
namespace {

constexpr uint32_t kMaxCommBytes = 16;
constexpr uint32_t kMaxUserWords = 2 * (SP_MAX_CELLS + 2);  // every cell, and a gap marker with room to spare
constexpr uint32_t kMaxLabels = 16;
constexpr uint32_t kMaxLabelKeyBytes = 64;
constexpr uint32_t kMaxLabelValueBytes = 256;
constexpr uint32_t kMaxPathBytes = 4096;

// Every getter of a list or of bytes counts against the message's traversal limit: each is called once.

Result<> copy_bytes(capnp::Data::Reader from, uint32_t max_bytes, const char* what, std::string& into) {
  if (from.size() > max_bytes) return fail(Errc::too_large, "{} of {} bytes", what, from.size());
  into.assign(from.asChars().begin(), from.size());
  return Ok{};
}

Result<> copy_words(capnp::List<uint64_t>::Reader from, uint32_t max_words, const char* what,
                    std::vector<uint64_t>& into) {
  if (from.size() > max_words) return fail(Errc::too_large, "{} {}", from.size(), what);
  into.resize(from.size());
  for (uint32_t i = 0; i < from.size(); ++i) into[i] = from[i];
  return Ok{};
}

Result<> parse_user_frames(SampleRecord& sample) {
  const std::span<const uint64_t> words = sample.user_words;
  sample.user_frames.clear();
  sample.unknown_frames = 0;
  sample.interpreted_frames = 0;
  sample.names_asked = false;
  for (size_t at = 0; at < words.size();) {
    const uint64_t header = words[at++];
    const RawFrame frame{.kind = SP_FRAME_KIND(header),
                         .n_words = SP_FRAME_WORDS(header),
                         .flags = SP_FRAME_FLAGS(header),
                         .extra = SP_FRAME_EXTRA(header),
                         .first_word = static_cast<uint32_t>(at)};
    if (frame.n_words > words.size() - at)
      return fail(Errc::truncated, "frame of {} words where {} are left", frame.n_words, words.size() - at);
    at += frame.n_words;
    switch (frame.kind) {
      case SP_FRAME_MORE:
        return fail(Errc::malformed, "a continued frame cell outside BPF");
      case SP_FRAME_NATIVE:
      case SP_FRAME_KERNEL:
      case SP_FRAME_ABORT:
        if (frame.n_words != 1)
          return fail(Errc::malformed, "frame of kind {} and {} words", frame.kind, frame.n_words);
        sample.user_frames.push_back(frame);
        break;
#define SP_RUNTIME(number, name, type) case number:
#include "bpf/runtimes.def"
#undef SP_RUNTIME
        if (frame.n_words == 0) return fail(Errc::malformed, "frame of kind {} without a word", frame.kind);
        sample.user_frames.push_back(frame);
        ++sample.interpreted_frames;
        break;
      default:
        ++sample.unknown_frames;
    }
  }
  return Ok{};
}

Result<> decode_labels(capnp::List<schema::Label>::Reader from, SampleRecord& sample) {
  if (from.size() > kMaxLabels) return fail(Errc::too_large, "{} labels", from.size());
  sample.labels.resize(from.size());
  for (uint32_t i = 0; i < from.size(); ++i) {
    TRY(copy_bytes(from[i].getKey(), kMaxLabelKeyBytes, "label key", sample.labels[i].first));
    TRY(copy_bytes(from[i].getValue(), kMaxLabelValueBytes, "label value", sample.labels[i].second));
  }
  return Ok{};
}

Result<> decode_sample(schema::Sample::Reader from, SampleRecord& sample) {
  sample.time_ns = from.getTimeNs();
  sample.walk_ns = from.getWalkNs();
  sample.process = ProcessKey(from.getProcess());
  sample.start_time_ns = from.getStartTimeNs();
  sample.cgroup_id = from.getCgroupId();
  sample.value = from.getValue();
  sample.pid = Pid(from.getPid());
  sample.tid = Tid(from.getTid());
  sample.cpu = from.getCpu();
  sample.flags = from.getFlags();
  sample.end = from.getEnd();
  if (sample.end >= SP_COUNT_MAX) return fail(Errc::malformed, "walk ended for reason {}", sample.end);
  sample.kind = static_cast<uint16_t>(from.getKind());
  if (sample.kind > SP_SAMPLE_PROBE) return fail(Errc::unsupported, "sample of kind {}", sample.kind);
  TRY(copy_bytes(from.getComm(), kMaxCommBytes, "comm", sample.comm));
  TRY(copy_words(from.getKernelFrames(), SP_MAX_KERNEL_FRAMES, "kernel frames", sample.kernel_frames));
  TRY(copy_words(from.getUserFrames(), kMaxUserWords, "words of user frames", sample.user_words));
  TRY(parse_user_frames(sample));
  TRY(decode_labels(from.getLabels(), sample));
  TRY(copy_words(from.getRegisters(), SP_MAX_REGISTERS, "registers", sample.registers));
  sample.stack_address = from.getStackAddress();
  const capnp::Data::Reader stack = from.getStack();
  if (stack.size() > SP_MAX_STACK_BYTES) return fail(Errc::too_large, "{} bytes of stack", stack.size());
  const auto bytes = std::as_bytes(std::span(stack.begin(), stack.size()));
  sample.stack.assign(bytes.begin(), bytes.end());
  return Ok{};
}

Result<> decode_mapping(schema::ProcessEvent::Mapping::Reader from, ProcessRecord::MappingAdded& mapping) {
  mapping.start = RuntimeAddress(from.getStart());
  mapping.length = from.getLength();
  if (mapping.length > std::numeric_limits<uint64_t>::max() - mapping.start.value)
    return fail(Errc::malformed, "mapping of {:#x} bytes at {:#x}", mapping.length, mapping.start.value);
  mapping.file_offset = FileOffset(from.getFileOffset());
  mapping.device_major = from.getDeviceMajor();
  mapping.device_minor = from.getDeviceMinor();
  mapping.inode = from.getInode();
  mapping.inode_generation = from.getInodeGeneration();
  return copy_bytes(from.getPath(), kMaxPathBytes, "path", mapping.path);
}

Result<> decode_process(schema::ProcessEvent::Reader from, ProcessRecord& process) {
  process.time_ns = from.getTimeNs();
  process.pid = Pid(from.getPid());
  process.tid = Tid(from.getTid());
  process.process = ProcessKey(from.getProcess());
  switch (from.which()) {
    case schema::ProcessEvent::EXEC: {
      auto& exec = process.event.emplace<ProcessRecord::Exec>();
      exec.key = from.getExec().getKey();
      return copy_bytes(from.getExec().getComm(), kMaxCommBytes, "comm", exec.comm);
    }
    case schema::ProcessEvent::FORK:
      process.event = ProcessRecord::Fork{.parent_pid = Pid(from.getFork().getParentPid()),
                                          .parent_tid = Tid(from.getFork().getParentTid())};
      return Ok{};
    case schema::ProcessEvent::EXIT:
      process.event = ProcessRecord::Exit{};
      return Ok{};
    case schema::ProcessEvent::COMM:
      return copy_bytes(from.getComm(), kMaxCommBytes, "comm", process.event.emplace<ProcessRecord::Comm>().comm);
    case schema::ProcessEvent::MAPPING:
      return decode_mapping(from.getMapping(), process.event.emplace<ProcessRecord::MappingAdded>());
    case schema::ProcessEvent::TAKEN:
      process.event = ProcessRecord::Taken{.key = from.getTaken().getKey()};
      return Ok{};
  }
  return fail(Errc::unsupported, "process event {}", static_cast<uint16_t>(from.which()));
}

Result<> decode_loss(schema::Loss::Reader from, LossRecord& loss) {
  loss.time_ns = from.getTimeNs();
  loss.cpu = from.getCpu();
  loss.count = from.getCount();
  switch (from.getReason()) {
    case schema::LossReason::BPF_RING:
      loss.reason = LossRecord::Reason::bpf_ring;
      return Ok{};
    case schema::LossReason::SHARED_RING:
      loss.reason = LossRecord::Reason::shared_ring;
      return Ok{};
    case schema::LossReason::SIDE_BAND:
      loss.reason = LossRecord::Reason::side_band;
      return Ok{};
    case schema::LossReason::NO_CLIENT:
      loss.reason = LossRecord::Reason::no_client;
      return Ok{};
  }
  return fail(Errc::unsupported, "loss for reason {}", static_cast<uint16_t>(from.getReason()));
}

Result<> decode_message(uint32_t format, schema::Record::Reader from, Record& record) {
  if (from.isSample() != (format == kFormatSampleRecord))
    return fail(Errc::malformed, "format {} does not fit the record's kind", format);
  switch (from.which()) {
    case schema::Record::SAMPLE: {
      auto* sample = std::get_if<SampleRecord>(&record);
      return decode_sample(from.getSample(), sample ? *sample : record.emplace<SampleRecord>());
    }
    case schema::Record::PROCESS:
      return decode_process(from.getProcess(), record.emplace<ProcessRecord>());
    case schema::Record::LOSS:
      return decode_loss(from.getLoss(), record.emplace<LossRecord>());
    case schema::Record::CLOCK_SYNC: {
      const auto sync = from.getClockSync();
      record = ClockSyncRecord{.monotonic_ns = sync.getMonotonicNs(),
                               .realtime_ns = sync.getRealtimeNs(),
                               .boottime_ns = sync.getBoottimeNs()};
      return Ok{};
    }
    case schema::Record::KERNEL_SYMBOLS_CHANGED:
      record = KernelSymbolsChangedRecord{.time_ns = from.getKernelSymbolsChanged().getTimeNs()};
      return Ok{};
  }
  return fail(Errc::unsupported, "record of kind {}", static_cast<uint16_t>(from.which()));
}

}  // namespace

Result<> decode_record(uint32_t format, std::span<const uint64_t> words, Record& record) {
  if (format != kFormatRecord && format != kFormatSampleRecord)
    return fail(Errc::unsupported, "record of format {}", format);
  if (words.size() > kMaxRecordBytes / 8) return fail(Errc::too_large, "record of {} words", words.size());
  try {
    const kj::ArrayPtr<const capnp::word> segment(reinterpret_cast<const capnp::word*>(words.data()), words.size());
    // Each part is read once, so a message that takes much more reading than it has words refers to itself; the factor
    // is because the library counts some words twice. Two structs lie in each other here, and a frame list is flat.
    capnp::SegmentArrayMessageReader message(
        {&segment, 1}, capnp::ReaderOptions{.traversalLimitInWords = 2 * words.size(), .nestingLimit = 8});
    return decode_message(format, message.getRoot<schema::Record>(), record);
  } catch (const kj::Exception& exception) {
    return fail(Errc::malformed, "record: {}", exception.getDescription().cStr());
  }
}

}  // namespace splitprof
