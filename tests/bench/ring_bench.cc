// SPDX-License-Identifier: Apache-2.0
//
// What a sample of 64 frames (16 kernel, 48 user) costs on its way through the ring: built in place and published by
// the writer, copied out and decoded by the reader. Each measurement is the mean over one filling of the ring.
#include <fcntl.h>

#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

#include "bpf/abi.h"
#include "processor/ingest/record.h"
#include "schema/records.capnp.h"
#include "shared/check.h"
#include "shared/record_slot.h"
#include "shared/ring.h"
#include "tests/bench/table.h"

namespace splitprof {
namespace {

constexpr unsigned kKernelFrames = 16;
constexpr unsigned kUserFrames = 48;
constexpr size_t kSlotWords = 256;
constexpr int kFillings = 500;

double now_ns() {
  return static_cast<double>(std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1));
}

bool write_sample(RingWriter& writer, uint64_t number) {
  const auto slot = writer.reserve(kSlotWords);
  if (slot.empty()) return false;
  RecordSlot builder(slot);
  auto sample = builder.initRoot<schema::Record>().initSample();
  sample.setTimeNs(number);
  sample.setPid(77);
  sample.setTid(78);
  sample.setComm(kj::StringPtr("ring_bench").asBytes());
  auto kernel = sample.initKernelFrames(kKernelFrames);
  for (unsigned i = 0; i < kKernelFrames; ++i) kernel.set(i, 0xffffffff81000000 + 64 * i);
  auto user = sample.initUserFrames(2 * kUserFrames);
  for (unsigned i = 0; i < kUserFrames; ++i) {
    user.set(2 * i, SP_FRAME_HEADER(SP_FRAME_NATIVE, 1, SP_FRAME_RETURN_ADDRESS, 0));
    user.set(2 * i + 1, 0x7f0000000000 + 64 * i);
  }
  const size_t words = builder.finish();
  CHECK(words > 0);
  writer.commit(words, kFormatSampleRecord);
  return true;
}

void run() {
  auto writer = RingWriter::create(1 << 20);
  CHECK(writer.has_value());
  auto reader = RingReader::open(kj::AutoCloseFd(fcntl(writer->data_fd(), F_DUPFD_CLOEXEC, 0)),
                                 kj::AutoCloseFd(fcntl(writer->position_fd(), F_DUPFD_CLOEXEC, 0)));
  CHECK(reader.has_value());
  std::vector<double> write_ns, read_ns;
  Record record;
  uint64_t written = 0;
  for (int filling = 0; filling < kFillings; ++filling) {
    const uint64_t before = written;
    const double begin = now_ns();
    while (write_sample(*writer, written)) ++written;
    const double filled = now_ns();
    uint64_t read = before;
    while (true) {
      const auto message = reader->next();
      CHECK(message.has_value());
      if (!message->has_value()) break;
      CHECK(decode_record((*message)->format, (*message)->words, record).has_value());
      CHECK(std::get<SampleRecord>(record).time_ns == read++);
    }
    const double emptied = now_ns();
    CHECK(read == written && writer->collect_consumed().has_value());
    const auto records = static_cast<double>(written - before);
    write_ns.push_back((filled - begin) / records);
    read_ns.push_back((emptied - filled) / records);
  }
  print_row("ring: build and publish a 64-frame sample", "ns", std::move(write_ns));
  print_row("ring: read and decode a 64-frame sample", "ns", std::move(read_ns));
}

}  // namespace
}  // namespace splitprof

int main() {
  splitprof::run();
}
