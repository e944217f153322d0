// SPDX-License-Identifier: Apache-2.0
#include "processor/export/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <array>

#include "processor/export/fd_writer.h"

namespace splitprof {

Result<> write_gzip(std::string_view bytes, int fd) {
  constexpr int kGzipFormat = 15 + 16;           // largest window; 16: a gzip header (zlib.h, deflateInit2)
  constexpr size_t kMaxInput = size_t{1} << 30;  // zlib counts in unsigned int
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipFormat, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    return fail(Errc::io, "no memory to compress the output");
  }
  FdWriter out(fd);
  std::array<char, 64 << 10> block;
  int state = Z_OK;
  do {
    const auto part = bytes.substr(0, kMaxInput);
    bytes.remove_prefix(part.size());
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(part.data()));  // zlib does not write to it
    stream.avail_in = static_cast<uInt>(part.size());
    do {
      stream.next_out = reinterpret_cast<Bytef*>(block.data());
      stream.avail_out = block.size();
      state = deflate(&stream, bytes.empty() ? Z_FINISH : Z_NO_FLUSH);
      out.append({block.data(), block.size() - stream.avail_out});
    } while (stream.avail_out == 0);
  } while (!bytes.empty());
  deflateEnd(&stream);
  if (state != Z_STREAM_END) return fail(Errc::io, "compressing the output failed");
  return out.finish();
}

}  // namespace splitprof
