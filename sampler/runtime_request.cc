// SPDX-License-Identifier: Apache-2.0
#include "sampler/runtime_request.h"

#include "sampler/tables/runtime_check.h"

namespace splitprof {

Result<std::vector<sp_runtime>> read_runtimes(schema::Process::SetRuntimesParams::Reader params) {
  const auto list = params.getRuntimes();
  if (list.size() > SP_MAX_PROCESS_RUNTIMES) return fail(Errc::malformed, "{} runtimes of one process", list.size());
  std::vector<sp_runtime> runtimes;
  for (const auto& runtime : list) {
    const auto loops = runtime.getLoops();
    const auto fields = runtime.getFields();
    if (loops.size() > SP_MAX_CODE_RANGES || fields.size() > SP_MAX_RUNTIME_FIELDS)
      return fail(Errc::malformed, "a runtime with {} code ranges and {} fields", loops.size(), fields.size());
    std::vector<sp_code_range> ranges;
    for (const auto& loop : loops) ranges.push_back({loop.getStart(), loop.getLength()});
    std::vector<uint64_t> values;
    for (const uint64_t field : fields) values.push_back(field);
    runtimes.push_back(TRY(check_runtime({.kind = runtime.getKind(),
                                          .loops = ranges,
                                          .tls_access = runtime.getTlsAccess(),
                                          .tls_value = runtime.getTlsValue(),
                                          .storage = runtime.getStorage(),
                                          .storage_offset = runtime.getStorageOffset(),
                                          .fields = values})));
  }
  return runtimes;
}

}  // namespace splitprof
