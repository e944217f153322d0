// SPDX-License-Identifier: Apache-2.0
//
// A capture from a stranger: indexed, described and replayed to its end. An input that does not begin as a capture is
// taken for the content of one frame and gets a header and a hash, which no fuzzer finds by itself.
#include <xxhash.h>
#include <zstd.h>

#include <cstring>

#include "processor/capture/capture_reader.h"
#include "processor/capture/info.h"
#include "processor/elf/local_file.h"
#include "processor/run.h"
#include "shared/check.h"

namespace splitprof {
namespace {

std::vector<std::byte> capture_of(std::span<const std::byte> input) {
  if (input.size() >= 8 && std::memcmp(input.data(), &kCaptureMagic, 8) == 0) return {input.begin(), input.end()};
  const CaptureHeader header{.magic = kCaptureMagic, .major = kCaptureMajor, .minor = kCaptureMinor, .zero = 0};
  std::vector<std::byte> made(sizeof(header) + sizeof(CaptureFrameHeader) + ZSTD_compressBound(input.size()));
  auto* const stored = made.data() + sizeof(header) + sizeof(CaptureFrameHeader);
  const size_t size = ZSTD_compress(stored, ZSTD_compressBound(input.size()), input.data(), input.size(), 1);
  CHECK(!ZSTD_isError(size));
  const auto content_bytes = static_cast<uint32_t>(input.size());
  const CaptureFrameHeader frame{.stored_bytes = static_cast<uint32_t>(size),
                                 .content_bytes = content_bytes,
                                 .hash = XXH3_64bits_withSeed(stored, size, frame_seed(0, content_bytes))};
  std::memcpy(made.data(), &header, sizeof(header));
  std::memcpy(made.data() + sizeof(header), &frame, sizeof(frame));
  made.resize(sizeof(header) + sizeof(frame) + size);
  return made;
}

}  // namespace
}  // namespace splitprof

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace splitprof;
  if (size == 0 || size > kMaxFrameBytes) return 0;
  auto file = CaptureFile::open(std::make_unique<MemoryFile>(capture_of(std::as_bytes(std::span(data, size)))));
  if (!file) return 0;
  auto index = index_capture(**file);
  if (!index) return 0;
  const auto text = describe_capture(**file, *index);
  CHECK(text.has_value());
  for (const char c : *text) CHECK((c >= 0x20 && c < 0x7f) || c == '\n');
  Metrics metrics;
  CaptureReader reader(**file, *index, metrics);
  Run session(reader, metrics, {.hz = 97});
  const auto ended = session.run();
  CHECK(!ended || metrics.samples_consumed == samples_accounted(metrics));
  return 0;
}
