// SPDX-License-Identifier: Apache-2.0
//
// LineProgram: a unit's line number program, DWARF 2 to 5 (DWARF 5, section 6.2): its files, and the rows that it
// makes, which are held against the addresses asked for as they come and never kept. Lives for one unit.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "processor/dwarf/unit.h"

namespace splitprof::dwarf {

struct LineRow {
  uint64_t file = 1;
  uint64_t line = 1;
  uint64_t column = 0;
};

// The row of one address.
struct FoundLine {
  LineRow row;
  uint64_t sequence_end = 0;  // of the sequence that it is from; 0: no row
};

class LineProgram {
 public:
  // The unit's, which has a stmt_list; `unit` outlives this object.
  static Result<LineProgram> read(const Unit& unit, Work& work);

  // The row of each of the addresses, which are ascending. Sequences that begin below `lowest` are of code that the
  // linker threw away.
  Result<std::vector<FoundLine>> run(std::span<const uint64_t> addresses, uint64_t lowest, Work& work);
  // The path of a file by its number: compilation directory, directory and name, as far as none of them is absolute.
  Result<std::string> path(uint64_t file) const;

  uint64_t rows() const { return rows_; }

 private:
  friend class LineMachine;
  struct File {
    Value name;
    uint64_t directory = 0;
  };

  explicit LineProgram(const Unit& unit) : unit_(&unit) {}
  Result<> parse_header(Work& work);
  Result<> parse_names(Bytes& in);
  Result<> parse_tables(Bytes& in, Work& work);
  Result<std::vector<File>> parse_table(Bytes& in, Work& work) const;
  Result<> add_file(File file);
  Result<std::string> text(Value value) const;

  const Unit* unit_;
  std::vector<std::byte> bytes_;  // all of it, header included
  Encoding encoding_;
  uint8_t min_instruction_bytes_ = 1;
  int8_t line_base_ = 0;
  uint8_t line_range_ = 1;
  uint8_t opcode_base_ = 1;
  std::vector<uint8_t> operands_;  // of each standard opcode, from 1 on
  std::vector<File> directories_;  // in DWARF 5 from number 0 on, before that from 1
  std::vector<File> files_;        // likewise
  size_t program_start_ = 0;       // in bytes_
  uint64_t rows_ = 0;
};

}  // namespace splitprof::dwarf
