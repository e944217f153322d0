// SPDX-License-Identifier: Apache-2.0
#include "processor/processes/resolve.h"

#include "bpf/abi.h"
#include "processor/runtimes/functions.h"

namespace splitprof {
namespace {

// A return address may be the first byte after its function, even after its mapping: the call is before it.
uint64_t call_address(const RawFrame& raw, uint64_t word) {
  return (raw.flags & SP_FRAME_RETURN_ADDRESS) != 0 ? word - 1 : word;
}

Frame native_frame(const RawFrame& raw, uint64_t word, const Process& process, Metrics& metrics) {
  const bool return_address = (raw.flags & SP_FRAME_RETURN_ADDRESS) != 0;
  const auto* mapping = process.find(call_address(raw, word));
  const auto* executable = mapping == nullptr || mapping->file == nullptr ? nullptr : mapping->file->executable;
  if (executable == nullptr) {
    ++metrics.frames_unknown;
    return {.kind = Frame::Kind::unknown, .return_address = return_address, .place = 0, .address = word};
  }
  ++metrics.frames_native;
  return {.kind = Frame::Kind::native,
          .return_address = return_address,
          .place = executable->number,
          .address = word - executable->bias(mapping->start, mapping->file_offset)};
}

}  // namespace

void resolve(const SampleRecord& sample, const Process& process, std::vector<Frame>& frames, Metrics& metrics) {
  frames.clear();
  metrics.frames_kernel += sample.kernel_frames.size();
  metrics.frames_kind_unknown += sample.unknown_frames;
  bool leaf = true;
  for (const uint64_t address : sample.kernel_frames) {
    frames.push_back({.kind = Frame::Kind::kernel, .return_address = !leaf, .place = 0, .address = address});
    leaf = false;
  }
  for (const auto& raw : sample.user_frames) {
    const uint64_t word = sample.words(raw)[0];
    switch (raw.kind) {
      case SP_FRAME_NATIVE:
        frames.push_back(native_frame(raw, word, process, metrics));
        break;
      case SP_FRAME_KERNEL:
        frames.push_back({.kind = Frame::Kind::kernel,
                          .return_address = (raw.flags & SP_FRAME_RETURN_ADDRESS) != 0,
                          .place = 0,
                          .address = word});
        break;
      case SP_FRAME_ABORT:
        if (word == SP_ABORT_GAP) ++metrics.stacks_with_gap;
        frames.push_back({.kind = Frame::Kind::marker,
                          .return_address = false,
                          .place = static_cast<uint32_t>(word),
                          .address = raw.extra});
        break;
#define SP_RUNTIME(number, name, type)                               \
  case number:                                                       \
    if (static_cast<uint32_t>(word >> 32) == kHiddenFunction) break; \
    frames.push_back({.kind = Frame::Kind::name,                     \
                      .return_address = false,                       \
                      .place = static_cast<uint32_t>(word >> 32),    \
                      .address = static_cast<uint32_t>(word)});      \
    ++metrics.frames_interpreted;                                    \
    break;
#include "bpf/runtimes.def"
#undef SP_RUNTIME
      default:  // decode_record() lets nothing else through
        break;
    }
  }
  if (sample.end == SP_COUNT_complete || sample.end == SP_COUNT_no_user_stack) return;
  const Frame marker{.kind = Frame::Kind::marker, .return_address = false, .place = sample.end, .address = 0};
  if (frames.empty() || frames.back() != marker) frames.push_back(marker);
}

bool is_explained(const SampleRecord& sample, const Process& process) {
  for (const auto& raw : sample.user_frames)
    if (raw.kind == SP_FRAME_NATIVE && process.find(call_address(raw, sample.words(raw)[0])) == nullptr) return false;
  return true;
}

}  // namespace splitprof
