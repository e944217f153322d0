// SPDX-License-Identifier: Apache-2.0
//
// Words of runtime.moduledata as in Go 1.18 to 1.26 (src/runtime/symtab.go): 0 is the address of the table, 1 that of
// the function names in it, 22 text; go_func is 38, or 40 from 1.20 on, which has two words for coverage before it.
#include "processor/elf/go_module.h"

#include <elf.h>

#include <array>
#include <cstring>
#include <optional>

namespace splitprof {
namespace {

constexpr uint64_t kMaxSearchBytes = 64u << 20;  // of one section
constexpr size_t kWords = 42, kText = 22, kGoFunc_1_18 = 38, kGoFunc_1_20 = 40;
using Words = std::array<uint64_t, kWords>;

class Search {
 public:
  Search(const ElfFile& file, const GoSection& table) : file_(file), table_(table) {}

  Result<GoModule> run() {
    TRY(read_header());
    for (const Section& section : file_.sections())
      if (section.type == SHT_PROGBITS && (section.flags & SHF_WRITE) != 0)
        if (const auto found = in_data(section)) return *found;
    for (const Section& section : file_.sections())
      if (section.type == SHT_RELA)
        if (const auto found = in_relocations(section)) return *found;
    return fail(Errc::not_found, "no description of the module");
  }

 private:
  Result<> read_header() {
    Bytes in(table_.bytes);
    const auto magic = TRY(in.read<uint32_t>());
    if (magic != 0xfffffff0 && magic != 0xfffffff1) return fail(Errc::not_found, "older than Go 1.18");
    go_func_ = magic == 0xfffffff0 ? kGoFunc_1_18 : kGoFunc_1_20;
    // magic and flags, functions, files, text: then the offset of the names
    TRY(in.skip(28));
    names_ = TRY(in.read<uint64_t>());
    return Ok{};
  }

  std::optional<GoModule> in_data(const Section& section) const {
    const auto bytes = file_.read_section(section, kMaxSearchBytes);
    if (!bytes) return std::nullopt;
    Words words;
    for (size_t offset = 0; offset + sizeof(words) <= bytes->size(); offset += 8) {
      std::memcpy(words.data(), bytes->data() + offset, sizeof(words[0]));
      if (words[0] != table_.address.value) continue;
      std::memcpy(words.data(), bytes->data() + offset, sizeof(words));
      if (const auto module = check(words)) return module;
    }
    return std::nullopt;
  }

  // C linkers leave zeroes where the loader will write addresses; the addresses are then in the relocations.
  std::optional<GoModule> in_relocations(const Section& section) const {
    const auto bytes = file_.read_section(section, kMaxSearchBytes);
    if (!bytes) return std::nullopt;
    std::optional<uint64_t> begin;
    for_each_relative(*bytes, [&](uint64_t place, uint64_t address) {
      if (address == table_.address.value && !begin) begin = place;
    });
    if (!begin) return std::nullopt;
    Words words{};
    for_each_relative(*bytes, [&](uint64_t place, uint64_t address) {
      if (place >= *begin && (place - *begin) / 8 < kWords) words[(place - *begin) / 8] = address;
    });
    return check(words);
  }

  template <typename Use>
  void for_each_relative(const std::vector<std::byte>& bytes, Use use) const {
    const uint32_t relative = file_.machine() == Machine::x86_64 ? R_X86_64_RELATIVE : R_AARCH64_RELATIVE;
    for (Bytes in(bytes); in.remaining() >= sizeof(Elf64_Rela);) {
      const auto entry = in.read<Elf64_Rela>().value();
      if (ELF64_R_TYPE(entry.r_info) == relative) use(entry.r_offset, static_cast<uint64_t>(entry.r_addend));
    }
  }

  std::optional<GoModule> check(const Words& words) const {
    if (words[1] != words[0] + names_) return std::nullopt;
    const GoModule module{.text = ElfAddress(words[kText]), .go_func = ElfAddress(words[go_func_])};
    if (!file_.offset_of(module.text) || !file_.offset_of(module.go_func)) return std::nullopt;
    return module;
  }

  const ElfFile& file_;
  const GoSection& table_;
  size_t go_func_ = 0;
  uint64_t names_ = 0;  // offset of the function names in the table
};

}  // namespace

Result<GoModule> find_go_module(const ElfFile& file, const GoSection& table) {
  return Search(file, table).run();
}

}  // namespace splitprof
