// SPDX-License-Identifier: Apache-2.0
//
// Inline trees from Go's src/runtime/symtabinl.go at 1.20 and 1.26 and src/runtime/symtab.go at 1.19: for each
// instruction a number (PCDATA_InlTreeIndex) of an entry of the function's tree (FUNCDATA_InlTree). The entry names the
// function that was inlined and an instruction of the caller ("parent pc"), to which the same is done again.
#include "processor/elf/go_lines.h"

#include "processor/elf/go_module.h"

namespace splitprof {
namespace {

constexpr uint64_t kMaxSteps = 200'000'000;  // of all calls together: some seconds
constexpr size_t kMaxInlined = 64;
constexpr uint32_t kInlineIndexTable = 2;  // PCDATA_InlTreeIndex
constexpr uint32_t kInlineTreeData = 3;    // FUNCDATA_InlTree
constexpr uint32_t kNone = UINT32_MAX;

}  // namespace

Result<GoLines> GoLines::open(const ElfFile& file) {
  auto section = std::make_unique<GoSection>(TRY(read_gopclntab(file)));
  ElfAddress go_func;
  if (const auto module = find_go_module(file, *section)) {
    section->text = module->text;
    go_func = module->go_func;
  }
  auto table = TRY(GoTable::parse(*section));
  return GoLines(file, std::move(section), std::move(table), go_func);
}

Result<int32_t> GoLines::value_at(uint32_t runs, uint64_t offset) {
  GoRuns table = table_.runs(runs);
  while (const auto run = table.next()) {
    if (++steps_ > kMaxSteps) return fail(Errc::too_large, "tables of Go that are too long");
    if (offset < run->end) return run->value;
  }
  return -1;
}

Result<std::string_view> GoLines::file_at(const GoFunction& function, uint64_t offset) {
  const int32_t number = TRY(value_at(function.file_table, offset));
  if (number < 0) return std::string_view();
  const bool has_units = table_.layout() >= GoTable::Layout::go1_16;
  const uint64_t index =
      has_units ? uint64_t{function.unit} + static_cast<uint32_t>(number) : static_cast<uint64_t>(number);
  Bytes word = TRY((has_units ? table_.units() : table_.files()).sub(index * 4, 4));
  const auto at = TRY(word.read<uint32_t>());
  if (at == kNone) return std::string_view();
  Bytes text = has_units ? table_.files() : table_.whole();
  TRY(text.skip(at));
  return text.c_string();
}

Result<uint32_t> GoLines::trailer_word(const GoFunction& function, uint64_t index) const {
  Bytes word = TRY(table_.functions().sub(function.trailer + index * 4, 4));
  return word.read<uint32_t>();
}

// 1.18: parent, id, pad, file, line, name, parent pc; since 1.20: id, pad, name, parent pc, first line.
Result<GoLines::InlinedCall> GoLines::inlined_call(const GoFunction& function, uint32_t index) const {
  const uint32_t tree = TRY(trailer_word(function, uint64_t{function.n_pc_tables} + kInlineTreeData));
  if (tree == kNone) return fail(Errc::not_found, "no inlined calls");
  const bool old = table_.layout() == GoTable::Layout::go1_18;
  const ElfAddress address(go_func_.value + tree + uint64_t{index} * (old ? 20 : 16) + (old ? 12 : 4));
  const auto offset = TRY(file_->offset_of(address));
  InlinedCall call;
  TRY(file_->read_exactly(offset, std::as_writable_bytes(std::span(&call, 1))));
  return call;
}

Result<std::string_view> GoLines::name_at(uint32_t offset) const {
  return table_.name(GoFunction{.name = offset});
}

Result<std::vector<GoFrame>> GoLines::locate(ElfAddress address) {
  std::vector<GoFrame> frames;
  const auto index = table_.find(address);
  if (!index) return frames;
  const auto function = TRY(table_.function(*index));
  const bool has_inlined =
      go_func_.value != 0 && function.n_pc_tables > kInlineIndexTable && function.n_data > kInlineTreeData;
  for (uint64_t offset = address.value - function.start.value; frames.size() < kMaxInlined;) {
    GoFrame& frame = frames.emplace_back();
    frame.file = TRY(file_at(function, offset));
    const int32_t line = TRY(value_at(function.line_table, offset));
    frame.line = line > 0 ? static_cast<uint32_t>(line) : 0;
    if (!has_inlined) break;
    const auto indexes = TRY(trailer_word(function, kInlineIndexTable));
    const int32_t entry = TRY(value_at(indexes, offset));
    if (entry < 0) break;
    const auto call = TRY(inlined_call(function, static_cast<uint32_t>(entry)));
    frame.function = TRY(name_at(call.name));
    frame.inlined = true;
    offset = call.parent_pc;
  }
  if (frames.back().inlined) frames.emplace_back();  // so deep that the middle is cut out
  frames.back().function = TRY(table_.name(function));
  return frames;
}

}  // namespace splitprof
