// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as a .gopclntab: every function, name and run, and the unwind rows that are made of them.
#include "processor/elf/gopclntab.h"
#include "processor/unwind/go_rows.h"
#include "processor/unwind/table.h"
#include "shared/check.h"
#include "tests/processor/unwind/table_lookup.h"

using namespace splitprof;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const Machine machine = (data[0] & 1) == 0 ? Machine::x86_64 : Machine::arm64;
  const auto bytes = std::as_bytes(std::span(data + 1, size - 1));
  GoSection section{.bytes = {bytes.begin(), bytes.end()}, .text = ElfAddress(0x1000)};
  auto table = GoTable::parse(section);
  if (!table) return 0;
  for (uint32_t i = 0; i < table->size() && i < 1000; ++i) {
    const auto function = table->function(i);
    if (!function) continue;
    CHECK(function->start < function->end);
    (void)table->name(*function);
    uint64_t end = 0;
    for (GoRuns runs = table->runs(function->sp_table); const auto run = runs.next();) {
      CHECK(run->end > end);
      end = run->end;
    }
    if (const auto found = table->find(function->start)) CHECK(*found < table->size());
  }
  GoRows rows(std::move(section), std::move(*table), machine);
  RowSource* sources[] = {&rows};
  const Segment code{.memory_size = UINT64_MAX, .executable = true};
  const auto compiled = compile_rows(sources, std::span(&code, 1));
  if (compiled) CHECK(testing::broken_promise(compiled->table).empty());
  return 0;
}
