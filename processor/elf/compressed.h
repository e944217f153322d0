// SPDX-License-Identifier: Apache-2.0
//
// Compressed parts of ELF files: sections (zlib, zstd) and whole files inside a section (.gnu_debugdata, xz). Keeps
// nothing. Bounded in memory and by how much a byte may become, so that a small hostile file stays small.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "shared/result.h"

namespace splitprof {

enum class Compression : uint8_t { none, zlib, zstd };

// A byte of deflate stands for at most 1,032 (zlib.net/zlib_tech.html, "Maximum Compression Factor"); debug sections
// are compressed to a third. What promises more than this is refused, whatever the format.
constexpr uint64_t kMaxExpansion = 1032;

// Exactly `size` bytes out of `packed`. The caller has bounded `size`.
Result<std::vector<std::byte>> decompress(Compression compression, std::span<const std::byte> packed, uint64_t size);

// An xz stream of at most `limit` bytes.
Result<std::vector<std::byte>> decompress_xz(std::span<const std::byte> packed, uint64_t limit);

}  // namespace splitprof
