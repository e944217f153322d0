// SPDX-License-Identifier: Apache-2.0
//
// decode_record over any message. What it accepts has to keep every promise of record.h.
#include <cstdint>
#include <cstring>
#include <vector>

#include "bpf/abi.h"
#include "processor/ingest/record.h"
#include "shared/check.h"
#include "shared/ring.h"

static bool is_known(uint8_t kind) {
  switch (kind) {
    case SP_FRAME_NATIVE:
    case SP_FRAME_KERNEL:
    case SP_FRAME_ABORT:
#define SP_RUNTIME(number, name, type) case number:
#include "bpf/runtimes.def"
#undef SP_RUNTIME
      return true;
    default:
      return false;
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace splitprof;
  std::vector<uint64_t> words(size / 8);
  if (!words.empty()) std::memcpy(words.data(), data, words.size() * 8);
  static Record record;  // used again, as the processor does
  for (const uint32_t format : {kFormatRecord, kFormatSampleRecord}) {
    if (!decode_record(format, words, record)) continue;
    const auto* sample = std::get_if<SampleRecord>(&record);
    CHECK((sample != nullptr) == (format == kFormatSampleRecord));
    if (!sample) continue;
    CHECK(sample->comm.size() <= 16 && sample->end < SP_COUNT_MAX && sample->stack.size() <= SP_MAX_STACK_BYTES);
    CHECK(sample->kernel_frames.size() <= SP_MAX_KERNEL_FRAMES && sample->registers.size() <= SP_MAX_REGISTERS);
    for (const RawFrame& frame : sample->user_frames) {
      CHECK(is_known(frame.kind));
      CHECK(!sample->words(frame).empty());
      CHECK(frame.kind > SP_FRAME_ABORT || sample->words(frame).size() == 1);
    }
  }
  return 0;
}
