// SPDX-License-Identifier: Apache-2.0
#include "processor/elf/debug_files.h"

#include <zlib.h>

#include <algorithm>

#include "processor/elf/bytes.h"
#include "processor/elf/compressed.h"

namespace splitprof {
namespace {

constexpr uint64_t kMaxLinkBytes = 8 << 10;             // a path and a checksum or a build id
constexpr uint64_t kMaxPackedSymbolsBytes = 16u << 20;  // Fedora's libc has 100 KB of it
constexpr uint64_t kMaxUnpackedSymbolsBytes = 64u << 20;
constexpr uint64_t kMaxChecksummedBytes = 4ull << 30;  // about a second of CRC each GiB
constexpr size_t kChecksumPieceBytes = 1u << 20;
constexpr size_t kMaxBuildIdBytes = 64;

bool is_component(std::string_view name) {
  return !name.empty() && name.size() <= kMaxDebugFileNameBytes && name != "." && name != ".." &&
         name.find('/') == name.npos;
}

// Below a folder .dwz, where distributions keep these files, or else the last component.
std::string_view name_below_dwz(std::string_view path) {
  constexpr std::string_view kFolder = ".dwz/";
  const size_t folder = path.rfind(kFolder);
  const std::string_view below = path.substr(folder == path.npos ? path.rfind('/') + 1 : folder + kFolder.size());
  const size_t slash = below.find('/');
  const bool good = slash == below.npos ? is_component(below)
                                        : is_component(below.substr(0, slash)) && is_component(below.substr(slash + 1));
  return good ? below : "";
}

Result<uint32_t> checksum(ReadableFile& file) {
  if (file.identity().size > kMaxChecksummedBytes) return fail(Errc::too_large, "too large for its checksum");
  std::vector<std::byte> piece(kChecksumPieceBytes);
  uLong crc = crc32(0, nullptr, 0);
  for (uint64_t offset = 0; offset < file.identity().size;) {
    const size_t n = TRY(file.read_at(offset, piece));
    if (n == 0) return fail(Errc::truncated, "the file has become shorter");
    crc = crc32(crc, reinterpret_cast<const Bytef*>(piece.data()), static_cast<uInt>(n));
    offset += n;
  }
  return static_cast<uint32_t>(crc);
}

}  // namespace

// A name, zeroes up to a multiple of four, the CRC (gdb's manual, "Debugging Information in Separate Files").
std::optional<DebugLink> read_debug_link(const ElfFile& file) {
  const Section* section = file.find_section(".gnu_debuglink");
  if (section == nullptr) return std::nullopt;
  const auto contents = file.read_section(*section, kMaxLinkBytes);
  if (!contents) return std::nullopt;
  Bytes in(*contents);
  const auto name = in.c_string();
  if (!name || !is_component(*name) || !in.skip(-uint64_t{in.position()} & 3)) return std::nullopt;
  const auto crc = in.read<uint32_t>();
  if (!crc) return std::nullopt;
  return DebugLink{.name = std::string(*name), .crc = *crc};
}

// A path and the build id's bytes (the same page).
std::optional<AlternateLink> read_alternate_link(const ElfFile& file) {
  const Section* section = file.find_section(".gnu_debugaltlink");
  if (section == nullptr) return std::nullopt;
  const auto contents = file.read_section(*section, kMaxLinkBytes);
  if (!contents) return std::nullopt;
  Bytes in(*contents);
  const auto path = in.c_string();
  if (!path || in.at_end() || in.remaining() > kMaxBuildIdBytes) return std::nullopt;
  return AlternateLink{.name = std::string(name_below_dwz(*path)),
                       .build_id = hex(std::span(*contents).subspan(in.position()))};
}

Result<std::unique_ptr<MemoryFile>> read_gnu_debugdata(const ElfFile& file) {
  const Section* section = file.find_section(".gnu_debugdata");
  if (section == nullptr) return fail(Errc::not_found, "no .gnu_debugdata");
  const auto packed = TRY(file.read_section(*section, kMaxPackedSymbolsBytes));
  return std::make_unique<MemoryFile>(TRY(decompress_xz(packed, kMaxUnpackedSymbolsBytes)));
}

bool is_debug_file_of(const ElfFile& file, const std::optional<DebugLink>& link, ReadableFile& candidate,
                      const ElfFile& candidate_elf) {
  if (file.machine() != candidate_elf.machine()) return false;
  if (!file.build_id().empty() && !candidate_elf.build_id().empty()) return file.build_id() == candidate_elf.build_id();
  if (!link) return false;
  const auto crc = checksum(candidate);
  return crc && *crc == link->crc;
}

}  // namespace splitprof
