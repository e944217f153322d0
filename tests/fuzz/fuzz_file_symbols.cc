// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as an executable, and as its own debug file: compressed sections, .gnu_debugdata, links, Go's table, DWARF
// and symbols without section headers, as a report uses them. It ends, and answers every address that it was asked.
#include <set>

#include "processor/elf/local_file.h"
#include "processor/symbols/file_symbols.h"
#include "shared/check.h"

using namespace splitprof;

namespace {

// Where code is, by the file's own account.
std::vector<ElfAddress> some_addresses(const ElfFile& elf) {
  std::set<ElfAddress> found{ElfAddress(0), ElfAddress(UINT64_MAX)};
  for (const Section& section : elf.sections())
    if (section.executable())
      for (uint64_t i = 0; i < 8 && found.size() < 64; ++i)
        found.insert(ElfAddress(section.address.value + i * (section.size / 8 + 1)));
  for (const Segment& segment : elf.segments())
    for (uint64_t i = 0; i < 8 && segment.executable && found.size() < 96; ++i)
      found.insert(ElfAddress(segment.address.value + i * (segment.memory_size / 8 + 1)));
  return {found.begin(), found.end()};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto* first = reinterpret_cast<const std::byte*>(data);
  const std::vector<std::byte> bytes(first, first + size);
  MemoryFile mapped(bytes), debug(bytes);
  const auto inspected = inspect(mapped);
  if (!inspected) return 0;
  const auto elf = ElfFile::open(mapped);
  CHECK(elf.has_value());
  const auto addresses = some_addresses(*elf);
  const bool accepted = accept_debug_file(mapped, *inspected, debug).has_value();
  std::shared_ptr<const SymbolIndex> index;
  for (int batch = 0; batch < 2; ++batch) {
    const auto resolved = resolve_names({.mapped = &mapped, .debug = accepted ? &debug : nullptr}, index, addresses);
    CHECK(resolved.has_value());
    CHECK(resolved->names.places.size() == addresses.size());
    for (const auto& place : resolved->names.places)
      CHECK(uint64_t{place.first} + place.count <= resolved->names.symbols.size());
    index = resolved->index;
  }
  return 0;
}
