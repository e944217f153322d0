// SPDX-License-Identifier: Apache-2.0
//
// Reads the records of .eh_frame or .debug_frame: CIEs, which hold what functions have in common, and FDEs, one a
// function. Their instructions are not looked into: cfi.h runs them. A worker's. What is broken is skipped where its
// length is sound, and counted; the work is linear in the section's size, whatever is in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

#include "processor/elf/bytes.h"
#include "processor/elf/file.h"
#include "shared/ids.h"
#include "shared/result.h"

namespace splitprof {

struct Cie {
  uint32_t number = 0;       // counted from 0 within the section
  uint8_t fde_encoding = 0;  // DW_EH_PE_* of addresses in its FDEs
  bool has_augmentation = false;
  bool signal = false;  // augmentation 'S': its functions are signal trampolines
  uint64_t code_alignment = 1;
  int64_t data_alignment = 1;
  uint64_t return_register = 0;  // DWARF number of the column that stands for the return address
  Bytes instructions;
  ElfAddress instructions_address;
};

struct Fde {
  const Cie* cie = nullptr;  // lives as long as the reader
  uint64_t section_offset = 0;
  ElfAddress start;
  uint64_t size = 0;  // bytes of code, at least 1; start + size does not wrap
  Bytes instructions;
  ElfAddress instructions_address;
};

// A section's bytes and the address that they are mapped at; .debug_frame is not mapped and has none.
struct CallFrames {
  enum class Format { eh_frame, debug_frame };
  std::vector<std::byte> bytes;
  ElfAddress address;
  Format format = Format::eh_frame;
};

// By section name, or by way of .eh_frame_hdr where there are no section headers. not_found: the file has none.
Result<CallFrames> read_eh_frame(const ElfFile& file);
Result<CallFrames> read_debug_frame(const ElfFile& file);

class CallFrameReader {
 public:
  using Format = CallFrames::Format;
  static constexpr uint32_t kMaxCies = 1 << 18;  // libLLVM-14 has 2 for 110 MB; one an object file is usual too

  // `section` stays in place while the reader and what it returned are in use.
  CallFrameReader(Bytes section, ElfAddress address, Format format = Format::eh_frame)
      : section_(section), address_(address), format_(format), next_(section) {}

  // The next FDE; nothing at the end of the section.
  std::optional<Fde> next();
  // The one that `next` has given at this offset, again.
  Result<Fde> at(uint64_t section_offset);

  uint64_t broken_records() const { return broken_; }  // skipped; a broken length ends the section and counts as one

 private:
  Result<> read_cie(uint64_t offset, Bytes record);
  // Nothing: it covers no code.
  Result<std::optional<Fde>> read_fde(uint64_t offset, Bytes record, uint32_t id);
  const Cie* find_cie(uint64_t offset);

  const Bytes section_;
  const ElfAddress address_;
  const Format format_;
  Bytes next_;
  std::deque<Cie> cies_;  // in place: FDEs point to them
  std::unordered_map<uint64_t, const Cie*> cie_at_;
  uint64_t last_cie_offset_ = UINT64_MAX;  // most FDEs follow another one of the same CIE
  const Cie* last_cie_ = nullptr;
  uint64_t broken_ = 0;
};

// One address in one of the encodings of .eh_frame (LSB Core 5.0, DWARF Exception Header Encoding): absolute, or
// relative to itself. `address` is where the cursor's next byte is mapped.
Result<ElfAddress> read_encoded(Bytes& in, uint8_t encoding, ElfAddress address);

}  // namespace splitprof
