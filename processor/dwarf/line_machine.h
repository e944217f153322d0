// SPDX-License-Identifier: Apache-2.0
//
// LineMachine: the state machine that a line program runs on (DWARF 5, section 6.2.5). As a row covers the addresses up
// to the next one, it knows at each row which of the wanted addresses the row before it covers. A sequence of rows
// counts when it is complete; of several that cover an address the one that ends first does.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "processor/dwarf/line_program.h"

namespace splitprof::dwarf {

class LineMachine {
 public:
  LineMachine(LineProgram& program, std::span<const uint64_t> addresses, uint64_t lowest);

  Result<> run(Work& work);
  std::vector<FoundLine> take_found() { return std::move(found_); }
  uint64_t rows() const { return rows_; }

 private:
  Result<> special(uint8_t opcode, Work& work);
  Result<> standard(uint8_t opcode, Bytes& in, Work& work);
  Result<> extended(Bytes& in, Work& work);
  void advance(uint64_t operation) { address_ += operation * program_.min_instruction_bytes_; }
  // A row begins at address_; the one that held until now ends there.
  Result<> add_row(Work& work);
  Result<> cover_until(uint64_t end, Work& work);
  void start_sequence();
  Result<> end_sequence(Work& work);

  LineProgram& program_;
  std::span<const uint64_t> addresses_;
  uint64_t lowest_;
  std::vector<FoundLine> found_;  // of each address
  struct Candidate {
    uint64_t sequence = 0;
    LineRow row;
  };
  std::vector<Candidate> candidates_;  // of each address: what the last sequence that reached it says
  uint64_t rows_ = 0;

  // Registers.
  uint64_t address_ = 0;
  LineRow row_;

  // The sequence so far.
  uint64_t sequence_ = 0;  // its number, from 1
  bool in_sequence_ = false;
  uint64_t sequence_start_ = 0;
  uint64_t row_start_ = 0;
  LineRow held_;                 // the row that holds from row_start_ on
  size_t next_ = 0;              // the first of the addresses that held_ may cover
  std::vector<size_t> covered_;  // addresses
};

}  // namespace splitprof::dwarf
