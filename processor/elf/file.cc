// SPDX-License-Identifier: Apache-2.0
#include "processor/elf/file.h"

#include <elf.h>

#include <algorithm>

#include "processor/elf/bytes.h"
#include "processor/elf/compressed.h"

namespace splitprof {
namespace {

constexpr uint64_t kMaxNameTableBytes = 1 << 20;  // node 20's section names need 412 bytes
constexpr size_t kMaxSectionNameBytes = 256;
constexpr uint64_t kMaxNoteBytes = 64 << 10;   // of one segment or section; a build id is within the first 100
constexpr int kMaxNotes = 16;                  // segments or sections; gcc and ld write two or three
constexpr uint16_t kMaxProgramHeaders = 1170;  // the kernel executes no file with more than 64 KiB of them (Linux 6.1,
                                               // fs/binfmt_elf.c, load_elf_phdrs)
constexpr uint32_t kElfCompressZstd = 2;       // ELFCOMPRESS_ZSTD of the gABI; glibc 2.36's elf.h lacks it
constexpr std::string_view kGnuCompressedPrefix = ".zdebug_";
constexpr size_t kMaxBuildIdBytes = 64;  // ld --build-id=sha1 makes 20; --build-id=0x… any number
// A mapping begins on a page, a segment anywhere in it; pages have at most 64 KiB (arm64).
constexpr uint64_t kSmallestPageBytes = 4 << 10;
constexpr uint64_t kLargestPageBytes = 64 << 10;

bool known_machine(uint16_t machine) {
  return machine == EM_X86_64 || machine == EM_AARCH64;
}

}  // namespace

std::string hex(std::span<const std::byte> bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::byte byte : bytes) {
    text += "0123456789abcdef"[static_cast<uint8_t>(byte) >> 4];
    text += "0123456789abcdef"[static_cast<uint8_t>(byte) & 15];
  }
  return text;
}

bool Section::executable() const {
  return (flags & SHF_EXECINSTR) != 0;
}

bool Section::compressed() const {
  return gnu_compressed || (flags & SHF_COMPRESSED) != 0;
}

Result<ElfFile> ElfFile::open(ReadableFile& file) {
  ElfFile elf(file);
  Elf64_Ehdr header;
  TRY(elf.read_exactly(FileOffset(0), std::as_writable_bytes(std::span(&header, 1))));
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return fail(Errc::malformed, "not an ELF file");
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB)
    return fail(Errc::unsupported, "not a 64-bit little-endian ELF file");
  // ET_REL: .dwo files, what a compiler put most of its DWARF into.
  if (header.e_type != ET_EXEC && header.e_type != ET_DYN && header.e_type != ET_REL)
    return fail(Errc::unsupported, "no executable, library or object file: type {}", header.e_type);
  if (!known_machine(header.e_machine)) return fail(Errc::unsupported, "ELF machine {}", header.e_machine);
  elf.machine_ = Machine{header.e_machine};
  if (header.e_phnum > kMaxProgramHeaders) return fail(Errc::too_large, "{} program headers", header.e_phnum);
  if (header.e_phnum != 0) {
    if (header.e_phentsize != sizeof(Elf64_Phdr))
      return fail(Errc::malformed, "program headers of {} bytes", header.e_phentsize);
    TRY(elf.read_program_headers(header.e_phoff, header.e_phnum));
  }
  if (header.e_shoff != 0 && header.e_shnum != 0) {
    if (header.e_shentsize != sizeof(Elf64_Shdr))
      return fail(Errc::malformed, "section headers of {} bytes", header.e_shentsize);
    TRY(elf.read_section_headers(header.e_shoff, header.e_shnum, header.e_shstrndx));
  }
  int notes = 0;
  for (const Section& section : elf.sections_)
    if (section.type == SHT_NOTE && elf.build_id_.empty() && notes++ < kMaxNotes)
      elf.read_notes(section.offset, section.size);
  return elf;
}

