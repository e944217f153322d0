// SPDX-License-Identifier: Apache-2.0
#include "processor/elf/dynamic.h"

#include <elf.h>

#include <algorithm>
#include <optional>

#include "processor/elf/bytes.h"

namespace splitprof {
namespace {

constexpr uint64_t kMaxDynamicBytes = 64 << 10;  // 4,096 entries; ld writes some thirty
constexpr size_t kWordsPerRead = 16 << 10;
constexpr uint32_t kMaxBuckets = 4u << 20;  // as many as symbols of one file
constexpr uint64_t kMaxChain = 4096;        // linkers make buckets of a few symbols each

// Symbols are sorted by bucket, so the last one is at the end of the chain of the highest bucket.
Result<uint64_t> count_by_gnu_hash(const ElfFile& file, ElfAddress address) {
  uint64_t offset = TRY(file.offset_of(address)).value;
  GnuHashHeader header;
  TRY(file.read_exactly(FileOffset(offset), std::as_writable_bytes(std::span(&header, 1))));
  if (header.buckets > kMaxBuckets || header.bloom_words > kMaxBuckets)
    return fail(Errc::too_large, "a hash table of {} buckets", header.buckets);
  offset += sizeof(header) + uint64_t{header.bloom_words} * 8;
  std::vector<uint32_t> words;
  uint32_t highest = 0;
  for (uint64_t left = header.buckets; left > 0; left -= words.size()) {
    words.resize(std::min<uint64_t>(left, kWordsPerRead));
    TRY(file.read_exactly(FileOffset(offset), std::as_writable_bytes(std::span(words))));
    highest = std::max(highest, *std::max_element(words.begin(), words.end()));
    offset += words.size() * 4;
  }
  if (highest < header.first_symbol) return uint64_t{header.first_symbol};  // nothing is exported
  offset += uint64_t{highest - header.first_symbol} * 4;
  for (uint64_t count = uint64_t{highest} + 1; count - highest <= kMaxChain; ++count, offset += 4) {
    uint32_t hash;
    TRY(file.read_exactly(FileOffset(offset), std::as_writable_bytes(std::span(&hash, 1))));
    if ((hash & 1) != 0) return count;  // the chain's last one
  }
  return fail(Errc::malformed, "a hash chain without an end");
}

Result<uint64_t> count_by_hash(const ElfFile& file, ElfAddress address) {
  uint32_t buckets_and_chains[2];  // there is one chain for each symbol
  const auto offset = TRY(file.offset_of(address));
  TRY(file.read_exactly(offset, std::as_writable_bytes(std::span(buckets_and_chains))));
  return uint64_t{buckets_and_chains[1]};
}

}  // namespace

Result<DynamicTables> read_dynamic_tables(const ElfFile& file) {
  if (file.dynamic() == ElfAddress(0)) return fail(Errc::not_found, "no dynamic section");
  const auto memory = TRY(file.read_segment_from(file.dynamic(), kMaxDynamicBytes));
  Bytes in(memory);
  std::optional<ElfAddress> symbols, strings;
  DynamicTables found;
  while (in.remaining() >= sizeof(Elf64_Dyn)) {
    const auto entry = TRY(in.read<Elf64_Dyn>());
    if (entry.d_tag == DT_NULL) break;
    if (entry.d_tag == DT_SYMTAB) symbols = ElfAddress(entry.d_un.d_ptr);
    if (entry.d_tag == DT_STRTAB) strings = ElfAddress(entry.d_un.d_ptr);
    if (entry.d_tag == DT_STRSZ) found.strings_size = entry.d_un.d_val;
    if (entry.d_tag == DT_HASH) found.hash = ElfAddress(entry.d_un.d_ptr);
    if (entry.d_tag == DT_GNU_HASH) found.gnu_hash = ElfAddress(entry.d_un.d_ptr);
  }
  if (!symbols || !strings || (!found.hash && !found.gnu_hash)) return fail(Errc::not_found, "no dynamic symbols");
  found.symbols = *symbols;
  found.strings = *strings;
  return found;
}

Result<DynamicSymbols> find_dynamic_symbols(const ElfFile& file) {
  const DynamicTables tables = TRY(read_dynamic_tables(file));
  DynamicSymbols found{.strings_size = tables.strings_size};
  found.symbols = TRY(file.offset_of(tables.symbols));
  found.strings = TRY(file.offset_of(tables.strings));
  found.count = tables.hash ? TRY(count_by_hash(file, *tables.hash)) : TRY(count_by_gnu_hash(file, *tables.gnu_hash));
  return found;
}

}  // namespace splitprof
