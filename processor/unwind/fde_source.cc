// SPDX-License-Identifier: Apache-2.0
#include "processor/unwind/fde_source.h"

namespace splitprof {

Result<uint64_t> FdeSource::list(FunctionIndex& functions) {
  while (const auto fde = reader_.next())
    TRY(functions.add(fde->start, fde->size, static_cast<uint32_t>(fde->section_offset)));
  return reader_.broken_records();
}

Result<> FdeSource::read_rows(uint32_t number, FunctionRows& rows) {
  const auto fde = TRY(reader_.at(number));
  rows.start = fde.start;
  rows.size = fde.size;
  return runner_.run(fde, rows.rows);
}

}  // namespace splitprof
