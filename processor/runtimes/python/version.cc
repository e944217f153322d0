// SPDX-License-Identifier: Apache-2.0
#include "processor/runtimes/python/version.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "processor/elf/bytes.h"
#include "processor/runtimes/python/debug_offsets.h"
#include "processor/runtimes/python/symbols.h"
#include "processor/runtimes/x86_code.h"

namespace splitprof {
namespace {

constexpr size_t kMaxTextBytes = 16;         // "3.11.2+" and the like
constexpr uint64_t kMaxFunctionBytes = 512;  // Py_GetVersion has some 90
constexpr uint64_t kUnsizedFunctionBytes = 96;

// Py_GetVersion() passes PY_VERSION to a printf: one of the addresses in it is that of the text.
std::optional<PythonVersion> version_in_code(const ElfFile& file, const NamedSymbol& function) {
  const uint64_t size = function.size == 0 ? kUnsizedFunctionBytes : std::min(function.size, kMaxFunctionBytes);
  const auto bytes = file.read_segment_from(function.address, size);
  if (!bytes || file.machine() != Machine::x86_64) return std::nullopt;
  const X86Code code(*bytes, function.address);
  for (auto at = code.start(); const auto instruction = code.at(at); at = instruction->next) {
    using Kind = X86Instruction::Kind;
    uint64_t address = 0;
    if (instruction->kind == Kind::load_address && instruction->memory.base == kNoX86Register)
      address = static_cast<uint64_t>(instruction->memory.displacement);
    else if (instruction->kind == Kind::move && instruction->source == X86Instruction::Source::immediate)
      address = static_cast<uint64_t>(instruction->immediate);
    if (address == 0) continue;
    const auto text = file.read_segment_from(ElfAddress(address), kMaxTextBytes);
    if (!text) continue;
    const auto version = python_version_of_text({reinterpret_cast<const char*>(text->data()), text->size()});
    if (version && version->micro_known) return version;
  }
  return std::nullopt;
}

std::optional<PythonVersion> version_word(const ElfFile& file, const NamedSymbol& symbol) {
  const auto bytes = file.read_segment_from(symbol.address, sizeof(uint32_t));
  if (!bytes) return std::nullopt;
  const auto hex = Bytes(*bytes).read<uint32_t>();
  return hex ? std::optional(python_version_of_hex(*hex)) : std::nullopt;
}

}  // namespace

std::string PythonVersion::text() const {
  const std::string numbers = micro_known ? fmt::format("{}.{}.{}", major, minor, micro)  //
                                          : fmt::format("{}.{}", major, minor);
  return free_threaded ? numbers + "t" : numbers;
}

PythonVersion python_version_of_hex(uint32_t hex) {
  return {.major = static_cast<uint8_t>(hex >> 24),
          .minor = static_cast<uint8_t>(hex >> 16),
          .micro = static_cast<uint8_t>(hex >> 8),
          .micro_known = true};
}

std::optional<PythonVersion> python_version_of_text(std::string_view text) {
  std::array<uint8_t, 3> numbers{};
  size_t count = 0;
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  while (count < numbers.size()) {
    const auto read = std::from_chars(at, end, numbers[count]);
    if (read.ec != std::errc()) break;
    at = read.ptr;
    ++count;
    if (at == end || *at != '.' || count == numbers.size()) break;
    ++at;
  }
  if (count < 2 || (numbers[0] != 2 && numbers[0] != 3)) return std::nullopt;
  return PythonVersion{.major = numbers[0],
                       .minor = numbers[1],
                       .micro = numbers[2],
                       .micro_known = count == 3,
                       .free_threaded = at != end && *at == 't'};
}

std::optional<PythonVersion> python_version_of_path(std::string_view path) {
  const size_t slash = path.rfind('/');
  std::string_view name = slash == path.npos ? path : path.substr(slash + 1);
  constexpr std::string_view kPython = "python";
  const size_t at = name.find(kPython);
  if (at == name.npos) return std::nullopt;
  auto version = python_version_of_text(name.substr(at + kPython.size()));
  if (version) version->micro_known = false;  // of libpython3.8.so.1.0 no more is told
  return version;
}

Result<PythonVersion> read_python_version(const ElfFile& file, const PythonSymbols& symbols, std::string_view path) {
  std::optional<PythonVersion> version;
  if (symbols.version) version = version_word(file, *symbols.version);
  if (!version && symbols.get_version) version = version_in_code(file, *symbols.get_version);
  const auto named = python_version_of_path(path);
  if (!version) version = named;
  if (!version) return fail(Errc::unsupported, "CPython of an unknown version: neither its content nor its name tells");
  if (!version->at_least(3, 13)) return *version;
  version->free_threaded = named && named->free_threaded;
  if (symbols.runtime) {
    const auto bytes = file.read_segment_from(symbols.runtime->address, kPythonDebugOffsetsHeaderBytes);
    const auto header = bytes ? read_debug_offsets_header(Bytes(*bytes)) : std::nullopt;
    if (header) version->free_threaded = header->version.free_threaded;
  }
  return *version;
}

}  // namespace splitprof
