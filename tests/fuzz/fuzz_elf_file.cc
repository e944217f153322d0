// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as an ELF file: headers, build id, addresses, sections, symbols with and without section headers, links to
// debug files, the file inside .gnu_debugdata, Go's lines, and what the unwind table makes of them.
#include "processor/elf/debug_files.h"
#include "processor/elf/go_lines.h"
#include "processor/elf/local_file.h"
#include "processor/elf/symbol_table.h"
#include "processor/unwind/table.h"
#include "shared/check.h"

using namespace splitprof;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto* first = reinterpret_cast<const std::byte*>(data);
  MemoryFile memory(std::vector<std::byte>(first, first + size));
  const auto elf = ElfFile::open(memory);
  if (!elf) return 0;
  CHECK(elf->build_id().size() % 2 == 0);
  for (const Segment& segment : elf->segments()) {
    // An error is only possible where there is nothing in the file.
    const auto address = elf->address_of(segment.offset);
    CHECK(address.has_value() || segment.file_size == 0);
    (void)elf->read_segment_from(segment.address, 4096);
  }
  for (const Section& section : elf->sections()) {
    const auto bytes = elf->read_section(section, 4u << 20);
    CHECK(!bytes || section.compressed() || bytes->size() == section.size);
    (void)elf->address_of(section.offset);
  }
  if (const auto symbols = read_symbols(*elf)) {
    for (size_t i = 0; i < symbols->size(); ++i) {
      const FoundSymbol symbol = symbols->at(i);
      (void)symbols->read_name(*elf, symbol);
      CHECK(i == 0 || symbols->at(i - 1).start < symbol.start);
      const auto found = symbols->find(symbol.start);
      CHECK(!found || found->start <= symbol.start);
    }
  }
  (void)read_debug_link(*elf);
  (void)read_alternate_link(*elf);
  if (const auto inside = read_gnu_debugdata(*elf)) {
    const auto inside_elf = ElfFile::open(**inside);
    if (inside_elf) (void)read_symbols(*inside_elf);
  }
  if (auto lines = GoLines::open(*elf))
    for (const Segment& segment : elf->segments())
      for (uint64_t i = 0; i < 16; ++i) (void)lines->locate(ElfAddress(segment.address.value + i * 61));
  (void)compile_table(*elf);
  return 0;
}
