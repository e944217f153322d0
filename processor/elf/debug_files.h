// SPDX-License-Identifier: Apache-2.0
//
// What an executable says about where the rest of its symbols is: a file of their own (.gnu_debuglink), one that many
// debug files share (.gnu_debugaltlink, made by dwz), or a small compressed ELF file inside it (.gnu_debugdata). Reads
// sections on a worker; finds and opens no file. All that is said is a claim: is_debug_file_of() checks it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "processor/elf/file.h"
#include "processor/elf/local_file.h"

namespace splitprof {

// File names that are looked for in a target's folders: one component, short.
constexpr size_t kMaxDebugFileNameBytes = 255;  // NAME_MAX

struct DebugLink {
  std::string name;  // one component of a path, never "." or ".."
  uint32_t crc = 0;  // of the whole debug file
};
std::optional<DebugLink> read_debug_link(const ElfFile& file);

struct AlternateLink {
  std::string name;      // one or two components below /usr/lib/debug/.dwz; empty: none that may be looked for
  std::string build_id;  // lower-case hexadecimal
};
std::optional<AlternateLink> read_alternate_link(const ElfFile& file);

// Debug files are kept out of memory; this is one that was inside the executable, unpacked. not_found: there is none.
Result<std::unique_ptr<MemoryFile>> read_gnu_debugdata(const ElfFile& file);

// Whether `candidate` was made from the same link: equal build ids, or, where one has none, the CRC that `link` says.
bool is_debug_file_of(const ElfFile& file, const std::optional<DebugLink>& link, ReadableFile& candidate,
                      const ElfFile& candidate_elf);

}  // namespace splitprof
