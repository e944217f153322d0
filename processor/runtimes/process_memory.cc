// SPDX-License-Identifier: Apache-2.0
#include "processor/runtimes/process_memory.h"

namespace splitprof {

Result<> ProcessMemory::read(uint64_t address, std::span<std::byte> into) {
  if (++reads_ > kMaxReads || into.size() > kMaxBytes - bytes_)
    return fail(Errc::too_large, "more of the process's memory than one question may read");
  bytes_ += into.size();
  if (address > SP_MAX_USER_ADDRESS) return fail(Errc::malformed, "an address that no program has");
  const size_t n = TRY(file_.read_at(address, into));
  if (n != into.size())
    return fail(Errc::gone, "{} bytes at {:#x} of the process could not be read", into.size(), address);
  return Ok{};
}

}  // namespace splitprof
