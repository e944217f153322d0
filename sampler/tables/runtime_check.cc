// SPDX-License-Identifier: Apache-2.0
#include "sampler/tables/runtime_check.h"

#include <algorithm>
#include <iterator>

#include "sampler/limits.h"

namespace splitprof {
namespace {

struct Field {
  uint32_t number;
  const char* name;
  uint64_t lowest, highest;
};

// One line for each interpreter of bpf/runtimes.def: its list.
#define SP_FIELD(number, name, lowest, highest, text) {number, #name, lowest, highest},
constexpr Field python_fields[] = {
#include "bpf/python.def"
};
#undef SP_FIELD

consteval bool numbered_in_order(std::span<const Field> fields) {
  uint32_t next = 0;
  for (const Field& field : fields)
    if (field.number != next++ || field.lowest > field.highest) return false;
  return next <= SP_MAX_RUNTIME_FIELDS;
}
#define SP_RUNTIME(number, name, type) static_assert(numbered_in_order(name##_fields), #name ".def");
#include "bpf/runtimes.def"
#undef SP_RUNTIME

// Empty: there is no such interpreter.
std::span<const Field> fields_of(uint16_t kind) {
  switch (kind) {
#define SP_RUNTIME(number, name, type) \
  case number:                         \
    return name##_fields;
#include "bpf/runtimes.def"
#undef SP_RUNTIME
    default:
      return {};
  }
}

bool valid_tls(uint8_t access, uint64_t value) {
  if (access > SP_TLS_GOT_PAIR) return false;
  if (access == SP_TLS_GOT_PAIR) return true;  // an address and a distance, each as large as its bits allow
  if (access != SP_TLS_OFFSET) return value <= SP_MAX_USER_ADDRESS;
  const auto offset = static_cast<int64_t>(value);
  return offset >= -kMaxTlsOffset && offset <= kMaxTlsOffset;
}

}  // namespace

Result<sp_runtime> check_runtime(const RuntimeRequest& request) {
  const auto fields = fields_of(request.kind);
  if (fields.empty()) return fail(Errc::malformed, "a runtime of kind {}, which does not exist", request.kind);
  sp_runtime runtime{.kind = static_cast<uint8_t>(request.kind),
                     .n_ranges = static_cast<uint8_t>(request.loops.size()),
                     .tls_access = request.tls_access,
                     .storage = request.storage,
                     .tls_value = request.tls_value,
                     .storage_offset = request.storage_offset};
  if (request.loops.size() > SP_MAX_CODE_RANGES)
    return fail(Errc::malformed, "a runtime with {} code ranges", request.loops.size());
  uint64_t end = 0;
  for (const sp_code_range& loop : request.loops) {
    if (loop.start < end || loop.start > SP_MAX_USER_ADDRESS || loop.length == 0 || loop.length > kMaxCodeRangeBytes ||
        loop.length - 1 > SP_MAX_USER_ADDRESS - loop.start)
      return fail(Errc::malformed, "a runtime's code range of {} bytes at {:#x}", loop.length, loop.start);
    end = loop.start + loop.length;
  }
  std::ranges::copy(request.loops, runtime.ranges);
  if (!valid_tls(request.tls_access, request.tls_value))
    return fail(Errc::malformed, "a thread's variable by way {} at {:#x}", request.tls_access, request.tls_value);
  if (request.storage > SP_STORAGE_ARRAY || request.storage_offset < -kMaxStorageOffset ||
      request.storage_offset > kMaxStorageOffset)
    return fail(Errc::malformed, "threads' storage of kind {} at {}", request.storage, request.storage_offset);
  if (request.fields.size() != fields.size())
    return fail(Errc::malformed, "{} fields where the runtime has {}", request.fields.size(), fields.size());
  for (size_t i = 0; i < fields.size(); ++i)
    if (request.fields[i] < fields[i].lowest || request.fields[i] > fields[i].highest)
      return fail(Errc::malformed, "the runtime's field {} is {}", fields[i].name, request.fields[i]);
  std::ranges::copy(request.fields, runtime.fields);
  return runtime;
}

}  // namespace splitprof
