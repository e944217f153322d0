// SPDX-License-Identifier: Apache-2.0
#include "processor/dwarf/line_machine.h"

#include <algorithm>

namespace splitprof::dwarf {

LineMachine::LineMachine(LineProgram& program, std::span<const uint64_t> addresses, uint64_t lowest)
    : program_(program),
      addresses_(addresses),
      lowest_(lowest),
      found_(addresses.size()),
      candidates_(addresses.size()) {}

Result<> LineMachine::run(Work& work) {
  Bytes in(program_.bytes_);
  TRY(in.skip(program_.program_start_));
  start_sequence();
  while (!in.at_end()) {
    TRY(work.step());
    const uint8_t opcode = TRY(in.read<uint8_t>());
    if (opcode >= program_.opcode_base_)
      TRY(special(opcode, work));
    else if (opcode == static_cast<uint8_t>(LineOp::extended))
      TRY(extended(in, work));
    else
      TRY(standard(opcode, in, work));
  }
  return Ok{};  // a sequence without an end covers nothing
}

// Advances address and line at once, and adds a row.
Result<> LineMachine::special(uint8_t opcode, Work& work) {
  const uint8_t adjusted = opcode - program_.opcode_base_;
  advance(adjusted / program_.line_range_);
  row_.line += static_cast<uint64_t>(int64_t{program_.line_base_} + adjusted % program_.line_range_);
  return add_row(work);
}

Result<> LineMachine::standard(uint8_t opcode, Bytes& in, Work& work) {
  switch (LineOp{opcode}) {
    case LineOp::copy:
      return add_row(work);
    case LineOp::advance_pc:
      advance(TRY(in.uleb128()));
      return Ok{};
    case LineOp::advance_line:
      row_.line += static_cast<uint64_t>(TRY(in.sleb128()));
      return Ok{};
    case LineOp::set_file:
      row_.file = TRY(in.uleb128());
      return Ok{};
    case LineOp::set_column:
      row_.column = TRY(in.uleb128());
      return Ok{};
    case LineOp::const_add_pc:  // as special opcode 255, without its row
      advance((255u - program_.opcode_base_) / program_.line_range_);
      return Ok{};
    case LineOp::fixed_advance_pc:
      address_ += TRY(in.read<uint16_t>());
      return Ok{};
    default:  // about statements, blocks and prologues; or of a later version
      for (uint8_t i = 0; i < program_.operands_[opcode - 1]; ++i) TRY(in.uleb128());
      return Ok{};
  }
}

Result<> LineMachine::extended(Bytes& in, Work& work) {
  Bytes operation = TRY(in.take_block());
  if (operation.at_end()) return Ok{};
  switch (LineExtendedOp{TRY(operation.read<uint8_t>())}) {
    case LineExtendedOp::end_sequence:
      return end_sequence(work);
    case LineExtendedOp::set_address:
      if (operation.remaining() != 8)
        return fail(Errc::unsupported, "a line program with addresses of {} bytes", operation.remaining());
      address_ = TRY(operation.read<uint64_t>());
      break;
    case LineExtendedOp::define_file: {
      const uint64_t offset = in.position() - operation.remaining();
      TRY(operation.c_string());
      const uint64_t directory = TRY(operation.uleb128());
      TRY(program_.add_file({.name = {.form = Form::string, .number = offset}, .directory = directory}));
      break;
    }
  }
  return Ok{};
}

void LineMachine::start_sequence() {
  address_ = 0;
  row_ = LineRow{};
  in_sequence_ = false;
  ++sequence_;
  covered_.clear();
}

Result<> LineMachine::add_row(Work& work) {
  ++rows_;
  if (in_sequence_ && address_ >= row_start_) {
    TRY(cover_until(address_, work));
  } else {  // the first one, or one that goes back, which DWARF forbids
    const auto first = std::lower_bound(addresses_.begin(), addresses_.end(), address_);
    next_ = static_cast<size_t>(first - addresses_.begin());
  }
  if (!in_sequence_) sequence_start_ = address_;
  in_sequence_ = true;
  row_start_ = address_;
  held_ = row_;
  return Ok{};
}

Result<> LineMachine::cover_until(uint64_t end, Work& work) {
  for (; next_ < addresses_.size() && addresses_[next_] < end; ++next_) {
    TRY(work.step());
    Candidate& candidate = candidates_[next_];
    if (candidate.sequence != sequence_) covered_.push_back(next_);
    candidate = {.sequence = sequence_, .row = held_};
  }
  return Ok{};
}

Result<> LineMachine::end_sequence(Work& work) {
  if (in_sequence_ && address_ >= row_start_) TRY(cover_until(address_, work));
  if (in_sequence_ && sequence_start_ >= lowest_) {
    for (const size_t index : covered_) {
      FoundLine& found = found_[index];
      if (found.sequence_end == 0 || address_ < found.sequence_end)
        found = {.row = candidates_[index].row, .sequence_end = address_};
    }
  }
  start_sequence();
  return Ok{};
}

}  // namespace splitprof::dwarf
