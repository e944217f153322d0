// SPDX-License-Identifier: Apache-2.0
#include "processor/runtimes/python/offsets.h"

#include <algorithm>

namespace splitprof {
namespace {

// From the headers of each version on x86-64, printed by offsetof(): 3.6.15, 3.7.16, 3.8.18, 3.9.18, 3.10.13, 3.11.7,
// 3.12.1, 3.13.0, 3.14.10, 3.15.2, and the same of 3.13 to 3.15 with Py_GIL_DISABLED.
struct Row {
  uint8_t minor;
  bool free_threaded;
  // PyThreadState: frame, cframe (3.11, 3.12) or current_frame; thread_id.
  uint16_t state_frame, state_thread;
  // _PyCFrame.current_frame.
  uint16_t cframe_frame;
  // PyFrameObject, from 3.11 on _PyInterpreterFrame: f_back or previous; f_code or f_executable; f_lasti, prev_instr or
  // instr_ptr; is_entry (3.11) or owner; tlbc_index.
  uint16_t previous, code, position, boundary_byte, copy;
  // PyCodeObject: co_flags, co_argcount, co_firstlineno, co_filename, co_name, co_qualname, co_lnotab or co_linetable,
  // co_code_adaptive, co_tlbc.
  uint16_t flags, arguments, first_line, file, name, qualified_name, lines, start, copies;
};

constexpr Row kRows[] = {
    {6, false, 24, 152, 0, 24, 32, 120, 0, 0, 32, 16, 36, 96, 104, 0, 112, 0, 0},
    {7, false, 24, 176, 0, 24, 32, 104, 0, 0, 32, 16, 36, 96, 104, 0, 112, 0, 0},
    {8, false, 24, 176, 0, 24, 32, 104, 0, 0, 36, 16, 40, 104, 112, 0, 120, 0, 0},
    {9, false, 24, 176, 0, 24, 32, 104, 0, 0, 36, 16, 40, 104, 112, 0, 120, 0, 0},
    {10, false, 24, 176, 0, 24, 32, 96, 0, 0, 36, 16, 40, 104, 112, 0, 120, 0, 0},
    {11, false, 56, 152, 8, 48, 32, 56, 68, 0, 48, 56, 72, 112, 120, 128, 136, 184, 0},
    {12, false, 56, 136, 0, 8, 0, 56, 70, 0, 48, 52, 68, 112, 120, 128, 136, 192, 0},
    {13, false, 72, 152, 0, 8, 0, 56, 70, 0, 48, 52, 68, 112, 120, 128, 136, 200, 0},
    {14, false, 72, 152, 0, 8, 0, 56, 74, 0, 48, 52, 68, 112, 120, 128, 136, 208, 0},
    {15, false, 72, 176, 0, 8, 0, 56, 74, 0, 48, 52, 68, 112, 120, 128, 136, 208, 0},
    {13, true, 72, 152, 0, 8, 0, 56, 70, 0, 64, 68, 84, 128, 136, 144, 152, 216, 0},
    {14, true, 72, 152, 0, 8, 0, 56, 78, 72, 64, 68, 84, 128, 136, 144, 152, 232, 0},
    {15, true, 72, 176, 0, 8, 0, 56, 78, 72, 64, 68, 84, 128, 136, 144, 152, 232, 0},
};

// PyObject of a free-threaded build is 16 bytes larger (Include/object.h, Py_GIL_DISABLED).
constexpr uint32_t kFreeThreadedHeader = 16;

struct Bounds {
  sp_python_field field;
  uint64_t lowest, highest;
  const char* name;
};
constexpr Bounds kBounds[] = {
#define SP_FIELD(number, name, lowest, highest, text) {SP_PYTHON_##name, lowest, highest, #name},
#include "bpf/python.def"
#undef SP_FIELD
};

// Of the check word: from the first field that never changes to the last pointer to a name, as far as twelve words go.
struct Window {
  uint32_t offset, end;
};
Window check_window(const PythonVersion& version) {
  if (!version.at_least(3, 8)) return {16, 112};   // co_argcount to co_name
  if (!version.at_least(3, 11)) return {24, 120};  // co_kwonlyargcount to co_name
  if (!version.at_least(3, 12)) return {56, 144};  // co_argcount to co_linetable; before it is co_warmup, a counter
  const uint32_t moved = version.free_threaded ? kFreeThreadedHeader : 0;
  return {48 + moved, 144 + moved};  // co_flags to co_linetable
}

PythonFrames frames_of(const PythonVersion& version, const Row& row) {
  PythonFrames frames{.state_frame = row.state_frame,
                      .has_cframe = version.at_least(3, 11) && !version.at_least(3, 13),
                      .cframe_frame = row.cframe_frame,
                      .state_thread = row.state_thread,
                      .previous = row.previous,
                      .code = row.code,
                      .position = row.position,
                      .position_is_pointer = version.at_least(3, 11),
                      .boundary_byte = row.boundary_byte,
                      .copy = row.copy,
                      .code_copies = row.copies};
  if (version.at_least(3, 12))
    frames.boundary = SP_PYTHON_OWNER;
  else if (version.at_least(3, 11))
    frames.boundary = SP_PYTHON_FLAG;
  // The low bits of a _PyStackRef (3.14, Include/internal/pycore_stackref.h, Py_TAG_BITS).
  if (version.at_least(3, 14)) frames.code_tag = 3;
  return frames;
}

PythonLayout layout_of(const PythonVersion& version, const Row& row) {
  const uint32_t moved = version.free_threaded ? kFreeThreadedHeader : 0;
  // wstr and utf8's neighbours went with 3.12 (PEP 623).
  const uint32_t ascii = moved + (version.at_least(3, 12) ? 40 : 48);
  const Window window = check_window(version);
  PythonLayout layout{.version = version,
                      .object_type = 8 + moved,
                      .code_flags = row.flags,
                      .code_arguments = row.arguments,
                      .code_first_line = row.first_line,
                      .code_file = row.file,
                      .code_name = row.name,
                      .code_qualified_name = row.qualified_name,
                      .code_lines = row.lines,
                      .code_start = row.start,
                      .position_bytes = version.at_least(3, 10) ? 2u : 1u,
                      .check_offset = window.offset,
                      .check_words = (window.end - window.offset) / 8,
                      .string_length = 16 + moved,
                      .string_state = 32 + moved,
                      .string_ascii_data = ascii,
                      .string_compact_data = ascii + (version.at_least(3, 12) ? 16u : 24u),
                      .bytes_size = 16 + moved,
                      .bytes_data = 32 + moved};
  layout.line_table = version.at_least(3, 11)   ? PythonLineTable::locations
                      : version.at_least(3, 10) ? PythonLineTable::ranges
                                                : PythonLineTable::lnotab;
  if (version.free_threaded && version.at_least(3, 14)) layout.string_state_kind = PythonStringState::wide;
  return layout;
}

}  // namespace

uint32_t PythonFrames::bytes() const {
  const uint32_t last = std::max(
      {previous + 8, code + 8, position + (position_is_pointer ? 8 : 4), boundary_byte + 1, copy == 0 ? 0 : copy + 4});
  return (last + 7) / 8 * 8;
}

Result<PythonOffsets> python_offsets(const PythonVersion& version) {
  if (version.major != 3 || version.minor < 6)
    return fail(Errc::unsupported, "Python {}: the oldest that can be read is 3.6", version.text());
  const auto* row = std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& candidate) {
    return candidate.minor == version.minor && candidate.free_threaded == version.free_threaded;
  });
  if (row == std::end(kRows))
    return fail(Errc::unsupported, "Python {}: its structures are not known; the newest that are known are of 3.15",
                version.text());
  const uint32_t moved = version.free_threaded ? kFreeThreadedHeader : 0;
  return PythonOffsets{.layout = layout_of(version, *row),
                       .frames = frames_of(version, *row),
                       .type_name = 24 + moved,
                       .type_basic_size = 32 + moved,
                       .type_members = 240 + moved};
}

