// SPDX-License-Identifier: Apache-2.0
#include "processor/runtimes/python/debug_offsets.h"

#include <algorithm>

namespace splitprof {
namespace {

constexpr uint64_t kCookie = 0x7970677562656478;  // "xdebugpy"
constexpr uint64_t kMaxOffset = 4096;             // of what is read here; thread states have some 900 bytes

// Where in _Py_DebugOffsets each member stands, in bytes; printed by offsetof() from the headers of 3.13.0, 3.14.10 and
// 3.15.2. 0: the version has no such member.
struct Places {
  uint8_t minor;
  uint16_t state_frame, state_thread, state_base;
  uint16_t frame_previous, frame_code, frame_position, frame_owner, frame_copy;
  uint16_t code_file, code_name, code_qualified_name, code_lines, code_first_line, code_arguments, code_start,
      code_copies;
  uint16_t object_size, object_type;
  uint16_t bytes_size, bytes_data;
  uint16_t string_state, string_length, string_ascii;
};

constexpr Places kPlaces[] = {
    {13, 184, 192, 0, 232, 240, 248, 264, 0, 280, 288, 296, 304, 312, 320, 344, 0, 352, 360, 520, 528, 544, 552, 560},
    {14,  208, 216, 0,   256, 264, 272, 288, 304, 320, 328, 336,
     344, 352, 360, 384, 392, 400, 408, 600, 608, 624, 632, 640},
    {15,  208, 240, 216, 320, 328, 336, 352, 368, 384, 392, 400,
     408, 416, 424, 448, 456, 464, 472, 696, 704, 720, 728, 736},
};

class Reader {
 public:
  explicit Reader(Bytes in) : in_(in) {}
  void into(uint16_t place, uint32_t& value) {
    if (place == 0) return;
    auto word = in_.sub(place, 8);
    const auto read = word ? word->read<uint64_t>() : Result<uint64_t>(std::move(word.error()));
    if (!read || *read > kMaxOffset)
      sound_ = false;
    else
      value = static_cast<uint32_t>(*read);
  }
  bool sound() const { return sound_; }

 private:
  Bytes in_;
  bool sound_ = true;
};

}  // namespace

std::optional<PythonDebugOffsetsHeader> read_debug_offsets_header(Bytes in) {
  uint64_t cookie, version, free_threaded;
  if (!in.read_into(cookie) || !in.read_into(version) || !in.read_into(free_threaded) || cookie != kCookie)
    return std::nullopt;
  PythonDebugOffsetsHeader header{.version = python_version_of_hex(static_cast<uint32_t>(version))};
  header.version.free_threaded = free_threaded != 0;
  return header;
}

Result<> apply_debug_offsets(Bytes in, PythonOffsets& offsets) {
  PythonLayout& layout = offsets.layout;
  const auto header = read_debug_offsets_header(in);
  if (!header) return fail(Errc::unsupported, "CPython {} without its debug offsets", layout.version.text());
  const auto* places = std::find_if(std::begin(kPlaces), std::end(kPlaces),
                                    [&](const Places& candidate) { return candidate.minor == layout.version.minor; });
  if (places == std::end(kPlaces) || header->version.major != 3 || header->version.minor != layout.version.minor ||
      header->version.free_threaded != layout.version.free_threaded)
    return fail(Errc::unsupported, "CPython {} with debug offsets of {}", layout.version.text(),
                header->version.text());
  layout.version = header->version;

  Reader reader(in);
  uint32_t object_size = 0;
  PythonFrames& frames = offsets.frames;
  reader.into(places->state_frame, frames.state_frame);
  reader.into(places->state_thread, frames.state_thread);
  reader.into(places->state_base, frames.state_base);
  reader.into(places->frame_previous, frames.previous);
  reader.into(places->frame_code, frames.code);
  reader.into(places->frame_position, frames.position);
  reader.into(places->frame_owner, frames.boundary_byte);
  reader.into(places->frame_copy, frames.copy);
  reader.into(places->code_file, layout.code_file);
  reader.into(places->code_name, layout.code_name);
  reader.into(places->code_qualified_name, layout.code_qualified_name);
  reader.into(places->code_lines, layout.code_lines);
  reader.into(places->code_first_line, layout.code_first_line);
  reader.into(places->code_arguments, layout.code_arguments);
  reader.into(places->code_start, layout.code_start);
  reader.into(places->code_copies, frames.code_copies);
  reader.into(places->object_size, object_size);
  reader.into(places->object_type, layout.object_type);
  reader.into(places->bytes_size, layout.bytes_size);
  reader.into(places->bytes_data, layout.bytes_data);
  reader.into(places->string_state, layout.string_state);
  reader.into(places->string_length, layout.string_length);
  reader.into(places->string_ascii, layout.string_ascii_data);
  const uint32_t expected = layout.version.free_threaded ? 32 : 16;
  if (!reader.sound() || object_size != expected || layout.object_type + 8 != expected)
    return fail(Errc::malformed, "debug offsets of CPython {} that make no sense", layout.version.text());
  layout.string_compact_data = layout.string_ascii_data + 16;  // utf8_length and utf8 (PyCompactUnicodeObject)
  return Ok{};
}

}  // namespace splitprof
