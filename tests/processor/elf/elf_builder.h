// SPDX-License-Identifier: Apache-2.0
//
// Puts small ELF files together for tests: segments and sections in the order in which they are added. Offsets in the
// file are as they come, addresses as the test says.
#pragma once

#include <elf.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace splitprof::testing {

using ByteVector = std::vector<std::byte>;

inline ByteVector bytes_of(std::string_view text) {
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return ByteVector(first, first + text.size());
}

inline ByteVector bytes_of(std::initializer_list<int> values) {
  ByteVector bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

template <typename T>
void append(ByteVector& to, const T& value) {
  const auto* first = reinterpret_cast<const std::byte*>(&value);
  to.insert(to.end(), first, first + sizeof(T));
}

class ElfBuilder {
 public:
  explicit ElfBuilder(uint16_t machine = EM_X86_64) {
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_DYN;
    header.e_machine = machine;
    header.e_version = EV_CURRENT;
    header.e_ehsize = sizeof(Elf64_Ehdr);
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_shentsize = sizeof(Elf64_Shdr);
    section({.name = ""});
  }

  struct SectionSpec {
    std::string name;
    uint32_t type = SHT_NULL;
    uint64_t flags = 0;
    uint64_t address = 0;
    ByteVector bytes;
    uint32_t link = 0;
  };

  // The number of the section.
  uint32_t section(SectionSpec spec) {
    const uint32_t name = static_cast<uint32_t>(names_.size());
    names_ += spec.name + '\0';
    Elf64_Shdr shdr{};
    shdr.sh_name = name;
    shdr.sh_type = spec.type;
    shdr.sh_flags = spec.flags;
    shdr.sh_addr = spec.address;
    shdr.sh_offset = sizeof(Elf64_Ehdr) + body_.size();
    shdr.sh_size = spec.bytes.size();
    shdr.sh_link = spec.link;
    body_.insert(body_.end(), spec.bytes.begin(), spec.bytes.end());
    sections.push_back(shdr);
    return static_cast<uint32_t>(sections.size() - 1);
  }

  // A program header over a section that was added.
  void segment_of(uint32_t index, uint32_t type, uint32_t flags) {
    const Elf64_Shdr& shdr = sections[index];
    segments.push_back({.p_type = type,
                        .p_flags = flags,
                        .p_offset = shdr.sh_offset,
                        .p_vaddr = shdr.sh_addr,
                        .p_filesz = shdr.sh_size,
                        .p_memsz = shdr.sh_size});
  }

  ByteVector build(bool with_sections = true) {
    const uint32_t names = section({.name = ".shstrtab", .type = SHT_STRTAB});
    sections[names].sh_size = names_.size();
    ByteVector rest = body_;
    for (const char c : names_) rest.push_back(static_cast<std::byte>(c));
    header.e_phoff = sizeof(Elf64_Ehdr) + rest.size();
    header.e_phnum = static_cast<uint16_t>(segments.size());
    for (const auto& segment : segments) append(rest, segment);
    if (with_sections) {
      header.e_shoff = sizeof(Elf64_Ehdr) + rest.size();
      header.e_shnum = static_cast<uint16_t>(sections.size());
      header.e_shstrndx = static_cast<uint16_t>(names);
      for (const auto& shdr : sections) append(rest, shdr);
    }
    ByteVector file;
    append(file, header);
    file.insert(file.end(), rest.begin(), rest.end());
    return file;
  }

  Elf64_Ehdr header{};
  std::vector<Elf64_Shdr> sections;  // what a test may spoil
  std::vector<Elf64_Phdr> segments;

 private:
  std::string names_;
  ByteVector body_;
};

}  // namespace splitprof::testing
