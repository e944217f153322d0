// SPDX-License-Identifier: Apache-2.0
//
// Sections are compressed here by the libraries that linkers use, in each of the forms that they write.
#include "processor/elf/compressed.h"

#include <gtest/gtest.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "processor/elf/file.h"
#include "processor/elf/local_file.h"
#include "tests/processor/elf/elf_builder.h"

namespace splitprof {
namespace {

using testing::append;
using testing::bytes_of;
using testing::ByteVector;
using testing::ElfBuilder;

constexpr uint32_t kZstd = 2;  // ELFCOMPRESS_ZSTD

ByteVector plain_text() {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "line " + std::to_string(i * i) + "\n";
  return bytes_of(text);
}

ByteVector zlib_of(const ByteVector& plain) {
  uLongf size = compressBound(plain.size());
  ByteVector packed(size);
  EXPECT_EQ(compress(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(plain.data()),
                     plain.size()),
            Z_OK);
  packed.resize(size);
  return packed;
}

ByteVector zstd_of(const ByteVector& plain) {
  ByteVector packed(ZSTD_compressBound(plain.size()));
  packed.resize(ZSTD_compress(packed.data(), packed.size(), plain.data(), plain.size(), 3));
  return packed;
}

ByteVector xz_of(const ByteVector& plain) {
  ByteVector packed(lzma_stream_buffer_bound(plain.size()));
  size_t size = 0;
  EXPECT_EQ(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC64, nullptr, reinterpret_cast<const uint8_t*>(plain.data()),
                                    plain.size(), reinterpret_cast<uint8_t*>(packed.data()), &size, packed.size()),
            LZMA_OK);
  packed.resize(size);
  return packed;
}

// A file with one compressed section, and what reading it gives.
Result<ByteVector> read_back(std::string name, uint64_t flags, ByteVector header, const ByteVector& packed,
                             uint64_t limit = ElfFile::kMaxSectionBytes) {
  header.insert(header.end(), packed.begin(), packed.end());
  ElfBuilder builder;
  builder.section({.name = std::move(name), .type = SHT_PROGBITS, .flags = flags, .bytes = header});
  MemoryFile file(builder.build());
  const auto elf = ElfFile::open(file);
  const Section* section = elf->find_section(".debug_info");
  if (section == nullptr) return fail(Errc::not_found, "not found by its ordinary name");
  EXPECT_TRUE(section->compressed());
  std::byte first[1];
  EXPECT_FALSE(elf->read_section_at(*section, 0, first)) << "pieces of it mean nothing";
  return elf->read_section(*section, limit);
}

ByteVector chdr(uint32_t type, uint64_t size) {
  ByteVector bytes;
  append(bytes, Elf64_Chdr{.ch_type = type, .ch_reserved = 0, .ch_size = size, .ch_addralign = 1});
  return bytes;
}

ByteVector zdebug_header(uint64_t size) {
  ByteVector bytes = bytes_of("ZLIB");
  append(bytes, __builtin_bswap64(size));
  return bytes;
}

Errc error_of(const Result<ByteVector>& result) {
  EXPECT_FALSE(result);
  return result ? Errc::io : result.error().code;
}

TEST(CompressedSection, IsReadInEveryForm) {
  const ByteVector plain = plain_text();
  const auto zlib = read_back(".debug_info", SHF_COMPRESSED, chdr(ELFCOMPRESS_ZLIB, plain.size()), zlib_of(plain));
  const auto zstd = read_back(".debug_info", SHF_COMPRESSED, chdr(kZstd, plain.size()), zstd_of(plain));
  const auto old = read_back(".zdebug_info", 0, zdebug_header(plain.size()), zlib_of(plain));
  ASSERT_TRUE(zlib && zstd && old);
  EXPECT_EQ(*zlib, plain);
  EXPECT_EQ(*zstd, plain);
  EXPECT_EQ(*old, plain);
}

TEST(CompressedSection, HoldsExactlyWhatItsHeaderSays) {
  const ByteVector plain = plain_text();
  for (const uint64_t wrong : {plain.size() - 1, plain.size() + 1}) {
    EXPECT_FALSE(read_back(".debug_info", SHF_COMPRESSED, chdr(ELFCOMPRESS_ZLIB, wrong), zlib_of(plain))) << wrong;
    EXPECT_FALSE(read_back(".debug_info", SHF_COMPRESSED, chdr(kZstd, wrong), zstd_of(plain))) << wrong;
    EXPECT_FALSE(read_back(".zdebug_info", 0, zdebug_header(wrong), zlib_of(plain))) << wrong;
  }
  ByteVector half = zstd_of(plain);
  half.resize(half.size() / 2);
  EXPECT_FALSE(read_back(".debug_info", SHF_COMPRESSED, chdr(kZstd, plain.size()), half));
  half = zlib_of(plain);
  half.resize(half.size() / 2);
  EXPECT_FALSE(read_back(".debug_info", SHF_COMPRESSED, chdr(ELFCOMPRESS_ZLIB, plain.size()), half));
}

TEST(CompressedSection, TakesNoMoreMemoryThanIsAllowed) {
  const ByteVector plain = plain_text();
  const auto header = chdr(ELFCOMPRESS_ZLIB, plain.size());
  EXPECT_EQ(error_of(read_back(".debug_info", SHF_COMPRESSED, header, zlib_of(plain), plain.size() - 1)),
            Errc::too_large);
  // 400 MiB out of a hundred bytes: refused before memory is taken.
  EXPECT_EQ(error_of(read_back(".debug_info", SHF_COMPRESSED, chdr(kZstd, 400u << 20), bytes_of("too little"))),
            Errc::malformed);
  EXPECT_EQ(error_of(read_back(".debug_info", SHF_COMPRESSED, chdr(77, plain.size()), zlib_of(plain))),
            Errc::unsupported);
  EXPECT_EQ(error_of(read_back(".zdebug_info", 0, bytes_of("ELIZ12345678"), {})), Errc::malformed);
  EXPECT_EQ(error_of(read_back(".debug_info", SHF_COMPRESSED, {}, bytes_of("short"))), Errc::truncated);
}

TEST(Xz, UnpacksWithinItsLimit) {
  const ByteVector plain = plain_text(), packed = xz_of(plain);
  const auto unpacked = decompress_xz(packed, 1u << 20);
  ASSERT_TRUE(unpacked) << unpacked.error().message;
  EXPECT_EQ(*unpacked, plain);
  EXPECT_EQ(error_of(decompress_xz(packed, plain.size() - 1)), Errc::too_large);
  EXPECT_EQ(error_of(decompress_xz(std::span(packed).first(packed.size() - 30), 1u << 20)), Errc::malformed);
  EXPECT_EQ(error_of(decompress_xz(bytes_of("not xz at all, whatever it says"), 1u << 20)), Errc::malformed);
  const ByteVector bomb = xz_of(ByteVector(6u << 20));
  EXPECT_EQ(error_of(decompress_xz(bomb, 64u << 20)), Errc::malformed) << bomb.size() << " bytes";
}

}  // namespace
}  // namespace splitprof
