// SPDX-License-Identifier: Apache-2.0
#include "processor/elf/file.h"

#include <gtest/gtest.h>

#include "processor/elf/local_file.h"
#include "tests/processor/elf/elf_builder.h"

namespace splitprof {
namespace {

using testing::append;
using testing::bytes_of;
using testing::ByteVector;
using testing::ElfBuilder;

ByteVector note(std::string_view name, uint32_t type, const ByteVector& description) {
  ByteVector bytes;
  append(bytes, Elf64_Nhdr{.n_namesz = static_cast<uint32_t>(name.size()),
                           .n_descsz = static_cast<uint32_t>(description.size()),
                           .n_type = type});
  const auto text = bytes_of(name);
  bytes.insert(bytes.end(), text.begin(), text.end());
  bytes.resize((bytes.size() + 3) & ~size_t{3});
  bytes.insert(bytes.end(), description.begin(), description.end());
  bytes.resize((bytes.size() + 3) & ~size_t{3});
  return bytes;
}

Errc open_error(ByteVector bytes) {
  MemoryFile file(std::move(bytes));
  const auto elf = ElfFile::open(file);
  EXPECT_FALSE(elf);
  return elf ? Errc::io : elf.error().code;
}

TEST(ElfFile, ReadsSegmentsSectionsAndBuildId) {
  ElfBuilder builder(EM_AARCH64);
  const auto text = builder.section({.name = ".text",
                                     .type = SHT_PROGBITS,
                                     .flags = SHF_ALLOC | SHF_EXECINSTR,
                                     .address = 0x4000,
                                     .bytes = bytes_of({1, 2, 3, 4})});
  builder.segment_of(text, PT_LOAD, PF_R | PF_X);
  ByteVector notes = note(std::string_view("Go\0", 3), 4, bytes_of("text"));
  const auto id = note(std::string_view("GNU\0", 4), NT_GNU_BUILD_ID, bytes_of({0xde, 0xad, 0x0f}));
  notes.insert(notes.end(), id.begin(), id.end());
  builder.segment_of(builder.section({.name = ".note", .type = SHT_NOTE, .bytes = notes}), PT_NOTE, PF_R);
  MemoryFile file(builder.build());
  const auto elf = ElfFile::open(file);
  ASSERT_TRUE(elf) << elf.error().message;
  EXPECT_EQ(elf->machine(), Machine::arm64);
  EXPECT_EQ(elf->build_id(), "dead0f");
  ASSERT_EQ(elf->segments().size(), 1u);
  EXPECT_TRUE(elf->segments()[0].executable);
  EXPECT_EQ(elf->segments()[0].address, ElfAddress(0x4000));
  const Section* section = elf->find_section(".text");
  ASSERT_NE(section, nullptr);
  EXPECT_TRUE(section->executable());
  EXPECT_EQ(*elf->read_section(*section), bytes_of({1, 2, 3, 4}));
  EXPECT_EQ(elf->read_section(*section, 3).error().code, Errc::too_large);
  EXPECT_EQ(elf->find_section(".nothing"), nullptr);
}

TEST(ElfFile, ReadsTheBuildIdWithoutProgramHeaders) {
  ElfBuilder builder;
  builder.section({.name = ".note.gnu.build-id",
                   .type = SHT_NOTE,
                   .bytes = note(std::string_view("GNU\0", 4), NT_GNU_BUILD_ID, bytes_of({0x12}))});
  MemoryFile file(builder.build());
  EXPECT_EQ(ElfFile::open(file)->build_id(), "12");
}

TEST(ElfFile, NeedsNoSectionHeaders) {
  ElfBuilder builder;
  const auto text = builder.section({.name = ".text", .address = 0x1000, .bytes = bytes_of("code")});
  builder.segment_of(text, PT_LOAD, PF_R | PF_X);
  MemoryFile file(builder.build(false));
  const auto elf = ElfFile::open(file);
  ASSERT_TRUE(elf);
  EXPECT_TRUE(elf->sections().empty());
  EXPECT_EQ(*elf->read_segment_from(ElfAddress(0x1001), 2), bytes_of("od"));
  EXPECT_EQ(elf->read_segment_from(ElfAddress(0x1004), 2).error().code, Errc::not_found);
}

TEST(ElfFile, RefusesWhatItDoesNotUnderstand) {
  EXPECT_EQ(open_error({}), Errc::truncated);
  EXPECT_EQ(open_error(bytes_of(std::string(64, 'x'))), Errc::malformed);
  const auto spoiled = [](auto spoil) {
    ElfBuilder builder;
    builder.segment_of(0, PT_LOAD, PF_X);
    spoil(builder);
    return open_error(builder.build());
  };
  EXPECT_EQ(spoiled([](auto& b) { b.header.e_ident[EI_CLASS] = ELFCLASS32; }), Errc::unsupported);
  EXPECT_EQ(spoiled([](auto& b) { b.header.e_ident[EI_DATA] = ELFDATA2MSB; }), Errc::unsupported);
  EXPECT_EQ(spoiled([](auto& b) { b.header.e_machine = EM_RISCV; }), Errc::unsupported);
  EXPECT_EQ(spoiled([](auto& b) { b.header.e_type = ET_CORE; }), Errc::unsupported);
  EXPECT_EQ(spoiled([](auto& b) { b.segments.resize(1171); }), Errc::too_large);
  EXPECT_EQ(spoiled([](auto& b) { b.header.e_phentsize = 1; }), Errc::malformed);
  EXPECT_EQ(spoiled([](auto& b) { b.header.e_shentsize = 1; }), Errc::malformed);
  EXPECT_EQ(spoiled([](auto& b) { b.segments[0].p_offset = UINT64_MAX, b.segments[0].p_filesz = 2; }), Errc::malformed);
  EXPECT_EQ(spoiled([](auto& b) { b.segments[0].p_vaddr = UINT64_MAX, b.segments[0].p_memsz = 2; }), Errc::malformed);
}

TEST(ElfFile, RefusesEveryCutFile) {
  ElfBuilder builder;
  builder.segment_of(builder.section({.name = ".text", .bytes = bytes_of("code")}), PT_LOAD, PF_X);
  const ByteVector whole = builder.build();
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_EQ(open_error(ByteVector(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size))), Errc::truncated)
        << size;
}

TEST(ElfFile, TakesNoMemoryForBytesThatAreNotThere) {
  ElfBuilder builder;
  const auto text = builder.section({.name = ".text", .type = SHT_PROGBITS, .bytes = bytes_of("code")});
  const auto bss = builder.section({.name = ".bss", .type = SHT_NOBITS});
  const auto packed = builder.section({.name = ".debug", .type = SHT_PROGBITS, .flags = SHF_COMPRESSED});
  builder.sections[text].sh_size = ElfFile::kMaxSectionBytes;
  builder.sections[bss].sh_size = 64;
  builder.segments.push_back({.p_type = PT_LOAD, .p_offset = 1 << 20, .p_filesz = 1 << 30, .p_memsz = 1 << 30});
  MemoryFile file(builder.build());
  const auto elf = ElfFile::open(file);
  ASSERT_TRUE(elf);
  EXPECT_EQ(elf->read_section(elf->sections()[text]).error().code, Errc::truncated);
  EXPECT_EQ(elf->read_section(elf->sections()[bss]).error().code, Errc::unsupported);
  EXPECT_EQ(elf->read_section(elf->sections()[packed]).error().code, Errc::truncated) << "not even a header";
  EXPECT_EQ(elf->read_segment_from(ElfAddress(0), 1 << 30).error().code, Errc::truncated);
}

TEST(ElfFile, FindsTheAddressOfAMappingsFirstByte) {
  ElfBuilder builder;
  // As lld lays files out: three segments in one page of the file, addresses a page further each time.
  builder.segments = {
      {.p_type = PT_LOAD, .p_flags = PF_R, .p_offset = 0, .p_vaddr = 0, .p_filesz = 0x840, .p_memsz = 0x840},
      {.p_type = PT_LOAD,
       .p_flags = PF_R | PF_X,
       .p_offset = 0x840,
       .p_vaddr = 0x1840,
       .p_filesz = 0x300,
       .p_memsz = 0x300},
      {.p_type = PT_LOAD,
       .p_flags = PF_R,
       .p_offset = 0xb40,
       .p_vaddr = 0x2b40,
       .p_filesz = 0x1000,
       .p_memsz = 0x5000}};
  MemoryFile file(builder.build());
  const auto elf = ElfFile::open(file);
  ASSERT_TRUE(elf);
  EXPECT_EQ(*elf->address_of(FileOffset(0)), ElfAddress(0x1000)) << "the executable segment is preferred";
  EXPECT_EQ(*elf->address_of(FileOffset(0x900)), ElfAddress(0x1900));
  EXPECT_EQ(*elf->address_of(FileOffset(0x1000)), ElfAddress(0x3000));
  EXPECT_EQ(elf->address_of(FileOffset(0x100000)).error().code, Errc::not_found);
}

TEST(ElfFile, OddNotesMeanNoBuildId) {
  for (const uint32_t length : {0u, 65u, 0x7fffffffu, 0xffffffffu}) {
    ByteVector bytes = note(std::string_view("GNU\0", 4), NT_GNU_BUILD_ID, bytes_of({1, 2, 3, 4}));
    std::memcpy(bytes.data() + 4, &length, sizeof(length));
    ElfBuilder builder;
    builder.segment_of(builder.section({.name = ".note", .type = SHT_NOTE, .bytes = bytes}), PT_NOTE, PF_R);
    MemoryFile file(builder.build());
    EXPECT_EQ(ElfFile::open(file)->build_id(), "") << length;
  }
}

TEST(LocalFile, ReadsItsOwnProgram) {
  auto file = LocalFile::open_path("/proc/self/exe");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_NE((*file)->identity().inode, 0u);
  const auto elf = ElfFile::open(**file);
  ASSERT_TRUE(elf) << elf.error().message;
  EXPECT_NE(elf->find_section(".eh_frame"), nullptr);
  std::byte piece[16];
  EXPECT_EQ(*(*file)->read_at((*file)->identity().size - 3, piece), 3u) << "short only at the end";
  EXPECT_EQ(*(*file)->read_at((*file)->identity().size, piece), 0u);
  EXPECT_EQ(*(*file)->read_at(UINT64_MAX, piece), 0u);
}

TEST(LocalFile, RefusesWhatIsNoRegularFile) {
  EXPECT_EQ(LocalFile::open_path("/dev/null").error().code, Errc::unsupported);
  EXPECT_EQ(LocalFile::open_path("/nonexistent/file").error().code, Errc::io);
}

}  // namespace
}  // namespace splitprof
