// SPDX-License-Identifier: Apache-2.0
//
// Numbers that must not be mixed up, each a type of its own. The three kinds of address meet only where a mapping's
// bias or an ELF segment turns one into another; those functions spell the conversion out.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace splitprof {

template <typename Tag, typename Number>
struct Id {
  Number value = 0;
  constexpr Id() = default;
  constexpr explicit Id(Number number) : value(number) {}
  friend constexpr auto operator<=>(Id, Id) = default;
};

using Pid = Id<struct PidTag, uint32_t>;                        // thread group id, in the host's namespace
using Tid = Id<struct TidTag, uint32_t>;                        // thread id, likewise
using ProcessKey = Id<struct ProcessKeyTag, uint64_t>;          // names a process within one session; 0: none
using FileOffset = Id<struct FileOffsetTag, uint64_t>;          // bytes from the start of a file
using ElfAddress = Id<struct ElfAddressTag, uint64_t>;          // as the file's own headers count: p_vaddr, st_value
using RuntimeAddress = Id<struct RuntimeAddressTag, uint64_t>;  // in a process's (or the kernel's) memory

}  // namespace splitprof

template <typename Tag, typename Number>
struct std::hash<splitprof::Id<Tag, Number>> {
  size_t operator()(splitprof::Id<Tag, Number> id) const { return std::hash<Number>{}(id.value); }
};
