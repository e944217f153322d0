// SPDX-License-Identifier: Apache-2.0
#include "processor/dwarf/line_program.h"

#include <algorithm>

#include "processor/dwarf/line_machine.h"
#include "processor/dwarf/path.h"

namespace splitprof::dwarf {
namespace {

constexpr size_t kMaxColumns = 255;  // of a DWARF 5 table; the count has one byte

}  // namespace

Result<LineProgram> LineProgram::read(const Unit& unit, Work& work) {
  LineProgram program(unit);
  SectionBytes& section = unit.addresses->line;
  const uint64_t offset = unit.root.stmt_list.number;
  Bytes start = TRY(section.up_to(offset, 16));
  const UnitLength length = TRY(parse_unit_length(start, offset));
  if (length.end - offset > kMaxLineProgramBytes)
    return fail(Errc::too_large, "a line program of {} bytes", length.end - offset);
  program.encoding_.offset_size = length.offset_size;
  program.bytes_ = TRY(section.copy(offset, length.end - offset));
  TRY(program.parse_header(work));
  return program;
}

Result<> LineProgram::parse_header(Work& work) {
  Bytes in(bytes_);
  TRY(parse_unit_length(in, 0));
  encoding_.version = TRY(in.read<uint16_t>());
  if (encoding_.version < 2 || encoding_.version > 5)
    return fail(Errc::unsupported, "a line program of DWARF {}", encoding_.version);
  if (encoding_.version == 5) TRY(in.skip(2));  // sizes of an address and of a segment
  const uint64_t header_bytes =
      encoding_.offset_size == 8 ? TRY(in.read<uint64_t>()) : uint64_t{TRY(in.read<uint32_t>())};
  Bytes header = TRY(in.take(header_bytes));
  program_start_ = in.position();
  min_instruction_bytes_ = TRY(header.read<uint8_t>());
  if (encoding_.version >= 4) TRY(header.skip(1));  // operations of one instruction: only VLIW machines have several
  TRY(header.skip(1));                              // default_is_stmt: not asked for
  line_base_ = TRY(header.read<int8_t>());
  line_range_ = TRY(header.read<uint8_t>());
  opcode_base_ = TRY(header.read<uint8_t>());
  if (opcode_base_ == 0 || line_range_ == 0) return fail(Errc::malformed, "a line program without opcodes");
  for (int i = 1; i < opcode_base_; ++i) operands_.push_back(TRY(header.read<uint8_t>()));
  // The tables are read where they stand in `bytes_`, so that a text's number is its offset there.
  Bytes tables(bytes_);
  TRY(tables.skip(program_start_ - header.remaining()));
  return encoding_.version == 5 ? parse_tables(tables, work) : parse_names(tables);
}

// DWARF 2 to 4: directories, then files, each list ended by an empty name.
Result<> LineProgram::parse_names(Bytes& in) {
  while (true) {
    const uint64_t offset = in.position();
    if (TRY(in.c_string()).empty()) break;
    if (directories_.size() >= kMaxFiles) return fail(Errc::too_large, "more than {} directories", kMaxFiles);
    directories_.push_back({.name = {.form = Form::string, .number = offset}});
  }
  while (true) {
    const uint64_t offset = in.position();
    if (TRY(in.c_string()).empty()) break;
    const uint64_t directory = TRY(in.uleb128());
    TRY(add_file({.name = {.form = Form::string, .number = offset}, .directory = directory}));
    TRY(in.uleb128());  // time
    TRY(in.uleb128());  // size
  }
  return Ok{};
}

Result<> LineProgram::add_file(File file) {
  if (files_.size() >= kMaxFiles) return fail(Errc::too_large, "more than {} files", kMaxFiles);
  files_.push_back(file);
  return Ok{};
}

Result<> LineProgram::parse_tables(Bytes& in, Work& work) {
  directories_ = TRY(parse_table(in, work));
  files_ = TRY(parse_table(in, work));
  return Ok{};
}

// A description of the columns, then the rows.
Result<std::vector<LineProgram::File>> LineProgram::parse_table(Bytes& in, Work& work) const {
  struct Column {
    uint64_t content;
    Form form;
  };
  const uint8_t column_count = TRY(in.read<uint8_t>());
  Column columns[kMaxColumns];
  for (int i = 0; i < column_count; ++i) {
    columns[i].content = TRY(in.uleb128());
    columns[i].form = Form{static_cast<uint16_t>(TRY(in.uleb128()))};
  }
  const uint64_t count = TRY(in.uleb128());
  // A row of no bytes is possible, so that the bytes do not bound their number.
  if (count > kMaxFiles) return fail(Errc::too_large, "a table of {} files", count);
  std::vector<File> files;
  for (uint64_t i = 0; i < count; ++i) {
    TRY(work.step(1 + column_count));
    File file;
    for (int column = 0; column < column_count; ++column) {
      const Value value = TRY(read_value(in, 0, columns[column].form, 0, encoding_));
      if (columns[column].content == static_cast<uint16_t>(LineContent::path)) file.name = value;
      if (columns[column].content == static_cast<uint16_t>(LineContent::directory_index)) file.directory = value.number;
    }
    files.push_back(file);
  }
  return files;
}

Result<std::vector<FoundLine>> LineProgram::run(std::span<const uint64_t> addresses, uint64_t lowest, Work& work) {
  LineMachine machine(*this, addresses, lowest);
  auto done = machine.run(work);
  rows_ = machine.rows();
  if (!done) return std::move(done.error());
  return machine.take_found();
}

Result<std::string> LineProgram::text(Value value) const {
  if (value.form != Form::string) return unit_->addresses->text(*unit_, value);
  const uint64_t left = bytes_.size() - std::min<uint64_t>(bytes_.size(), value.number);
  Bytes in = TRY(Bytes(bytes_).sub(value.number, std::min(left, kMaxNameBytes + 1)));
  return std::string(TRY(in.c_string()));
}

Result<std::string> LineProgram::path(uint64_t file) const {
  const uint64_t first = encoding_.version == 5 ? 0 : 1;
  if (file - first >= files_.size()) return fail(Errc::not_found, "no file {}", file);
  const File& entry = files_[file - first];
  std::string name = TRY(text(entry.name));
  if (is_absolute(name)) return name;
  std::string directory;
  if (entry.directory - first < directories_.size()) directory = TRY(text(directories_[entry.directory - first].name));
  std::string path;
  if (!is_absolute(directory) && unit_->root.comp_dir) {
    if (auto start = unit_->file->text(*unit_, unit_->root.comp_dir)) path = std::move(*start);
  }
  append_path(path, directory);
  append_path(path, name);
  return path;
}

}  // namespace splitprof::dwarf
