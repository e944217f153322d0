// SPDX-License-Identifier: Apache-2.0
//
// ElfFile: the headers of one 64-bit little-endian ELF executable, library or object file (x86-64, arm64), read in
// bounded pieces and checked; section contents are read when asked for. The file outlives it. One thread at a time, a
// worker's. A file without section headers is fine. Says nothing about what sections mean: symbol_table and unwind/ do.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "processor/ingest/input.h"
#include "shared/ids.h"
#include "shared/result.h"

namespace splitprof {

enum class Machine : uint16_t {
  x86_64 = 62,  // EM_X86_64
  arm64 = 183,  // EM_AARCH64
};

// A program header of type PT_LOAD: what the kernel maps.
struct Segment {
  FileOffset offset;
  ElfAddress address;
  uint64_t file_size = 0;    // bytes
  uint64_t memory_size = 0;  // bytes, at least file_size
  bool executable = false;
};

struct Section {
  std::string name;
  uint32_t type = 0;   // SHT_*
  uint64_t flags = 0;  // SHF_*
  ElfAddress address;
  FileOffset offset;
  uint64_t size = 0;  // bytes, packed ones where it is compressed; in the file none of them when `type` is SHT_NOBITS
  uint32_t link = 0;  // index of another section
  bool gnu_compressed = false;  // it was called .zdebug_… in the file; `name` is .debug_…
  bool executable() const;
  bool compressed() const;
};

class ElfFile {
 public:
  // Larger sections are refused as too_large. Node 20's .strtab has 7.5 MB; a debug build's can be 50 times that.
  static constexpr uint64_t kMaxSectionBytes = 512u << 20;

  static Result<ElfFile> open(ReadableFile& file);

  uint64_t size() const { return file_->identity().size; }  // bytes
  Machine machine() const { return machine_; }
  std::span<const Segment> segments() const { return segments_; }
  std::span<const Section> sections() const { return sections_; }  // index 0 is the null section
  const Section* find_section(std::string_view name) const;        // the first one of that name; null: none
  const Section* find_section_of_type(uint32_t type) const;        // likewise
  // Lower-case hexadecimal; empty: none. A claim of the file, never its identity.
  const std::string& build_id() const { return build_id_; }
  // Where .eh_frame_hdr is (PT_GNU_EH_FRAME); 0: nowhere.
  ElfAddress eh_frame_header() const { return eh_frame_header_; }

  // Where the dynamic section is (PT_DYNAMIC); 0: nowhere.
  ElfAddress dynamic() const { return dynamic_; }

  // The section's bytes, unpacked when it is compressed (zlib, zstd): an error when the file ends inside it, or there
  // are more than `limit`. SHT_NOBITS is unsupported.
  Result<std::vector<std::byte>> read_section(const Section& section, uint64_t limit = kMaxSectionBytes) const;
  // Exactly into.size() bytes from `offset` into a section that is not compressed.
  Result<> read_section_at(const Section& section, uint64_t offset, std::span<std::byte> into) const;
  // Exactly into.size() bytes.
  Result<> read_exactly(FileOffset offset, std::span<std::byte> into) const;
  // At most `limit` bytes of the segment that holds `address`, from there to the segment's end in the file.
  Result<std::vector<std::byte>> read_segment_from(ElfAddress address, uint64_t limit) const;

  // Where in the file the byte at `address` is.
  Result<FileOffset> offset_of(ElfAddress address) const;
  // The address of the byte at `offset`, when it is mapped from there; executable segments are preferred where two
  // share a page of the file. Offsets in a segment's first page but before its first byte are the segment's too: that
  // is what a mapping begins with. A mapping's bias is its start minus address_of(its file offset).
  Result<ElfAddress> address_of(FileOffset offset) const;

 private:
  explicit ElfFile(ReadableFile& file) : file_(&file) {}
  Result<> read_program_headers(uint64_t offset, uint16_t count);
  Result<> read_section_headers(uint64_t offset, uint32_t count, uint32_t names_index);
  Result<std::vector<std::byte>> read_compressed(const Section& section, uint64_t limit) const;
  Result<> require_in_file(const Section& section) const;
  // Looks through notes [offset, offset + size); whatever is odd there means "no build id".
  void read_notes(FileOffset offset, uint64_t size);

  ReadableFile* file_;
  Machine machine_ = Machine::x86_64;
  std::vector<Segment> segments_;
  std::vector<Section> sections_;
  std::string build_id_;
  ElfAddress eh_frame_header_;
  ElfAddress dynamic_;
};

std::string hex(std::span<const std::byte> bytes);  // lower-case

}  // namespace splitprof
