// SPDX-License-Identifier: Apache-2.0
//
// GoTable: the header and functions of .gopclntab, by which a Go program finds its own functions, names, lines and
// frame sizes, and which stripping leaves. All layouts since Go 1.2. Names, lines and unwind rows are made of it
// elsewhere; here every offset is checked. Immutable once parsed; reads are bounded by what they are asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "processor/elf/bytes.h"
#include "processor/elf/file.h"
#include "shared/ids.h"
#include "shared/result.h"

namespace splitprof {

// What the file has of it.
struct GoSection {
  std::vector<std::byte> bytes;
  ElfAddress address;
  ElfAddress text;  // runtime.text, which entries are counted from since Go 1.18; 0: unknown here
};

// A program with Go in it: told by its sections, nothing is read.
bool is_go(const ElfFile& file);

// not_found: no Go program, or one without section headers.
Result<GoSection> read_gopclntab(const ElfFile& file);

struct GoFunction {
  ElfAddress start;
  ElfAddress end;  // where the next one begins: padding is included
  uint32_t name = 0;
  uint32_t sp_table = 0, file_table = 0, line_table = 0;  // for GoTable::runs; 0: none
  uint32_t unit = 0;                                      // index into the table of file numbers; Go 1.16 and later
  uint8_t id = 0;                                         // runtime.funcID: other numbers in every release
  uint8_t flags = 0;                                      // kGo…; 0 before Go 1.17
  uint32_t n_pc_tables = 0;                               // PCDATA
  uint8_t n_data = 0;                                     // FUNCDATA; 0 before Go 1.16
  uint64_t trailer = 0;  // where its n_pc_tables and then n_data words of 4 bytes begin, within GoTable::functions()
};
constexpr uint8_t kGoTopFrame = 1;  // the outermost function of its stack
constexpr uint8_t kGoWritesSp = 2;  // sets the stack pointer to something of its own: another stack
constexpr uint8_t kGoAssembly = 4;

// Values that hold for runs of a function's code, in order.
class GoRuns {
 public:
  struct Run {
    uint64_t end;  // bytes from the function's start; the first run begins at 0
    int32_t value;
  };
  GoRuns(Bytes in, uint8_t quantum) : in_(in), quantum_(quantum) {}
  // Nothing at the end, also where the table is broken off.
  std::optional<Run> next();

 private:
  Bytes in_;
  uint64_t quantum_;
  uint64_t end_ = 0;
  int32_t value_ = -1;
  bool first_ = true;
};

class GoTable {
 public:
  enum class Layout { go1_2, go1_16, go1_18, go1_20 };
  static constexpr uint64_t kMaxFunctions = 4u << 20;  // kubernetes' largest program has 0.1 M

  // `section` stays in place while the table is in use.
  static Result<GoTable> parse(const GoSection& section);

  Layout layout() const { return layout_; }
  uint8_t quantum() const { return quantum_; }  // bytes; every instruction begins at a multiple of it
  uint32_t size() const { return n_functions_; }
  ElfAddress start_of(uint32_t index) const;               // up to and including size(): there the last one ends
  Result<GoFunction> function(uint32_t index) const;       // ascending by address; an error is about this one only
  std::optional<uint32_t> find(ElfAddress address) const;  // the index of the function that holds it

  Result<std::string_view> name(const GoFunction& function) const;
  GoRuns runs(uint32_t table) const;

  // For lines and inlined functions; empty before Go 1.16 where the layout has none.
  Bytes functions() const { return functions_; }
  Bytes units() const { return units_; }  // words of 4 bytes, offsets into files()
  Bytes files() const { return files_; }  // Go 1.16 and later: texts; before: offsets of texts, from the table's start
  Bytes whole() const { return whole_; }

 private:
  GoTable() = default;
  Result<> read_header();
  uint64_t field(uint64_t index) const;  // of the function table

  Layout layout_ = Layout::go1_20;
  uint8_t quantum_ = 1;
  uint32_t n_functions_ = 0;
  uint64_t text_ = 0;
  Bytes whole_, names_, units_, files_, runs_, functions_, table_;
};

}  // namespace splitprof
