// SPDX-License-Identifier: Apache-2.0
#include "processor/elf/symbol_table.h"

#include <gtest/gtest.h>

#include <memory>

#include "processor/elf/dynamic.h"
#include "processor/elf/local_file.h"
#include "tests/processor/elf/elf_builder.h"

extern "C" __attribute__((noinline, used)) int splitprof_a_known_function() {
  return 4;
}

namespace splitprof {
namespace {

using testing::append;
using testing::bytes_of;
using testing::ByteVector;
using testing::ElfBuilder;

constexpr uint64_t kText = 0x1000;  // .text is [0x1000, 0x1100)

class SymbolsTest : public ::testing::Test {
 protected:
  SymbolsTest() : builder_(EM_AARCH64) {
    text_ = builder_.section({.name = ".text",
                              .type = SHT_PROGBITS,
                              .flags = SHF_ALLOC | SHF_EXECINSTR,
                              .address = kText,
                              .bytes = ByteVector(256)});
    data_ = builder_.section({.name = ".data", .type = SHT_PROGBITS, .address = 0x9000, .bytes = ByteVector(16)});
  }

  void symbol(std::string_view name, int bind, int type, uint64_t value, uint64_t size, int section = -1) {
    append(symbols_, Elf64_Sym{.st_name = static_cast<uint32_t>(strings_.size()),
                               .st_info = static_cast<unsigned char>(ELF64_ST_INFO(bind, type)),
                               .st_shndx = static_cast<uint16_t>(section < 0 ? text_ : section),
                               .st_value = value,
                               .st_size = size});
    strings_ += std::string(name) + '\0';
  }

  SymbolTable read() {
    const auto strings = builder_.section({.name = ".strtab", .type = SHT_STRTAB, .bytes = bytes_of(strings_)});
    builder_.section({.name = ".symtab", .type = SHT_SYMTAB, .bytes = symbols_, .link = strings});
    file_ = std::make_unique<MemoryFile>(builder_.build());
    elf_ = std::make_unique<ElfFile>(std::move(*ElfFile::open(*file_)));
    auto table = read_symbols(*elf_);
    EXPECT_TRUE(table) << table.error().message;
    return table ? std::move(*table) : SymbolTable();
  }

  std::string name_at(const SymbolTable& table, uint64_t address) const {
    const auto found = table.find(ElfAddress(address));
    if (!found) return "-";
    const auto name = table.read_name(*elf_, *found);
    return name ? *name : "error: " + name.error().message;
  }

