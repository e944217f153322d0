// SPDX-License-Identifier: Apache-2.0
#include "processor/runtimes/thread_storage.h"

#include <algorithm>
#include <array>

#include "processor/elf/bytes.h"
#include "processor/elf/named_symbols.h"
#include "processor/runtimes/x86_values.h"

namespace splitprof {
namespace {

constexpr uint64_t kMaxFunctionBytes = 512;  // glibc's has 160, musl's 20
constexpr uint64_t kUnsizedFunctionBytes = 160;
constexpr int64_t kMaxOffset = 16 << 10;  // struct pthread of glibc 2.36 has 2,368 bytes

constexpr std::array<std::string_view, 4> kNames = {"pthread_getspecific", "__pthread_getspecific",
                                                    "_thread_db_pthread_specific", "_thread_db_sizeof_pthread"};

// What glibc tells libthread_db about a member of its own: bits of one element, elements, bytes from the start
// (nptl_db/db_info.c and thread_dbP.h, DB_STRUCT_FIELD).
struct DebuggerField {
  uint32_t bits, count, offset;
};

std::optional<int64_t> by_debugger_field(const ElfFile& file, const NamedSymbol& symbol) {
  const auto bytes = file.read_segment_from(symbol.address, sizeof(DebuggerField));
  if (!bytes) return std::nullopt;
  const auto field = Bytes(*bytes).read<DebuggerField>();
  if (!field || field->bits == 0 || field->offset == 0 || field->offset > kMaxOffset) return std::nullopt;
  return field->offset;
}

// glibc's pointers to blocks are indexed from the thread pointer; musl's values from a pointer that is read there.
std::optional<ThreadStorage> by_code(const ElfFile& file, const NamedSymbol& function) {
  const uint64_t size = function.size == 0 ? kUnsizedFunctionBytes : std::min(function.size, kMaxFunctionBytes);
  const auto bytes = file.read_segment_from(function.address, size);
  if (!bytes) return std::nullopt;
  const auto loads = loads_of_x86(X86Code(*bytes, function.address));
  for (const X86Load& load : loads) {
    if (!load.indexed || load.bytes != 8) continue;
    sp_storage kind = SP_STORAGE_BLOCKS;
    X86Value from = load.address;
    if (from.base == X86Value::Base::load && from.offset == 0) {
      kind = SP_STORAGE_ARRAY;
      from = loads[from.load].address;
    }
    if (from.base != X86Value::Base::thread || from.offset <= 0 || from.offset > kMaxOffset) continue;
    return ThreadStorage{.kind = kind, .offset = from.offset};
  }
  return std::nullopt;
}

}  // namespace

Result<std::optional<ThreadStorage>> find_thread_storage(const ElfFile& file) {
  // A program without a dynamic section is static; the C library is in it.
  const bool is_static = file.dynamic() == ElfAddress(0);
  if (!is_static && !TRY(find_exported(file, std::span(kNames).first(1)))[0]) return std::optional<ThreadStorage>();
  const NamedSymbols found = is_static ? TRY(find_in_symtab(file, kNames)) : TRY(find_exported(file, kNames));
  const auto& function = found[0] ? found[0] : found[1];
  if (!function) return std::optional<ThreadStorage>();
  if (file.machine() != Machine::x86_64)
    return fail(Errc::unsupported, "a C library whose machine's code cannot be read");
  // On x86-64 the thread pointer is that of struct pthread.
  const auto told = found[2] ? by_debugger_field(file, *found[2]) : std::nullopt;
  if (told) return std::optional(ThreadStorage{.kind = SP_STORAGE_BLOCKS, .offset = *told});
  const auto read = by_code(file, *function);
  if (!read) return fail(Errc::unsupported, "pthread_getspecific() keeps its values in a way that is not known");
  return read;
}

}  // namespace splitprof
