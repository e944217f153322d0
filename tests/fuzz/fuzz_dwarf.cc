// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as an ELF file with DWARF, which serves as its own alternate and split file: chains are never empty or too
// long, end with a function that is not inlined wherever one is known, and come for addresses that were asked for, at
// most once each.
#include <set>

#include "processor/dwarf/debug_info.h"
#include "processor/dwarf/limits.h"
#include "processor/elf/local_file.h"
#include "shared/check.h"

using namespace splitprof;

namespace {

class OneSplitFile final : public SplitFiles {
 public:
  explicit OneSplitFile(const ElfFile& file) : file_(file) {}
  const ElfFile* find(std::string_view) override { return &file_; }

 private:
  const ElfFile& file_;
};

// Addresses all over the file's code, and a few that it cannot have.
std::set<ElfAddress> some_addresses(const ElfFile& elf) {
  std::set<ElfAddress> addresses{ElfAddress(0), ElfAddress(1), ElfAddress(UINT64_MAX)};
  for (const Segment& segment : elf.segments()) {
    if (!segment.executable) continue;
    for (uint64_t i = 0; i < std::min<uint64_t>(segment.memory_size, 4096); i += 3)
      addresses.emplace(segment.address.value + i);
    if (addresses.size() > 10'000) break;
  }
  return addresses;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto* first = reinterpret_cast<const std::byte*>(data);
  MemoryFile memory(std::vector<std::byte>(first, first + size));
  const auto elf = ElfFile::open(memory);
  if (!elf) return 0;
  std::set<ElfAddress> left = some_addresses(*elf);
  const std::vector<ElfAddress> addresses(left.begin(), left.end());
  OneSplitFile split(*elf);
  auto info = DebugInfo::open(*elf, &*elf, &split);
  if (!info) return 0;
  const auto done = info->locate(addresses, [&](ElfAddress address, std::span<const SourceFrame> frames) {
    CHECK(left.erase(address) == 1);
    CHECK(!frames.empty() && frames.size() <= dwarf::kMaxInlined);
    for (size_t i = 0; i + 1 < frames.size(); ++i) CHECK(frames[i].inlined);
    for (const SourceFrame& frame : frames) CHECK(frame.function.size() <= dwarf::kMaxNameBytes);
  });
  CHECK(done || done.error().code == Errc::too_large || done.error().code == Errc::io);
  return 0;
}