  ElfBuilder builder_;
  uint32_t text_ = 0, data_ = 0;
  ByteVector symbols_;
  std::string strings_{'\0'};
  std::unique_ptr<MemoryFile> file_;
  std::unique_ptr<ElfFile> elf_;
};

TEST_F(SymbolsTest, FindsTheFunctionThatHoldsAnAddress) {
  symbol("second", STB_GLOBAL, STT_FUNC, kText + 0x40, 0x10);
  symbol("first", STB_LOCAL, STT_FUNC, kText, 0x20);
  symbol("chosen", STB_GLOBAL, STT_GNU_IFUNC, kText + 0x50, 0x10);
  const SymbolTable table = read();
  EXPECT_EQ(name_at(table, kText - 1), "-");
  EXPECT_EQ(name_at(table, kText), "first");
  EXPECT_EQ(name_at(table, kText + 0x1f), "first");
  EXPECT_EQ(name_at(table, kText + 0x20), "-") << "past the end of a sized symbol";
  EXPECT_EQ(name_at(table, kText + 0x4f), "second");
  EXPECT_EQ(name_at(table, kText + 0x50), "chosen");
  EXPECT_EQ(name_at(table, kText + 0x60), "-");
  EXPECT_EQ(name_at(table, UINT64_MAX), "-");
  const auto second = table.find(ElfAddress(kText + 0x44));
  EXPECT_EQ(second->start, ElfAddress(kText + 0x40));
  EXPECT_EQ(second->size, 0x10u);
}

TEST_F(SymbolsTest, PrefersSizedThenGlobalThenWeak) {
  symbol("weak", STB_WEAK, STT_FUNC, kText, 8);
  symbol("unsized", STB_GLOBAL, STT_FUNC, kText, 0);
  symbol("local", STB_LOCAL, STT_FUNC, kText, 8);
  symbol("global", STB_GLOBAL, STT_FUNC, kText, 8);
  symbol("local2", STB_LOCAL, STT_FUNC, kText + 8, 8);
  symbol("weak2", STB_WEAK, STT_FUNC, kText + 8, 8);
  symbol("global3", STB_GLOBAL, STT_FUNC, kText + 16, 0);
  symbol("local3", STB_LOCAL, STT_FUNC, kText + 16, 4);
  const SymbolTable table = read();
  EXPECT_EQ(table.size(), 3u);
  EXPECT_EQ(name_at(table, kText), "global");
  EXPECT_EQ(name_at(table, kText + 8), "weak2");
  EXPECT_EQ(name_at(table, kText + 16), "local3");
}

TEST_F(SymbolsTest, AnUnsizedLabelReachesToTheNextSymbolOrTheEndOfItsSection) {
  symbol("start", STB_GLOBAL, STT_NOTYPE, kText, 0);
  symbol("function", STB_GLOBAL, STT_FUNC, kText + 0x20, 0x20);
  symbol("inside", STB_LOCAL, STT_NOTYPE, kText + 0x30, 0);
  symbol("last", STB_LOCAL, STT_NOTYPE, kText + 0x80, 0);
  const SymbolTable table = read();
  EXPECT_EQ(name_at(table, kText + 0x1f), "start");
  EXPECT_EQ(name_at(table, kText + 0x38), "function") << "a label does not cut a function in two";
  EXPECT_EQ(name_at(table, kText + 0xff), "last");
  EXPECT_EQ(name_at(table, kText + 0x100), "-");
}

TEST_F(SymbolsTest, AFunctionGoesOnAfterOneInsideIt) {
  symbol("outer", STB_GLOBAL, STT_FUNC, kText, 0x40);
  symbol("inner", STB_LOCAL, STT_FUNC, kText + 0x10, 0x10);
  const SymbolTable table = read();
  EXPECT_EQ(name_at(table, kText + 0x18), "inner");
  EXPECT_EQ(name_at(table, kText + 0x28), "outer");
}

TEST_F(SymbolsTest, LeavesOutWhatIsNoFunction) {
  symbol("data", STB_GLOBAL, STT_OBJECT, 0x9000, 8, static_cast<int>(data_));
  symbol("datalabel", STB_GLOBAL, STT_NOTYPE, 0x9000, 0, static_cast<int>(data_));
  symbol("undefined", STB_GLOBAL, STT_FUNC, kText, 8, SHN_UNDEF);
  symbol("absolute", STB_GLOBAL, STT_NOTYPE, kText, 0, SHN_ABS);
  symbol("_etext", STB_GLOBAL, STT_NOTYPE, kText + 0x100, 0);
  symbol("$x", STB_LOCAL, STT_NOTYPE, kText, 0);
  symbol("$d.7", STB_LOCAL, STT_NOTYPE, kText + 8, 0);
  symbol("", STB_LOCAL, STT_FUNC, kText, 8);
  EXPECT_EQ(read().size(), 0u);
}

TEST_F(SymbolsTest, CountsSymbolsWhoseNamesAreOutside) {
  symbol("good", STB_GLOBAL, STT_FUNC, kText, 8);
  append(symbols_, Elf64_Sym{.st_name = 0x7fffffff,
                             .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
                             .st_shndx = static_cast<uint16_t>(text_),
                             .st_value = kText + 8,
                             .st_size = 8});
  const SymbolTable table = read();
  EXPECT_EQ(table.size(), 1u);
  EXPECT_EQ(table.dropped(), 1u);
}

TEST_F(SymbolsTest, CutsNamesOfAbsurdLength) {
  symbol(std::string(100'000, 'n'), STB_GLOBAL, STT_FUNC, kText, 8);
  const SymbolTable table = read();
  ASSERT_EQ(table.size(), 1u);
  EXPECT_EQ(name_at(table, kText), std::string(16 << 10, 'n'));
}

TEST(SymbolTable, KnowsThisProgram) {
  const auto local = LocalFile::open_path("/proc/self/exe");
  const auto elf = ElfFile::open(**local);
  const auto table = read_symbols(*elf);
  ASSERT_TRUE(table) << table.error().message;
  bool known = false;
  for (size_t i = 0; i < table->size(); ++i) {
    const FoundSymbol symbol = table->at(i);
    if (i > 0) {
      ASSERT_GT(symbol.start, table->at(i - 1).start);
    }
    const auto name = table->read_name(*elf, symbol);
    ASSERT_TRUE(name) << name.error().message;
    known |= *name == "splitprof_a_known_function";
    const auto found = table->find(symbol.start);
    ASSERT_TRUE(found);
    ASSERT_EQ(found->name, symbol.name);
  }
  EXPECT_TRUE(known);
  EXPECT_EQ(table->memory_bytes(), table->size() * 12) << "names are not kept";
}

// The section headers of this very program are left out, as some packers do; the dynamic loader's way to the symbols is
// still there. It was linked with -rdynamic.
TEST(SymbolTable, FindsDynamicSymbolsWithoutSectionHeaders) {
  const auto local = LocalFile::open_path("/proc/self/exe");
  ByteVector bytes((*local)->identity().size);
  ASSERT_EQ(*(*local)->read_at(0, bytes), bytes.size());
  const auto complete = ElfFile::open(**local);
  const Section* dynsym = complete->find_section_of_type(SHT_DYNSYM);
  ASSERT_NE(dynsym, nullptr);

  Elf64_Ehdr header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  header.e_shoff = header.e_shnum = header.e_shstrndx = 0;
  std::memcpy(bytes.data(), &header, sizeof(header));
  MemoryFile file(std::move(bytes));
  const auto elf = ElfFile::open(file);
  ASSERT_TRUE(elf);
  ASSERT_TRUE(elf->sections().empty());
  const auto dynamic = find_dynamic_symbols(*elf);
  ASSERT_TRUE(dynamic) << dynamic.error().message;
  EXPECT_EQ(dynamic->count, dynsym->size / sizeof(Elf64_Sym));
  EXPECT_EQ(dynamic->symbols, dynsym->offset);

  const auto table = read_symbols(*elf);
  ASSERT_TRUE(table) << table.error().message;
  bool known = false;
  for (size_t i = 0; i < table->size(); ++i) {
    const auto name = table->read_name(*elf, table->at(i));
    known |= name && *name == "splitprof_a_known_function";
  }
  EXPECT_TRUE(known);
}

TEST(SymbolTable, SurvivesEveryChangedByteOfAHashTable) {
  const auto local = LocalFile::open_path("/proc/self/exe");
  ByteVector bytes((*local)->identity().size);
  ASSERT_EQ(*(*local)->read_at(0, bytes), bytes.size());
  const auto complete = ElfFile::open(**local);
  const Section* hash = complete->find_section(".gnu.hash");
  ASSERT_NE(hash, nullptr);
  Elf64_Ehdr header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  header.e_shoff = header.e_shnum = header.e_shstrndx = 0;
  std::memcpy(bytes.data(), &header, sizeof(header));
  for (size_t i = 0; i < std::min<uint64_t>(hash->size, 48); ++i) {
    for (const int value : {0, 1, 0x7f, 0xff}) {
      auto changed = bytes;
      changed[hash->offset.value + i] = static_cast<std::byte>(value);
      MemoryFile file(std::move(changed));
      const auto elf = ElfFile::open(file);
      ASSERT_TRUE(elf);
      (void)read_symbols(*elf);  // returns, within its bounds
    }
  }
}

TEST(SymbolTable, IsEmptyForAFileWithoutSymbols) {
  ElfBuilder builder;
  MemoryFile file(builder.build());
  const auto elf = ElfFile::open(file);
  const auto table = read_symbols(*elf);
  ASSERT_TRUE(table);
  EXPECT_EQ(table->size(), 0u);
  EXPECT_FALSE(table->find(ElfAddress(0)));
}

}  // namespace
}  // namespace splitprof