Result<> ElfFile::read_program_headers(uint64_t offset, uint16_t count) {
  std::vector<Elf64_Phdr> headers(count);
  TRY(read_exactly(FileOffset(offset), std::as_writable_bytes(std::span(headers))));
  int notes = 0;
  for (const Elf64_Phdr& header : headers) {
    if (header.p_type == PT_LOAD) {
      if (header.p_offset + header.p_filesz < header.p_offset || header.p_vaddr + header.p_memsz < header.p_vaddr ||
          header.p_memsz < header.p_filesz)
        return fail(Errc::malformed, "segment at {:#x} has impossible sizes", header.p_vaddr);
      segments_.push_back({.offset = FileOffset(header.p_offset),
                           .address = ElfAddress(header.p_vaddr),
                           .file_size = header.p_filesz,
                           .memory_size = header.p_memsz,
                           .executable = (header.p_flags & PF_X) != 0});
    } else if (header.p_type == PT_NOTE && build_id_.empty() && notes++ < kMaxNotes) {
      read_notes(FileOffset(header.p_offset), header.p_filesz);
    } else if (header.p_type == PT_GNU_EH_FRAME) {
      eh_frame_header_ = ElfAddress(header.p_vaddr);
    } else if (header.p_type == PT_DYNAMIC) {
      dynamic_ = ElfAddress(header.p_vaddr);
    }
  }
  return Ok{};
}

Result<> ElfFile::read_section_headers(uint64_t offset, uint32_t count, uint32_t names_index) {
  std::vector<Elf64_Shdr> headers(count);
  TRY(read_exactly(FileOffset(offset), std::as_writable_bytes(std::span(headers))));
  std::vector<std::byte> names;
  if (names_index < count) {
    const Elf64_Shdr& header = headers[names_index];
    names.resize(std::min<uint64_t>(header.sh_size, kMaxNameTableBytes));
    TRY(read_exactly(FileOffset(header.sh_offset), names));
  }
  sections_.reserve(count);
  for (const Elf64_Shdr& header : headers) {
    Section& section = sections_.emplace_back();
    section.type = header.sh_type;
    section.flags = header.sh_flags;
    section.address = ElfAddress(header.sh_addr);
    section.offset = FileOffset(header.sh_offset);
    section.size = header.sh_size;
    section.link = header.sh_link;
    if (header.sh_name >= names.size()) continue;  // nameless
    const uint64_t longest = std::min<uint64_t>(kMaxSectionNameBytes, names.size() - header.sh_name);
    Bytes text = TRY(Bytes(names).sub(header.sh_name, longest));
    if (auto name = text.c_string()) section.name = *name;
    section.gnu_compressed = section.name.starts_with(kGnuCompressedPrefix);
    if (section.gnu_compressed) section.name.erase(1, 1);
  }
  return Ok{};
}

void ElfFile::read_notes(FileOffset offset, uint64_t size) {
  std::vector<std::byte> memory(std::min(size, kMaxNoteBytes));
  if (!read_exactly(offset, memory)) return;
  Bytes notes(memory);
  while (notes.remaining() >= sizeof(Elf64_Nhdr)) {
    const Elf64_Nhdr header = notes.read<Elf64_Nhdr>().value();
    // Names and descriptions are padded to four bytes: GNU's notes are, in segments aligned to eight as well.
    const uint64_t name_bytes = (uint64_t{header.n_namesz} + 3) & ~uint64_t{3};
    auto name = notes.take(name_bytes);
    if (!name) return;
    auto description = notes.take(header.n_descsz);
    if (!description) return;
    if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == 4 && name->read<uint32_t>().value() == 0x554e47 &&
        header.n_descsz <= kMaxBuildIdBytes) {  // 0x554e47: "GNU" and a zero byte
      std::byte id[kMaxBuildIdBytes];
      for (size_t i = 0; i < header.n_descsz; ++i) id[i] = description->read<std::byte>().value();
      build_id_ = hex(std::span(id, header.n_descsz));
      return;
    }
    if (!notes.skip(-uint64_t{header.n_descsz} & 3)) return;
  }
}

const Section* ElfFile::find_section(std::string_view name) const {
  const auto found = std::find_if(sections_.begin(), sections_.end(), [&](auto& s) { return s.name == name; });
  return found == sections_.end() ? nullptr : &*found;
}

const Section* ElfFile::find_section_of_type(uint32_t type) const {
  const auto found = std::find_if(sections_.begin(), sections_.end(), [&](auto& s) { return s.type == type; });
  return found == sections_.end() ? nullptr : &*found;
}

Result<> ElfFile::read_exactly(FileOffset offset, std::span<std::byte> into) const {
  const size_t n = TRY(file_->read_at(offset.value, into));
  if (n != into.size()) return fail(Errc::truncated, "{} of {} bytes at {:#x}", n, into.size(), offset.value);
  return Ok{};
}

