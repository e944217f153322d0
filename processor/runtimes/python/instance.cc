// SPDX-License-Identifier: Apache-2.0
#include "processor/runtimes/python/instance.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "processor/runtimes/python/debug_offsets.h"
#include "processor/runtimes/python/function_reader.h"

namespace splitprof {
namespace {

constexpr int kMaxMembers = 64;          // of PyCode_Type.tp_members; 3.6 to 3.15 list 16 to 20
constexpr size_t kMemberNameBytes = 16;  // "co_kwonlyargcount" is the longest, and none of ours

struct Member {  // PyMemberDef (Include/descrobject.h)
  uint64_t name;
  uint32_t type, padding;
  uint64_t offset;
  uint64_t flags, doc;
};
static_assert(sizeof(Member) == 40);

struct KnownMember {
  std::string_view name;
  uint32_t offset;
};

// The bytes of a C string up to its end, as far as `n` go.
std::string_view text_of(const char* bytes, size_t n) {
  return {bytes, strnlen(bytes, n)};
}

Result<> check_type_name(const PythonOffsets& offsets, uint64_t code_type, ProcessMemory& memory) {
  const auto name_address = TRY(memory.read<uint64_t>(code_type + offsets.type_name));
  std::array<char, 5> name{};
  const auto read = memory.read(name_address, std::as_writable_bytes(std::span(name)));
  // Before the dynamic linker has been there, the pointer is an offset or nothing.
  if (!read || text_of(name.data(), name.size()) != "code")
    return fail(Errc::not_found, "PyCode_Type at {:#x} is not set up", code_type);
  return Ok{};
}

// The type lists the fields that scripts may read, with their offsets: they have to be those of the table.
Result<> check_members(const PythonOffsets& offsets, uint64_t code_type, ProcessMemory& memory) {
  const PythonLayout& layout = offsets.layout;
  const KnownMember known[] = {
      {"co_flags", layout.code_flags},
      {"co_argcount", layout.code_arguments},
      {"co_firstlineno", layout.code_first_line},
      {"co_filename", layout.code_file},
      {"co_name", layout.code_name},
      {"co_qualname", layout.code_qualified_name},
      {"co_linetable", layout.code_lines},
      {"co_lnotab", layout.code_lines},
  };
  uint64_t at = TRY(memory.read<uint64_t>(code_type + offsets.type_members));
  int matches = 0;
  for (int i = 0; i < kMaxMembers; ++i, at += sizeof(Member)) {
    const auto member = TRY(memory.read<Member>(at));
    if (member.name == 0) break;
    std::array<char, kMemberNameBytes> bytes{};
    TRY(memory.read(member.name, std::as_writable_bytes(std::span(bytes))));
    const std::string_view name = text_of(bytes.data(), bytes.size());
    const auto* found =
        std::find_if(std::begin(known), std::end(known), [&](const auto& candidate) { return candidate.name == name; });
    if (found == std::end(known)) continue;
    if (found->offset != member.offset)
      return fail(Errc::unsupported, "CPython {} with another layout: {} is at {}, not at {}; a debug build?",
                  layout.version.text(), name, member.offset, found->offset);
    ++matches;
  }
  if (matches < 4) return fail(Errc::not_found, "PyCode_Type at {:#x} lists {} of its fields", code_type, matches);
  return Ok{};
}

Result<> read_debug_offsets(const PythonFacts& facts, uint64_t bias, ProcessMemory& memory, PythonOffsets& offsets) {
  if (!facts.symbols.runtime) return fail(Errc::unsupported, "CPython {} without _PyRuntime", facts.version.text());
  std::array<std::byte, kPythonDebugOffsetsBytes> bytes;
  TRY(memory.read(facts.symbols.runtime->address.value + bias, bytes));
  return apply_debug_offsets(Bytes(bytes), offsets);
}

}  // namespace

Result<std::unique_ptr<RuntimeInstance>> PythonFile::locate(const RuntimePlace& place, ProcessMemory& memory) const {
  PythonOffsets offsets = facts_.offsets;
  if (facts_.version.at_least(3, 13)) TRY(read_debug_offsets(facts_, place.bias, memory, offsets));
  const uint64_t code_type = facts_.symbols.code_type.address.value + place.bias;
  TRY(check_type_name(offsets, code_type, memory));
  TRY(check_members(offsets, code_type, memory));
  if (offsets.layout.code_start != 0) {
    // From 3.11 on the instructions follow the fixed part, so its size is where they begin.
    const auto basic_size = TRY(memory.read<uint64_t>(code_type + offsets.type_basic_size));
    if (basic_size != offsets.layout.code_start)
      return fail(Errc::unsupported, "CPython {} with another layout: code begins at {}, not at {}; a debug build?",
                  offsets.layout.version.text(), basic_size, offsets.layout.code_start);
  }
  offsets.layout.code_type = RuntimeAddress(code_type);

  RuntimeValue value{.kind = SP_RUNTIME_python, .storage = place.storage};
  for (const LoopRange& range : facts_.loops)
    value.loops.push_back({.start = RuntimeAddress(range.start.value + place.bias), .length = range.size});
  value.tls = TRY(resolve_tls(facts_.places, place.bias, memory));
  PythonAddresses addresses;
  if (facts_.places.key) addresses.key = TRY(facts_.places.key->resolve(place.bias, memory));
  if (facts_.places.holder) addresses.holder = TRY(facts_.places.holder->resolve(place.bias, memory));
  value.fields = TRY(python_fields(offsets, addresses));
  return std::unique_ptr<RuntimeInstance>(std::make_unique<PythonInstance>(std::move(value), offsets.layout));
}

Result<Function> PythonInstance::read_function(ProcessMemory& memory, const FunctionPlace& place) const {
  return read_python_function(memory, layout_, place);
}

}  // namespace splitprof
