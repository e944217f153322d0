// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as an .eh_frame or .debug_frame section: rows in order and inside their functions, and a table that keeps
// its promises and says what the rows say. The first byte chooses machine and format.
#include "processor/unwind/fde_source.h"
#include "processor/unwind/table.h"
#include "shared/check.h"
#include "tests/processor/unwind/table_lookup.h"

using namespace splitprof;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const Machine machine = (data[0] & 1) == 0 ? Machine::x86_64 : Machine::arm64;
  const auto format = (data[0] & 2) == 0 ? CallFrames::Format::eh_frame : CallFrames::Format::debug_frame;
  const auto bytes = std::as_bytes(std::span(data + 1, size - 1));
  const ElfAddress address(format == CallFrames::Format::eh_frame ? 0x400000 : 0);
  CallFrameReader reader(Bytes(bytes), address, format);
  CfiRunner runner(machine);
  const Segment code{.memory_size = UINT64_MAX, .executable = true};
  FunctionIndex index(std::span(&code, 1));
  std::vector<Row> rows, added;
  std::vector<RuleRow> rules;
  size_t functions = 0;
  bool too_large = false;
  while (const auto fde = reader.next()) {
    const auto again = reader.at(fde->section_offset);
    CHECK(again && again->start == fde->start && again->size == fde->size && again->cie == fde->cie);
    if (!index.add(fde->start, fde->size, static_cast<uint32_t>(fde->section_offset))) too_large = true;
    const bool sound = runner.run(*fde, rows).has_value();
    CHECK(runner.run(*fde, rules).has_value() == sound);
    CHECK(rules.size() == rows.size());
    if (!sound) {
      CHECK(rows.empty());
      continue;
    }
    CHECK(!rows.empty() && rows[0].start == fde->start);
    for (size_t i = 1; i < rows.size(); ++i) CHECK(rows[i - 1].start < rows[i].start);
    CHECK(rows.back().start.value - fde->start.value < fde->size);
    for (size_t i = 0; i < rows.size(); ++i) CHECK(rules[i].rule == rule_word(to_rule(rows[i], machine)));
    if (!too_large) added = rows;
    ++functions;
  }
  FdeSource source({.bytes = {bytes.begin(), bytes.end()}, .address = address, .format = format}, machine);
  RowSource* sources[] = {&source};
  const auto compiled = compile_rows(sources, std::span(&code, 1));
  if (!compiled) return 0;
  CHECK(compiled->functions == functions);
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