// Asked before memory is taken for it: a header can promise what is not there.
Result<> ElfFile::require_in_file(const Section& section) const {
  if (section.type == SHT_NOBITS) return fail(Errc::unsupported, "section {} is not in the file", section.name);
  const uint64_t file_size = file_->identity().size;
  if (section.offset.value > file_size || section.size > file_size - section.offset.value)
    return fail(Errc::truncated, "the file ends inside section {}", section.name);
  return Ok{};
}

Result<std::vector<std::byte>> ElfFile::read_section(const Section& section, uint64_t limit) const {
  TRY(require_in_file(section));
  if (section.size > limit) return fail(Errc::too_large, "section {} has {} bytes", section.name, section.size);
  if (section.compressed()) return read_compressed(section, limit);
  std::vector<std::byte> bytes(section.size);
  TRY(read_exactly(section.offset, bytes));
  return bytes;
}

Result<> ElfFile::read_section_at(const Section& section, uint64_t offset, std::span<std::byte> into) const {
  if (section.type == SHT_NOBITS || section.compressed())
    return fail(Errc::unsupported, "section {} cannot be read in pieces", section.name);
  if (offset > section.size || into.size() > section.size - offset)
    return fail(Errc::truncated, "section {} ends before {:#x}", section.name, offset);
  return read_exactly(FileOffset(section.offset.value + offset), into);
}

// Two forms: an Elf64_Chdr in front (ELF gABI, "Section compression"), or GNU's older "ZLIB" and the size as eight
// big-endian bytes.
Result<std::vector<std::byte>> ElfFile::read_compressed(const Section& section, uint64_t limit) const {
  std::vector<std::byte> packed(section.size);
  TRY(read_exactly(section.offset, packed));
  Bytes in(packed);
  Compression compression = Compression::zlib;
  uint64_t size = 0;
  if ((section.flags & SHF_COMPRESSED) != 0) {
    const auto header = TRY(in.read<Elf64_Chdr>());
    if (header.ch_type != ELFCOMPRESS_ZLIB && header.ch_type != kElfCompressZstd)
      return fail(Errc::unsupported, "section {} is compressed in way {}", section.name, header.ch_type);
    if (header.ch_type == kElfCompressZstd) compression = Compression::zstd;
    size = header.ch_size;
  } else {
    if (TRY(in.read<uint32_t>()) != 0x42494c5a)  // "ZLIB"
      return fail(Errc::malformed, "section {} is not compressed as its name says", section.name);
    size = __builtin_bswap64(TRY(in.read<uint64_t>()));
  }
  if (size > limit) return fail(Errc::too_large, "section {} has {} bytes unpacked", section.name, size);
  return decompress(compression, std::span(packed).subspan(in.position()), size);
}

Result<std::vector<std::byte>> ElfFile::read_segment_from(ElfAddress address, uint64_t limit) const {
  for (const Segment& segment : segments_) {
    const uint64_t into_segment = address.value - segment.address.value;
    if (address < segment.address || into_segment >= segment.file_size) continue;
    const uint64_t offset = segment.offset.value + into_segment;
    const uint64_t file_size = file_->identity().size;
    if (offset >= file_size) return fail(Errc::truncated, "the file ends before address {:#x}", address.value);
    std::vector<std::byte> bytes(std::min({segment.file_size - into_segment, limit, file_size - offset}));
    TRY(read_exactly(FileOffset(offset), bytes));
    return bytes;
  }
  return fail(Errc::not_found, "no segment of the file holds address {:#x}", address.value);
}

Result<FileOffset> ElfFile::offset_of(ElfAddress address) const {
  for (const Segment& segment : segments_) {
    const uint64_t into_segment = address.value - segment.address.value;
    if (address >= segment.address && into_segment < segment.file_size)
      return FileOffset(segment.offset.value + into_segment);
  }
  return fail(Errc::not_found, "no segment of the file holds address {:#x}", address.value);
}

Result<ElfAddress> ElfFile::address_of(FileOffset offset) const {
  for (const uint64_t page : {kSmallestPageBytes, kLargestPageBytes}) {
    for (const bool executable : {true, false}) {
      for (const Segment& segment : segments_) {
        const uint64_t begin = segment.offset.value & ~(page - 1);
        if (segment.executable == executable && offset.value >= begin &&
            offset.value < segment.offset.value + segment.file_size)
          return ElfAddress(segment.address.value + (offset.value - segment.offset.value));
      }
    }
  }
  return fail(Errc::not_found, "no segment holds file offset {:#x}", offset.value);
}

}  // namespace splitprof
