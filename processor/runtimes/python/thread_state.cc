// SPDX-License-Identifier: Apache-2.0
#include "processor/runtimes/python/thread_state.h"

#include <algorithm>

#include "processor/runtimes/x86_values.h"

namespace splitprof {
namespace {

using Base = X86Value::Base;
using Tls = PythonStatePlaces::Tls;

constexpr uint64_t kMaxFunctionBytes = 512;  // the accessors have 10 to 60
constexpr uint64_t kUnsizedFunctionBytes = 64;
constexpr uint64_t kMaxTlsBytes = 1u << 30;  // a TLS block is no larger, so an offset is no further from the pointer

// In Py_tss_t the key follows `int _is_initialized` (Include/cpython/pythread.h, 3.7 on).
constexpr int64_t kKeyInTss = 4;

// In _PyRuntimeState, from the headers of each version on x86-64: autoTSSkey, and gilstate.tstate_current before it.
struct RuntimeRow {
  uint8_t minor;
  uint16_t key, holder;
};
constexpr RuntimeRow kRuntimeRows[] = {{7, 1504, 1480}, {8, 1392, 1368}, {9, 584, 568}, {10, 584, 568},
                                       {11, 592, 576},  {12, 1544, 0},   {13, 2160, 0}, {14, 2336, 0}};

std::optional<X86Outcome> follow(const ElfFile& file, const NamedSymbol& function, const X86Question& question) {
  const uint64_t size = function.size == 0 ? kUnsizedFunctionBytes : std::min(function.size, kMaxFunctionBytes);
  const auto bytes = file.read_segment_from(function.address, size);
  if (!bytes) return std::nullopt;
  return follow_x86(X86Code(*bytes, function.address), question);
}

// An address that is the file's own, or read from a word of its GOT.
std::optional<FilePlace> to_place(const X86Value& value, const std::vector<X86Load>& loads) {
  if (value.base == Base::file) return FilePlace{.base = ElfAddress(static_cast<uint64_t>(value.offset))};
  if (value.base != Base::load) return std::nullopt;
  const X86Load& load = loads[value.load];
  if (!load.address.is_file_address() || load.bytes != 8 || load.indexed) return std::nullopt;
  return FilePlace{
      .base = ElfAddress(static_cast<uint64_t>(load.address.offset)), .through = true, .offset = value.offset};
}

// PyGILState_GetThisThreadState() passes on the key, or the Py_tss_t that it is in.
std::optional<FilePlace> key_in_code(const ElfFile& file, const NamedSymbol& function) {
  const auto outcome = follow(file, function, {.left_wanted = true});
  if (!outcome) return std::nullopt;
  if (outcome->value.base == Base::load && outcome->value.offset == 0) {
    const X86Load& load = outcome->loads[outcome->value.load];
    if (load.bytes == 4 && !load.indexed) return to_place(load.address, outcome->loads);
  }
  auto place = to_place(outcome->value, outcome->loads);
  if (place) place->offset += kKeyInTss;
  return place;
}

// Of a function that returns a variable: of the thread's own, or of the process.
bool read_returned(const ElfFile& file, const NamedSymbol& function, PythonStatePlaces& places) {
  const auto outcome = follow(file, function, {.through_calls = true});
  if (!outcome || outcome->value.offset != 0) return false;
  const X86Load& load = outcome->loads[outcome->value.load];
  const X86Value& address = load.address;
  if (load.bytes != 8 || load.indexed) return false;
  switch (address.base) {
    case Base::thread:
      places.tls = Tls::offset;
      places.tls_value = static_cast<uint64_t>(address.offset);
      return true;
    case Base::thread_load: {
      const X86Load& slot = outcome->loads[address.load];
      if (!slot.address.is_file_address() || slot.bytes != 8 || slot.indexed || address.offset != 0) return false;
      places.tls = Tls::got_offset;
      places.tls_value = static_cast<uint64_t>(slot.address.offset);
      return true;
    }
    case Base::tls_block:
      // Clang finds hidden variables by their distance from the module's block (local dynamic).
      if (address.offset < 0 || address.offset > UINT16_MAX) return false;
      places.tls = Tls::got_pair;
      places.tls_value = address.slot;
      places.tls_distance = static_cast<uint16_t>(address.offset);
      return true;
    case Base::tls_desc:
      if (address.offset != 0) return false;
      places.tls = Tls::descriptor;
      places.tls_value = address.slot;
      return true;
    default:
      places.holder = to_place(address, outcome->loads);
      return places.holder.has_value();
  }
}

}  // namespace

Result<uint64_t> FilePlace::resolve(uint64_t bias, ProcessMemory& memory) const {
  uint64_t address = base.value + bias;
  if (through) {
    address = TRY(memory.read<uint64_t>(address));
    if (address == 0) return fail(Errc::not_found, "the dynamic linker has not been there yet");
  }
  address += static_cast<uint64_t>(offset);
  if (address > SP_MAX_USER_ADDRESS) return fail(Errc::malformed, "an address that no program has");
  return address;
}

Result<PythonStatePlaces> find_thread_state(const ElfFile& file, const PythonSymbols& symbols,
                                            const PythonVersion& version) {
  if (file.machine() != Machine::x86_64)
    return fail(Errc::unsupported, "CPython {}: only code of x86-64 can be read", version.text());
  PythonStatePlaces places;
  // From 3.15 on this one is the thread's own variable too, and stays set while the GIL is released; since 3.12 it
  // follows from one interpreter to another, as the state that runs binds itself to it (Python/pystate.c,
  // tstate_activate).
  if (symbols.own_state && version.at_least(3, 15)) read_returned(file, *symbols.own_state, places);
  for (const auto& function : symbols.current_state) {
    if (function && places.tls == Tls::none && !places.holder) read_returned(file, *function, places);
  }
  if (symbols.own_state && !version.at_least(3, 15)) places.key = key_in_code(file, *symbols.own_state);

  const auto* row = std::find_if(std::begin(kRuntimeRows), std::end(kRuntimeRows),
                                 [&](const RuntimeRow& candidate) { return candidate.minor == version.minor; });
  if (symbols.runtime && row != std::end(kRuntimeRows)) {
    if (!places.key) places.key = FilePlace{.base = symbols.runtime->address, .offset = row->key + kKeyInTss};
    if (!places.holder && row->holder != 0)
      places.holder = FilePlace{.base = symbols.runtime->address, .offset = row->holder};
  }
  if (version.at_least(3, 12)) places.holder.reset();  // nothing that is known to be one
  if (places.tls == Tls::none && !places.key && !places.holder)
    return fail(Errc::unsupported, "CPython {}: where threads keep their state cannot be told from its code",
                version.text());
  return places;
}

Result<ThreadLocal> resolve_tls(const PythonStatePlaces& places, uint64_t bias, ProcessMemory& memory) {
  const uint64_t address = places.tls_value + bias;
  switch (places.tls) {
    case Tls::none:
      return ThreadLocal{};
    case Tls::offset:
      return ThreadLocal{.access = SP_TLS_OFFSET, .value = places.tls_value};
    case Tls::got_offset:
      return ThreadLocal{.access = SP_TLS_GOT_OFFSET, .value = address};
    case Tls::got_pair:
      if (address > SP_MAX_USER_ADDRESS) return fail(Errc::malformed, "an address that no program has");
      return ThreadLocal{.access = SP_TLS_GOT_PAIR, .value = SP_TLS_SLOT(address, places.tls_distance)};
    case Tls::descriptor:
      break;
  }
  // Of a variable in static TLS the descriptor's second word is its offset; else it is a pointer
  // (glibc, sysdeps/x86_64/dl-tlsdesc.h, struct tlsdesc).
  if (TRY(memory.read<uint64_t>(address)) == 0)
    return fail(Errc::not_found, "the dynamic linker has not been there yet");
  const auto argument = TRY(memory.read<uint64_t>(address + 8));
  if (argument + kMaxTlsBytes >= 2 * kMaxTlsBytes)
    return fail(Errc::unsupported, "the thread's state is in dynamic TLS, which a descriptor does not lead to");
  return ThreadLocal{.access = SP_TLS_OFFSET, .value = argument};
}

}  // namespace splitprof
