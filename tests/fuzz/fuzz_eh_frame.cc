// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as an .eh_frame section: rows in order and inside their functions, and a table that keeps its promises and
// says what the rows say. The first byte chooses the machine.
#include "processor/unwind/table.h"
#include "shared/check.h"
#include "tests/processor/unwind/table_lookup.h"

using namespace splitprof;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const Machine machine = (data[0] & 1) == 0 ? Machine::x86_64 : Machine::arm64;
  const Bytes section(std::as_bytes(std::span(data + 1, size - 1)));
  EhFrameReader reader(section, ElfAddress(0x400000));
  CfiRunner runner(machine);
  TableBuilder builder(machine);
  std::vector<Row> rows, added;
  size_t functions = 0;
  while (const auto fde = reader.next()) {
    if (!runner.run(*fde, rows)) {
      CHECK(rows.empty());
      continue;
    }
    CHECK(!rows.empty() && rows[0].start == fde->start);
    for (size_t i = 1; i < rows.size(); ++i) CHECK(rows[i - 1].start < rows[i].start);
    CHECK(rows.back().start.value - fde->start.value < fde->size);
    if (!builder.add(fde->start, fde->size, rows)) continue;
    added = rows;
    ++functions;
  }
  const auto compiled = builder.finish();
  if (!compiled) return 0;
  CHECK(compiled->fdes == functions);
  CHECK(testing::broken_promise(compiled->table).empty());
  if (functions == 1) {
    const testing::TableLookup lookup(compiled->table);
    for (const Row& row : added) {
      // A page that is too dense asks.
      const uint64_t found = lookup.find(row.start.value);
      CHECK(found == rule_word(to_rule(row, machine)) || found == rule_word({.cfa = SP_CFA_ASK}));
    }
  }
  return 0;
}
