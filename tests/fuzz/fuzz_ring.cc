// SPDX-License-Identifier: Apache-2.0
//
// Both ends of the ring, each against a peer that does what the input says. The first byte chooses the end.
#include <fcntl.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "shared/check.h"
#include "shared/ring.h"
#include "tests/fuzz/bytes_of_fuzzer.h"
#include "tests/shared/hostile_ring.h"

namespace splitprof {
namespace {

constexpr int kMaxSteps = 4096;

void fuzz_reader(BytesOfFuzzer input) {
  HostileRing ring(kMinRingBytes);
  if (const auto changed = input.take<uint8_t>(); changed < sizeof(RingHeader)) {
    auto* header = reinterpret_cast<uint8_t*>(&ring.header());
    header[changed] = input.take<uint8_t>();
  }
  auto reader = ring.open();
  if (!reader) return;
  for (int step = 0; step < kMaxSteps && !input.empty(); ++step) {
    switch (input.take<uint8_t>() % 6) {
      case 0:
        ring.header().write_position = input.take<uint64_t>();
        break;
      case 1:
        ring.header().write_position += input.take<uint16_t>() * uint64_t{8};
        break;
      case 2: {
        const size_t at = input.take<uint32_t>() % (ring.data().size() - 8);
        ring.put_record_header(at / 8 * 8, {.words = input.take<uint32_t>(), .format = input.take<uint32_t>()});
        break;
      }
      case 3: {
        const size_t at = input.take<uint32_t>() % ring.data().size();
        const auto bytes = input.take_bytes(std::min<size_t>(input.take<uint8_t>(), ring.data().size() - at));
        if (!bytes.empty()) std::memcpy(&ring.data()[at], bytes.data(), bytes.size());
        break;
      }
      case 4: {
        const auto message = reader->next();
        if (!message) return;  // the session ends
        if (!message->has_value()) break;
        CHECK((*message)->words.size_bytes() + sizeof(RecordHeader) <= kMaxRecordBytes);
        uint64_t sum = 0;  // every word that was promised can be read
        for (const uint64_t word : (*message)->words) sum += word;
        [[maybe_unused]] volatile uint64_t used = sum;
        break;
      }
      case 5:
        reader->release();
        break;
    }
  }
}

void fuzz_writer(BytesOfFuzzer input) {
  auto writer = RingWriter::create(kMinRingBytes);
  CHECK(writer.has_value());
  const size_t page_bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  void* page = mmap(nullptr, page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, writer->position_fd(), 0);
  CHECK(page != MAP_FAILED);
  uint64_t& position = static_cast<RingPosition*>(page)->read_position;
  for (int step = 0; step < kMaxSteps && !input.empty(); ++step) {
    switch (input.take<uint8_t>() % 5) {
      case 0:
        position = input.take<uint64_t>();
        break;
      case 1:
        position += input.take<uint16_t>() * uint64_t{8};
        break;
      case 2: {
        const size_t words = 1 + input.take<uint16_t>() % (kMaxRecordBytes / 8 - 1);
        const auto slot = writer->reserve(words);
        if (slot.empty()) break;
        CHECK(slot.size() == words && slot.front() == 0 && slot.back() == 0);
        slot.front() = slot.back() = ~uint64_t{0};
        writer->commit(1 + input.take<uint16_t>() % words, input.take<uint8_t>() % 4);
        break;
      }
      case 3: {
        const uint64_t before = writer->consumed_samples();
        const bool accepted = writer->collect_consumed().has_value();
        CHECK(accepted || writer->consumed_samples() == before);
        break;
      }
      case 4:
        writer->should_wake();
        break;
    }
    CHECK(writer->used_bytes() <= kMinRingBytes);
    CHECK(writer->consumed_samples() <= writer->published_samples());
  }
  munmap(page, page_bytes);
}

}  // namespace
}  // namespace splitprof

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  splitprof::BytesOfFuzzer input(data, size);
  if (input.take<uint8_t>() % 2) {
    splitprof::fuzz_writer(input);
  } else {
    splitprof::fuzz_reader(input);
  }
  return 0;
}
