// SPDX-License-Identifier: Apache-2.0
#include "processor/otlp/gunzip.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <memory>

namespace splitprof::otlp {
namespace {

constexpr int kGzipOnly = 16 + 15;  // of inflateInit2: no zlib header is taken, the largest window is
constexpr size_t kFirstBytes = 64 << 10;

}  // namespace

Result<std::string> gunzip(std::string_view packed, uint64_t max_bytes) {
  if (packed.size() > std::numeric_limits<uInt>::max()) return fail(Errc::too_large, "gzip of more than 4 GiB");
  z_stream stream{};
  if (inflateInit2(&stream, kGzipOnly) != Z_OK) return fail(Errc::too_large, "no memory to unpack gzip");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> closer(&stream, inflateEnd);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));  // zlib does not write to it
  stream.avail_in = static_cast<uInt>(packed.size());
  std::string out;
  size_t used = 0;
  for (;;) {
    if (used == out.size()) {
      // One byte more than allowed, so that reaching it shows.
      if (used > max_bytes) return fail(Errc::too_large, "unpacked it is larger than {} bytes", max_bytes);
      out.resize(std::min<uint64_t>(std::max(2 * used, kFirstBytes), max_bytes + 1));
    }
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + used);
    stream.avail_out = static_cast<uInt>(std::min<size_t>(out.size() - used, std::numeric_limits<uInt>::max()));
    const size_t room = stream.avail_out;
    const int state = inflate(&stream, Z_NO_FLUSH);
    used += room - stream.avail_out;
    if (used > max_bytes) return fail(Errc::too_large, "unpacked it is larger than {} bytes", max_bytes);
    if (state == Z_STREAM_END) {
      if (stream.avail_in == 0) break;
      if (inflateReset(&stream) != Z_OK) return fail(Errc::malformed, "not gzip");
    } else if (state == Z_BUF_ERROR || (state == Z_OK && stream.avail_in == 0 && stream.avail_out > 0)) {
      return fail(Errc::truncated, "gzip that ends too early");
    } else if (state != Z_OK) {
      return fail(Errc::malformed, "not gzip: {}", stream.msg == nullptr ? "bad data" : stream.msg);
    }
  }
  out.resize(used);
  return out;
}

}  // namespace splitprof::otlp
