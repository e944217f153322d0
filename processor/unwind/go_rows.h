// SPDX-License-Identifier: Apache-2.0
//
// The rows of a Go program's functions, from the frame sizes in its own table (elf/gopclntab.h): Go's compiler writes
// no .eh_frame, and stripping leaves this. Also knows where Go changes from one stack to another, where its stacks end
// and which function is its signal trampoline. A worker's.
#pragma once

#include <memory>
#include <optional>

#include "processor/elf/gopclntab.h"
#include "processor/unwind/row_source.h"

namespace splitprof {

class GoRows final : public RowSource {
 public:
  // `section` is parsed already, by GoTable::parse.
  GoRows(GoSection section, GoTable table, Machine machine)
      : section_(std::move(section)), table_(std::move(table)), machine_(machine) {}

  Result<uint64_t> list(FunctionIndex& functions) override;
  Result<> read_rows(uint32_t number, FunctionRows& rows) override;
  size_t size_bytes() const override { return section_.bytes.size() / 8; }  // of which SP runs are a part

 private:
  // What the stack does in a function.
  enum class Kind {
    ordinary,
    outermost,
    switches,    // goes on on another stack, and leaves the way back in the frame pointer
    trampoline,  // what a signal handler returns to
  };
  Kind kind_of(const GoFunction& function) const;
  uint64_t rule_of(Kind kind, int32_t frame_bytes, bool has_frame) const;

  GoSection section_;  // the table reads in its bytes
  GoTable table_;
  Machine machine_;
  std::optional<uint32_t> before_trampoline_;
};

// not_found: the file is no Go program.
Result<std::unique_ptr<RowSource>> read_go_rows(const ElfFile& file);

}  // namespace splitprof
