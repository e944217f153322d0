// SPDX-License-Identifier: Apache-2.0
#include "processor/ingest/record.h"

#include <capnp/message.h>
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "bpf/abi.h"
#include "schema/records.capnp.h"
#include "shared/record_slot.h"
#include "shared/ring.h"

namespace splitprof {
namespace {

using Words = std::vector<uint64_t>;

Words build(const std::function<void(schema::Record::Builder)>& fill) {
  Words words(kMaxRecordBytes / 8 - 1);
  RecordSlot slot(words);
  fill(slot.initRoot<schema::Record>());
  words.resize(slot.finish());
  return words;
}

Words build_sample(const std::function<void(schema::Sample::Builder)>& fill) {
  return build([&](schema::Record::Builder record) { fill(record.initSample()); });
}

kj::ArrayPtr<const capnp::byte> bytes(const char* text) {
  return kj::StringPtr(text).asBytes();
}

void set_user_words(schema::Sample::Builder sample, const Words& words) {
  auto list = sample.initUserFrames(static_cast<unsigned>(words.size()));
  for (unsigned i = 0; i < words.size(); ++i) list.set(i, words[i]);
}

void fill_everything(schema::Sample::Builder sample) {
  sample.setTimeNs(1);
  sample.setWalkNs(2);
  sample.setProcess(3);
  sample.setStartTimeNs(4);
  sample.setCgroupId(5);
  sample.setValue(6);
  sample.setPid(7);
  sample.setTid(8);
  sample.setCpu(9);
  sample.setFlags(SP_SAMPLE_IN_KERNEL);
  sample.setEnd(11);
  sample.setKind(schema::SampleKind::OFF_CPU);
  sample.setComm(bytes("sixteen bytes ok"));
  auto kernel = sample.initKernelFrames(2);
  kernel.set(0, 0xffffffff81000001);
  kernel.set(1, 0xffffffff81000002);
  set_user_words(sample, {SP_FRAME_HEADER(SP_FRAME_NATIVE, 1, SP_FRAME_RETURN_ADDRESS, 0), 0x401000,
                          SP_FRAME_HEADER(200, 3, 0, 0), 1, 2, 3,  // of a newer sampler
                          SP_FRAME_HEADER(SP_FRAME_ABORT, 1, 0, 42), SP_ABORT_GAP});
  auto labels = sample.initLabels(1);
  labels[0].setKey(bytes("trace"));
  labels[0].setValue(bytes("42"));
  auto registers = sample.initRegisters(2);
  registers.set(1, 99);
  sample.setStackAddress(0x7ffe0000);
  sample.setStack(bytes("stack"));
}

TEST(Record, GivesBackEveryFieldOfASample) {
  Record record;
  const auto words = build_sample(fill_everything);
  const auto result = decode_record(kFormatSampleRecord, words, record);
  ASSERT_TRUE(result) << result.error().message;
  const auto& sample = std::get<SampleRecord>(record);
  EXPECT_EQ(sample.time_ns, 1u);
  EXPECT_EQ(sample.walk_ns, 2u);
  EXPECT_EQ(sample.process, ProcessKey(3));
  EXPECT_EQ(sample.start_time_ns, 4u);
  EXPECT_EQ(sample.cgroup_id, 5u);
  EXPECT_EQ(sample.value, 6u);
  EXPECT_EQ(sample.pid, Pid(7));
  EXPECT_EQ(sample.tid, Tid(8));
  EXPECT_EQ(sample.cpu, 9u);
  EXPECT_EQ(sample.flags, SP_SAMPLE_IN_KERNEL);
  EXPECT_EQ(sample.end, 11u);
  EXPECT_EQ(sample.kind, SP_SAMPLE_OFF_CPU);
  EXPECT_EQ(sample.comm, "sixteen bytes ok");
  EXPECT_EQ(sample.kernel_frames, (Words{0xffffffff81000001, 0xffffffff81000002}));
  ASSERT_EQ(sample.user_frames.size(), 2u);
  EXPECT_EQ(sample.user_frames[0].kind, SP_FRAME_NATIVE);
  EXPECT_EQ(sample.user_frames[0].flags, SP_FRAME_RETURN_ADDRESS);
  EXPECT_EQ(sample.words(sample.user_frames[0])[0], 0x401000u);
  EXPECT_EQ(sample.user_frames[1].kind, SP_FRAME_ABORT);
  EXPECT_EQ(sample.user_frames[1].extra, 42u);
  EXPECT_EQ(sample.words(sample.user_frames[1])[0], SP_ABORT_GAP);
  EXPECT_EQ(sample.unknown_frames, 1u);
  ASSERT_EQ(sample.labels.size(), 1u);
  EXPECT_EQ(sample.labels[0], std::pair(std::string("trace"), std::string("42")));
  EXPECT_EQ(sample.registers, (Words{0, 99}));
  EXPECT_EQ(sample.stack_address, 0x7ffe0000u);
  EXPECT_EQ(sample.stack.size(), 5u);
}

TEST(Record, LeavesNothingOfTheSampleBefore) {
  Record record;
  ASSERT_TRUE(decode_record(kFormatSampleRecord, build_sample(fill_everything), record));
  const auto* before = std::get<SampleRecord>(record).kernel_frames.data();
  ASSERT_TRUE(decode_record(kFormatSampleRecord, build_sample([](auto) {}), record));
  const auto& sample = std::get<SampleRecord>(record);
  EXPECT_EQ(sample.kernel_frames.data(), before) << "memory is used again";
  EXPECT_EQ(sample.time_ns + sample.pid.value + sample.end + sample.value + sample.stack_address, 0u);
  EXPECT_TRUE(sample.comm.empty() && sample.kernel_frames.empty() && sample.user_frames.empty() &&
              sample.user_words.empty() && sample.labels.empty() && sample.registers.empty() && sample.stack.empty());
  EXPECT_EQ(sample.unknown_frames, 0u);
}

TEST(Record, AcceptsAFullSampleAndRefusesOneMoreOfAnything) {
  struct Limit {
    const char* what;
    unsigned largest;
    std::function<void(schema::Sample::Builder, unsigned)> fill;
  };
  const Limit limits[] = {
      {"comm", 16, [](auto sample, unsigned n) { sample.initComm(n); }},
      {"kernel frames", SP_MAX_KERNEL_FRAMES, [](auto sample, unsigned n) { sample.initKernelFrames(n); }},
      {"registers", SP_MAX_REGISTERS, [](auto sample, unsigned n) { sample.initRegisters(n); }},
      {"labels", 16, [](auto sample, unsigned n) { sample.initLabels(n); }},
      {"label key", 64, [](auto sample, unsigned n) { sample.initLabels(1)[0].initKey(n); }},
      {"label value", 256, [](auto sample, unsigned n) { sample.initLabels(1)[0].initValue(n); }},
      {"stack", SP_MAX_STACK_BYTES, [](auto sample, unsigned n) { sample.initStack(n); }},
      {"walk's end", SP_COUNT_MAX - 1, [](auto sample, unsigned n) { sample.setEnd(static_cast<uint16_t>(n)); }},
      {"user words", 8196,
       [](auto sample, unsigned n) { set_user_words(sample, Words(n, SP_FRAME_HEADER(200, 0, 0, 0))); }},
  };
  for (const auto& limit : limits) {
    SCOPED_TRACE(limit.what);
    Record record;
    const auto decode = [&](unsigned n) {
      return decode_record(kFormatSampleRecord, build_sample([&](auto sample) { limit.fill(sample, n); }), record);
    };
    const auto largest = decode(limit.largest);
    EXPECT_TRUE(largest) << largest.error().message;
    EXPECT_FALSE(decode(limit.largest + 1));
  }
}

TEST(Record, RefusesFrameListsThatDoNotAddUp) {
  const auto decodes = [](const Words& words) {
    Record record;
    return decode_record(kFormatSampleRecord, build_sample([&](auto sample) { set_user_words(sample, words); }), record)
        .has_value();
  };
  const uint64_t native = SP_FRAME_HEADER(SP_FRAME_NATIVE, 1, 0, 0);
  EXPECT_TRUE(decodes({native, 1, native, 2}));
  EXPECT_FALSE(decodes({native, 1, native})) << "truncated";
  EXPECT_FALSE(decodes({SP_FRAME_HEADER(200, 255, 0, 0), 1})) << "truncated, of an unknown kind";
  EXPECT_FALSE(decodes({SP_FRAME_HEADER(SP_FRAME_NATIVE, 0, 0, 0)})) << "no program counter";
  EXPECT_FALSE(decodes({SP_FRAME_HEADER(SP_FRAME_NATIVE, 2, 0, 0), 1, 2})) << "two program counters";
  EXPECT_FALSE(decodes({SP_FRAME_HEADER(SP_FRAME_MORE, 1, 0, 0), 1})) << "a cell of BPF";
}

TEST(Record, TellsTheKindsOfProcessEventsApart) {
  Record record;
  const auto decode = [&](const std::function<void(schema::ProcessEvent::Builder)>& fill) -> const ProcessRecord& {
    const auto words = build([&](schema::Record::Builder builder) {
      auto event = builder.initProcess();
      event.setTimeNs(1);
      event.setPid(2);
      event.setTid(3);
      event.setProcess(4);
      fill(event);
    });
    const auto result = decode_record(kFormatRecord, words, record);
    EXPECT_TRUE(result) << result.error().message;
    return std::get<ProcessRecord>(record);
  };
  const auto& exec = decode([](auto event) {
    event.initExec().setKey(5);
    event.getExec().setComm(bytes("sh"));
  });
  EXPECT_EQ(exec.time_ns, 1u);
  EXPECT_EQ(exec.pid, Pid(2));
  EXPECT_EQ(exec.tid, Tid(3));
  EXPECT_EQ(exec.process, ProcessKey(4));
  EXPECT_EQ(std::get<ProcessRecord::Exec>(exec.event).key, 5u);
  EXPECT_EQ(std::get<ProcessRecord::Exec>(exec.event).comm, "sh");
  const auto& fork = decode([](auto event) {
    event.initFork().setParentPid(6);
    event.getFork().setParentTid(7);
  });
  EXPECT_EQ(std::get<ProcessRecord::Fork>(fork.event).parent_pid, Pid(6));
  EXPECT_EQ(std::get<ProcessRecord::Fork>(fork.event).parent_tid, Tid(7));
  EXPECT_TRUE(std::holds_alternative<ProcessRecord::Exit>(decode([](auto event) { event.setExit(); }).event));
  const auto& taken = decode([](auto event) { event.initTaken().setKey(8); });
  EXPECT_EQ(std::get<ProcessRecord::Taken>(taken.event).key, 8u);
  EXPECT_EQ(taken.process, ProcessKey(4));
  const auto& comm = decode([](auto event) { event.setComm(bytes("new name")); });
  EXPECT_EQ(std::get<ProcessRecord::Comm>(comm.event).comm, "new name");
  const auto& mapped = decode([](auto event) {
    auto mapping = event.initMapping();
    mapping.setStart(0x7f0000000000);
    mapping.setLength(0x1000);
    mapping.setFileOffset(0x2000);
    mapping.setDeviceMajor(8);
    mapping.setDeviceMinor(1);
    mapping.setInode(77);
    mapping.setInodeGeneration(78);
    mapping.setPath(bytes("/usr/lib/x.so"));
  });
  const auto& mapping = std::get<ProcessRecord::MappingAdded>(mapped.event);
  EXPECT_EQ(mapping.start, RuntimeAddress(0x7f0000000000));
  EXPECT_EQ(mapping.length, 0x1000u);
  EXPECT_EQ(mapping.file_offset, FileOffset(0x2000));
  EXPECT_EQ(mapping.device_major, 8u);
  EXPECT_EQ(mapping.device_minor, 1u);
  EXPECT_EQ(mapping.inode, 77u);
  EXPECT_EQ(mapping.inode_generation, 78u);
  EXPECT_EQ(mapping.path, "/usr/lib/x.so");
}

TEST(Record, RefusesMappingsThatWrapOrHaveEndlessNames) {
  const auto decodes = [](uint64_t start, uint64_t length, unsigned path_bytes) {
    Record record;
    return decode_record(kFormatRecord, build([&](schema::Record::Builder builder) {
                           auto mapping = builder.initProcess().initMapping();
                           mapping.setStart(start);
                           mapping.setLength(length);
                           mapping.initPath(path_bytes);
                         }),
                         record)
        .has_value();
  };
  EXPECT_TRUE(decodes(0xffffffffff600000, 0x9fffff, 4096));
  EXPECT_FALSE(decodes(0xffffffffff600000, 0xa00000, 0));
  EXPECT_FALSE(decodes(0, 1, 4097));
}

TEST(Record, DecodesLossClockAndSymbolRecords) {
  Record record;
  ASSERT_TRUE(decode_record(kFormatRecord, build([](schema::Record::Builder builder) {
                              auto loss = builder.initLoss();
                              loss.setTimeNs(1);
                              loss.setCpu(2);
                              loss.setCount(3);
                              loss.setReason(schema::LossReason::SIDE_BAND);
                            }),
                            record));
  EXPECT_EQ(std::get<LossRecord>(record).time_ns, 1u);
  EXPECT_EQ(std::get<LossRecord>(record).cpu, 2u);
  EXPECT_EQ(std::get<LossRecord>(record).count, 3u);
  EXPECT_EQ(std::get<LossRecord>(record).reason, LossRecord::Reason::side_band);
  ASSERT_TRUE(decode_record(kFormatRecord, build([](schema::Record::Builder builder) {
                              auto sync = builder.initClockSync();
                              sync.setMonotonicNs(1);
                              sync.setRealtimeNs(2);
                              sync.setBoottimeNs(3);
                            }),
                            record));
  EXPECT_EQ(std::get<ClockSyncRecord>(record).monotonic_ns, 1u);
  EXPECT_EQ(std::get<ClockSyncRecord>(record).realtime_ns, 2u);
  EXPECT_EQ(std::get<ClockSyncRecord>(record).boottime_ns, 3u);
  ASSERT_TRUE(decode_record(
      kFormatRecord, build([](schema::Record::Builder builder) { builder.initKernelSymbolsChanged().setTimeNs(9); }),
      record));
  EXPECT_EQ(std::get<KernelSymbolsChangedRecord>(record).time_ns, 9u);
}

TEST(Record, CallsWhatANewerSamplerSendsUnsupported) {
  Record record;
  const auto sample = build_sample([](auto) {});
  const auto format = decode_record(77, sample, record);
  ASSERT_FALSE(format);
  EXPECT_EQ(format.error().code, Errc::unsupported);
  const auto kind =
      decode_record(kFormatSampleRecord,
                    build_sample([](auto builder) { builder.setKind(static_cast<schema::SampleKind>(9)); }), record);
  ASSERT_FALSE(kind);
  EXPECT_EQ(kind.error().code, Errc::unsupported);
  const auto reason = decode_record(kFormatRecord, build([](schema::Record::Builder builder) {
                                      builder.initLoss().setReason(static_cast<schema::LossReason>(9));
                                    }),
                                    record);
  ASSERT_FALSE(reason);
  EXPECT_EQ(reason.error().code, Errc::unsupported);
}

TEST(Record, HoldsTheFormatAgainstTheContents) {
  Record record;
  EXPECT_FALSE(decode_record(kFormatRecord, build_sample([](auto) {}), record));
  EXPECT_FALSE(
      decode_record(kFormatSampleRecord, build([](schema::Record::Builder builder) { builder.initLoss(); }), record));
}

TEST(Record, SurvivesEveryFlippedBit) {
  const auto words = build_sample(fill_everything);
  Record record;
  size_t refused = 0;
  for (size_t bit = 0; bit < words.size() * 64; ++bit) {
    auto changed = words;
    changed[bit / 64] ^= uint64_t{1} << (bit % 64);
    refused += !decode_record(kFormatSampleRecord, changed, record);
  }
  EXPECT_GT(refused, 0u);
  for (size_t n = 0; n < words.size(); ++n) {
    EXPECT_FALSE(decode_record(kFormatSampleRecord, std::span(words).first(n), record)) << n << " words";
  }
}

}  // namespace
}  // namespace splitprof
