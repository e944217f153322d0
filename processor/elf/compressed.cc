// SPDX-License-Identifier: Apache-2.0
#include "processor/elf/compressed.h"

#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <memory>

namespace splitprof {
namespace {

// What the decoder itself may take. `xz -9` needs 65 MiB to decompress (man xz), -6, the default, 9 MiB.
constexpr uint64_t kMaxXzMemoryBytes = 68u << 20;
// A longer distance than zstd's decoder takes unasked is never needed (zstd.h, ZSTD_WINDOWLOG_LIMIT_DEFAULT: 27).
constexpr int kMaxZstdWindowLog = 27;
constexpr size_t kXzStepBytes = 1u << 20;

Result<> inflate_all(std::span<const std::byte> packed, std::span<std::byte> into) {
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) return fail(Errc::io, "zlib: no memory");
  const std::unique_ptr<z_stream, int (*)(z_streamp)> owner(&stream, inflateEnd);
  size_t packed_done = 0, done = 0;
  int state = Z_OK;
  while (state == Z_OK) {  // zlib counts in 32 bits
    const size_t in = std::min<size_t>(packed.size() - packed_done, UINT32_MAX);
    const size_t out = std::min<size_t>(into.size() - done, UINT32_MAX);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(packed.data() + packed_done));
    stream.avail_in = static_cast<uInt>(in);
    stream.next_out = reinterpret_cast<Bytef*>(into.data() + done);
    stream.avail_out = static_cast<uInt>(out);
    state = inflate(&stream, Z_NO_FLUSH);
    packed_done += in - stream.avail_in;
    done += out - stream.avail_out;
    if (in == stream.avail_in && out == stream.avail_out) break;  // no progress: it wants more of what there is not
  }
  if (state != Z_STREAM_END) return fail(Errc::malformed, "zlib: {}", stream.msg != nullptr ? stream.msg : "cut short");
  if (done != into.size()) return fail(Errc::truncated, "zlib: {} of {} bytes", done, into.size());
  return Ok{};
}

Result<> unpack_zstd(std::span<const std::byte> packed, std::span<std::byte> into) {
  const std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  if (!context) return fail(Errc::io, "zstd: no memory");
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, kMaxZstdWindowLog);
  ZSTD_inBuffer in{.src = packed.data(), .size = packed.size(), .pos = 0};
  ZSTD_outBuffer out{.dst = into.data(), .size = into.size(), .pos = 0};
  size_t wanted = 1;
  while (wanted != 0) {
    const size_t in_before = in.pos, out_before = out.pos;
    wanted = ZSTD_decompressStream(context.get(), &out, &in);
    if (ZSTD_isError(wanted)) return fail(Errc::malformed, "zstd: {}", ZSTD_getErrorName(wanted));
    if (in.pos == in_before && out.pos == out_before) break;
    if (wanted == 0 && in.pos < in.size && out.pos < out.size) wanted = 1;  // another frame
  }
  if (wanted != 0 || out.pos != out.size) return fail(Errc::truncated, "zstd: {} of {} bytes", out.pos, out.size);
  return Ok{};
}

}  // namespace

Result<std::vector<std::byte>> decompress(Compression compression, std::span<const std::byte> packed, uint64_t size) {
  if (size / kMaxExpansion > packed.size())
    return fail(Errc::malformed, "{} bytes are said to hold {}", packed.size(), size);
  std::vector<std::byte> bytes(size);
  switch (compression) {
    case Compression::zlib:
      TRY(inflate_all(packed, bytes));
      return bytes;
    case Compression::zstd:
      TRY(unpack_zstd(packed, bytes));
      return bytes;
    case Compression::none:
      break;
  }
  return fail(Errc::unsupported, "not compressed");
}

Result<std::vector<std::byte>> decompress_xz(std::span<const std::byte> packed, uint64_t limit) {
  lzma_stream stream = LZMA_STREAM_INIT;
  if (lzma_stream_decoder(&stream, kMaxXzMemoryBytes, 0) != LZMA_OK) return fail(Errc::io, "xz: no memory");
  const std::unique_ptr<lzma_stream, void (*)(lzma_stream*)> owner(&stream, lzma_end);
  stream.next_in = reinterpret_cast<const uint8_t*>(packed.data());
  stream.avail_in = packed.size();
  std::vector<std::byte> bytes;
  for (;;) {
    const size_t done = bytes.size();
    if (done >= limit) return fail(Errc::too_large, "xz: more than {} bytes", limit);
    bytes.resize(std::min<uint64_t>(limit, done + kXzStepBytes));
    stream.next_out = reinterpret_cast<uint8_t*>(bytes.data() + done);
    stream.avail_out = bytes.size() - done;
    const lzma_ret state = lzma_code(&stream, LZMA_FINISH);
    bytes.resize(bytes.size() - stream.avail_out);
    if (state == LZMA_STREAM_END) return bytes;
    if (state == LZMA_MEMLIMIT_ERROR) return fail(Errc::too_large, "xz: needs more than {} bytes", kMaxXzMemoryBytes);
    if (state != LZMA_OK) return fail(Errc::malformed, "xz: error {}", static_cast<int>(state));
    if (bytes.size() / kMaxExpansion > packed.size()) return fail(Errc::malformed, "xz: expands beyond all measure");
  }
}

}  // namespace splitprof
