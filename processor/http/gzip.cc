// SPDX-License-Identifier: Apache-2.0
#include "processor/http/gzip.h"

#include <zlib.h>

#include <limits>

#include "shared/check.h"

namespace splitprof::http {

std::string gzip(std::string_view bytes, int level) {
  constexpr int kGzipFormat = 15 + 16;  // largest window; 16: a gzip header (zlib.h, deflateInit2)
  CHECK(bytes.size() <= std::numeric_limits<uInt>::max());
  z_stream stream{};
  CHECK(deflateInit2(&stream, level, Z_DEFLATED, kGzipFormat, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // zlib does not write to it
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);  // deflateBound's promise
  out.resize(stream.total_out);
  deflateEnd(&stream);
  out.shrink_to_fit();
  return out;
}

}  // namespace splitprof::http
