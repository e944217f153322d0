// SPDX-License-Identifier: Apache-2.0
//
// What one executable can say about its addresses, on a worker: where to look (inspect), and names, lines and inlined
// functions of a batch of addresses (resolve). In order: DWARF of the file or its debug file, Go's own table, then the
// symbol tables, which also name what DWARF leaves nameless. Reads files, may block; keeps nothing between batches but
// a SymbolIndex of 12 bytes a symbol, immutable, which the next batch may be given.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "processor/elf/debug_files.h"
#include "processor/elf/symbol_table.h"
#include "processor/ingest/input.h"
#include "processor/traces/trace.h"

namespace splitprof {

// The mapped file, and what belongs to it; null: there is none.
struct SymbolFiles {
  ReadableFile* mapped = nullptr;
  ReadableFile* debug = nullptr;      // checked by accept_debug_file()
  ReadableFile* alternate = nullptr;  // likewise
};

struct Inspected {
  std::string build_id;
  bool wants_debug_file = false;  // it has no DWARF of its own, but says where there may be some
  std::optional<DebugLink> debug_link;
  std::optional<AlternateLink> alternate_link;
};
Result<Inspected> inspect(ReadableFile& mapped);

// What a debug file that was found says: which alternate file it needs. An error: it belongs to another executable.
Result<std::optional<AlternateLink>> accept_debug_file(ReadableFile& mapped, const Inspected& inspected,
                                                       ReadableFile& debug);
bool accept_alternate_file(const AlternateLink& link, ReadableFile& alternate);

// Where the symbols of a file, of its debug file and of the one inside it are.
class SymbolIndex {
 public:
  const SymbolTable& mapped() const { return mapped_; }
  const SymbolTable& embedded() const { return embedded_; }
  const SymbolTable& debug() const { return debug_; }
  size_t size() const { return mapped_.size() + embedded_.size() + debug_.size(); }
  uint64_t dropped() const { return mapped_.dropped() + embedded_.dropped() + debug_.dropped(); }
  size_t memory_bytes() const;
  // Equal files, as in many containers, have equal indexes; all of it is compared, so no file can pass for another.
  friend bool operator==(const SymbolIndex&, const SymbolIndex&) = default;

 private:
  friend class FileSymbols;
  SymbolTable mapped_, embedded_, debug_;
};

// The functions of each address, innermost first, names as people read them.
struct ResolvedNames {
  struct Place {
    uint64_t address = 0;
    uint32_t first = 0, count = 0;  // of symbols; 0: nobody knows it
  };
  std::vector<Place> places;  // by address, every one that was asked for
  std::vector<Symbol> symbols;
};

struct Resolved {
  ResolvedNames names;
  std::shared_ptr<const SymbolIndex> index;  // shared: the store keeps it while a worker uses it
  std::string problem;                       // a sentence about what had to be left out; empty: none
};

// `addresses`: ascending, each once. `index`: of an earlier batch of the same files, or null. An error: the mapped file
// is no ELF file that can be read.
Result<Resolved> resolve_names(const SymbolFiles& files, std::shared_ptr<const SymbolIndex> index,
                               const std::vector<ElfAddress>& addresses);

}  // namespace splitprof
