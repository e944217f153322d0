// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as a request Process.setRuntimes: what is accepted keeps the bounds that stand in the schema and in the
// interpreter's list, said here once more and plainly.
#include <capnp/serialize.h>
#include <kj/exception.h>

#include <cstring>

#include "bpf/python.h"
#include "sampler/runtime_request.h"
#include "shared/check.h"

using namespace splitprof;

namespace {

struct Bounds {
  uint64_t lowest, highest;
};
constexpr Bounds kPythonFields[] = {
#define SP_FIELD(number, name, lowest, highest, text) {lowest, highest},
#include "bpf/python.def"
#undef SP_FIELD
};

void check_bounds(const sp_runtime& runtime) {
  CHECK(runtime.generation == 0 && runtime.kind == SP_RUNTIME_python);
  CHECK(runtime.n_ranges <= SP_MAX_CODE_RANGES);
  uint64_t end = 0;
  for (int i = 0; i < runtime.n_ranges; ++i) {
    const auto& range = runtime.ranges[i];
    CHECK(range.start >= end && range.length > 0 && range.length <= (16 << 20));
    end = range.start + range.length;
    CHECK(end <= uint64_t{1} << 48);
  }
  CHECK(runtime.tls_access <= SP_TLS_GOT_PAIR && runtime.storage <= SP_STORAGE_ARRAY);
  const uint64_t from_two_gib_below = runtime.tls_value + (uint64_t{1} << 31);
  if (runtime.tls_access == SP_TLS_OFFSET)
    CHECK(from_two_gib_below <= uint64_t{1} << 32);
  else if (runtime.tls_access != SP_TLS_GOT_PAIR)  // whose upper bits are a distance
    CHECK(runtime.tls_value < uint64_t{1} << 48);
  CHECK(runtime.storage_offset >= -65536 && runtime.storage_offset <= 65536);
  for (size_t i = 0; i < SP_MAX_RUNTIME_FIELDS; ++i) {
    if (i >= std::size(kPythonFields))
      CHECK(runtime.fields[i] == 0);
    else
      CHECK(runtime.fields[i] >= kPythonFields[i].lowest && runtime.fields[i] <= kPythonFields[i].highest);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto words = kj::heapArray<capnp::word>(size / sizeof(capnp::word));
  if (words.size() == 0) return 0;
  std::memcpy(words.begin(), data, words.asBytes().size());
  // What Cap'n Proto itself refuses is an exception, as in the connection.
  kj::runCatchingExceptions([&]() {
    capnp::ReaderOptions options;
    options.nestingLimit = 8;
    capnp::FlatArrayMessageReader message(words, options);
    const auto runtimes = read_runtimes(message.getRoot<schema::Process::SetRuntimesParams>());
    if (!runtimes) {
      CHECK(runtimes.error().code == Errc::malformed);
      return;
    }
    CHECK(runtimes->size() <= SP_MAX_PROCESS_RUNTIMES);
    for (const auto& runtime : *runtimes) check_bounds(runtime);
  });
  return 0;
}