Result<std::vector<uint64_t>> python_fields(const PythonOffsets& offsets, const PythonAddresses& addresses) {
  const PythonFrames& frames = offsets.frames;
  std::vector<uint64_t> fields(std::size(kBounds));
  fields[SP_PYTHON_state_frame] = frames.state_frame;
  fields[SP_PYTHON_has_cframe] = frames.has_cframe;
  fields[SP_PYTHON_cframe_frame] = frames.cframe_frame;
  fields[SP_PYTHON_state_thread] = frames.state_thread;
  fields[SP_PYTHON_key_address] = addresses.key;
  fields[SP_PYTHON_holder_address] = addresses.holder;
  fields[SP_PYTHON_frame_bytes] = frames.bytes();
  fields[SP_PYTHON_frame_previous] = frames.previous;
  fields[SP_PYTHON_frame_code] = frames.code;
  fields[SP_PYTHON_frame_position] = frames.position;
  fields[SP_PYTHON_position_is_pointer] = frames.position_is_pointer;
  fields[SP_PYTHON_boundary] = frames.boundary;
  fields[SP_PYTHON_frame_boundary] = frames.boundary_byte;
  fields[SP_PYTHON_code_start] = offsets.layout.code_start;
  fields[SP_PYTHON_code_tag] = frames.code_tag;
  fields[SP_PYTHON_frame_copy] = frames.copy;
  fields[SP_PYTHON_code_copies] = frames.code_copies;
  fields[SP_PYTHON_check_offset] = offsets.layout.check_offset;
  fields[SP_PYTHON_check_words] = offsets.layout.check_words;
  fields[SP_PYTHON_state_base] = frames.state_base;
  for (const Bounds& bounds : kBounds) {
    const uint64_t value = fields[bounds.field];
    if (value < bounds.lowest || value > bounds.highest)
      return fail(Errc::malformed, "CPython {}: {} would be {}", offsets.layout.version.text(), bounds.name, value);
  }
  return fields;
}

}  // namespace splitprof
