// SPDX-License-Identifier: Apache-2.0
//
// Both kinds of record begin alike (LSB Core 5.0, sections "DWARF Extensions" and "Exception Frames"):
//
//   length       4 bytes  of what follows; 0: end; 0xffffffff: 64-bit record, which nobody writes
//   id           4 bytes  0: a CIE; else an FDE, and its CIE begins this many bytes before this field
//
//   CIE: version 1, augmentation text, code alignment uleb, data alignment sleb, return register uleb
//        (version 1: one byte), augmentation data behind its length, instructions
//   FDE: start and size in the CIE's encoding, augmentation data behind its length, instructions
#include "processor/unwind/eh_frame.h"

#include <string_view>

namespace splitprof {
namespace {

constexpr uint64_t kMaxEhFrameBytes = 256u << 20;  // libLLVM-14, 110 MB of a file, has 5 MB of it
constexpr uint32_t kExtendedLength = 0xffffffff;

// DW_EH_PE_*
constexpr uint8_t kFormatMask = 0x0f;
constexpr uint8_t kOmit = 0xff;
constexpr uint8_t kAbsolute = 0x00;
constexpr uint8_t kRelativeToItself = 0x10;

Result<uint64_t> read_format(Bytes& in, uint8_t format) {
  switch (format) {
    case 0x00:  // absptr
    case 0x04:  // udata8
    case 0x0c:  // sdata8
      return in.read<uint64_t>();
    case 0x01:
      return in.uleb128();
    case 0x02:
      return uint64_t{TRY(in.read<uint16_t>())};
    case 0x03:
      return uint64_t{TRY(in.read<uint32_t>())};
    case 0x09:
      return static_cast<uint64_t>(TRY(in.sleb128()));
    case 0x0a:
      return static_cast<uint64_t>(int64_t{TRY(in.read<int16_t>())});
    case 0x0b:
      return static_cast<uint64_t>(int64_t{TRY(in.read<int32_t>())});
    default:
      return fail(Errc::unsupported, "pointer format {:#x}", format);
  }
}

// Cuts the bytes after the record that ends the section: what a segment has there is something else.
void cut_at_end_record(std::vector<std::byte>& bytes) {
  Bytes in(bytes);
  while (auto length = in.read<uint32_t>())
    if (*length == 0 || !in.skip(*length)) break;
  bytes.resize(in.position());
}

}  // namespace

Result<ElfAddress> read_encoded(Bytes& in, uint8_t encoding, ElfAddress address) {
  const uint64_t number = TRY(read_format(in, encoding & kFormatMask));
  switch (encoding & ~kFormatMask) {
    case kAbsolute:
      return ElfAddress(number);
    case kRelativeToItself:
      return ElfAddress(address.value + number);
    default:
      return fail(Errc::unsupported, "pointer encoding {:#x}", encoding);
  }
}

Result<EhFrame> read_eh_frame(const ElfFile& file) {
  if (const Section* section = file.find_section(".eh_frame"))
    return EhFrame{.bytes = TRY(file.read_section(*section, kMaxEhFrameBytes)), .address = section->address};
  const ElfAddress header_address = file.eh_frame_header();
  if (header_address.value == 0) return fail(Errc::not_found, "no .eh_frame");
  // Version, the encodings of pointer, count and table, then the pointer (LSB Core 5.0, ".eh_frame_hdr").
  const auto header_bytes = TRY(file.read_segment_from(header_address, 16));
  Bytes header{header_bytes};
  if (const auto version = TRY(header.read<uint8_t>()); version != 1)
    return fail(Errc::unsupported, ".eh_frame_hdr version {}", version);
  const auto encoding = TRY(header.read<uint8_t>());
  TRY(header.skip(2));
  const auto address = TRY(read_encoded(header, encoding, ElfAddress(header_address.value + 4)));
  EhFrame frame{.bytes = TRY(file.read_segment_from(address, kMaxEhFrameBytes)), .address = address};
  cut_at_end_record(frame.bytes);
  return frame;
}

std::optional<Fde> EhFrameReader::next() {
  while (section_.remaining() >= sizeof(uint32_t)) {
    const uint64_t offset = section_.position();
    const uint32_t length = section_.read<uint32_t>().value();
    if (length == 0) continue;  // an end, by crtend.o; a section that was put together of several goes on
    auto record = length == kExtendedLength ? fail(Errc::unsupported, "64-bit record") : section_.take(length);
    if (!record) {
      ++broken_;
      section_ = Bytes();
      break;
    }
    const auto id = record->read<uint32_t>();
    if (!id) {
      ++broken_;
    } else if (*id == 0) {
      if (!read_cie(offset, *record)) ++broken_;
    } else {
      auto fde = read_fde(offset, offset + sizeof(uint32_t) - *id, *record);
      if (!fde)
        ++broken_;
      else if (fde->has_value())
        return **fde;
    }
  }
  return std::nullopt;
}

Result<> EhFrameReader::read_cie(uint64_t offset, Bytes record) {
  if (cies_.size() >= kMaxCies) return fail(Errc::too_large, "more than {} CIEs", kMaxCies);
  const uint64_t record_address = address_.value + offset + sizeof(uint32_t);  // of the cursor's byte 0
  Cie cie;
  const auto version = TRY(record.read<uint8_t>());
  if (version != 1 && version != 3) return fail(Errc::unsupported, "CIE version {}", version);
  const auto augmentation = TRY(record.c_string());
  cie.code_alignment = TRY(record.uleb128());
  cie.data_alignment = TRY(record.sleb128());
  cie.return_register = version == 1 ? uint64_t{TRY(record.read<uint8_t>())} : TRY(record.uleb128());
  if (!augmentation.empty()) {
    if (augmentation[0] != 'z') return fail(Errc::unsupported, "CIE augmentation without a length");
    cie.has_augmentation = true;
    Bytes data = TRY(record.take_block());
    for (const char letter : augmentation.substr(1)) {
      switch (letter) {
        case 'R':  // encoding of addresses in FDEs
          cie.fde_encoding = TRY(data.read<uint8_t>());
          break;
        case 'L':  // encoding of the language's data in FDEs, which are skipped by their length
          TRY(data.skip(1));
          break;
        case 'P': {  // personality routine: who it is does not matter, only how long its pointer is
          const auto encoding = TRY(data.read<uint8_t>());
          if (encoding != kOmit) TRY(read_format(data, encoding & kFormatMask));
          break;
        }
        case 'S':
          cie.signal = true;
          break;
        case 'B':  // arm64: return addresses are signed with key B
        case 'G':  // arm64: tagged stack
          break;
        default:
          return fail(Errc::unsupported, "CIE augmentation letter {:#x}", static_cast<uint8_t>(letter));
      }
    }
  }
  cie.instructions_address = ElfAddress(record_address + record.position());
  cie.instructions = TRY(record.take(record.remaining()));
  cie.number = static_cast<uint32_t>(cies_.size());
  cies_.push_back(cie);
  cie_at_.emplace(offset, &cies_.back());
  return Ok{};
}

Result<std::optional<Fde>> EhFrameReader::read_fde(uint64_t offset, uint64_t cie_offset, Bytes record) {
  const uint64_t record_address = address_.value + offset + sizeof(uint32_t);
  Fde fde{.cie = find_cie(cie_offset), .section_offset = offset};
  if (fde.cie == nullptr) return fail(Errc::malformed, "FDE at {} has no CIE", offset);
  const uint8_t encoding = fde.cie->fde_encoding;
  fde.start = TRY(read_encoded(record, encoding, ElfAddress(record_address + record.position())));
  fde.size = TRY(read_format(record, encoding & kFormatMask));
  if (fde.size == 0) return std::optional<Fde>();
  if (fde.start.value + fde.size < fde.start.value) return fail(Errc::malformed, "FDE at {} wraps round", offset);
  if (fde.cie->has_augmentation) TRY(record.take_block());
  fde.instructions_address = ElfAddress(record_address + record.position());
  fde.instructions = TRY(record.take(record.remaining()));
  return std::optional<Fde>(fde);
}

// Only records that were met as CIEs count: a pointer into the middle of something would make the work quadratic.
const Cie* EhFrameReader::find_cie(uint64_t offset) {
  if (offset != last_cie_offset_) {
    const auto found = cie_at_.find(offset);
    if (found == cie_at_.end()) return nullptr;
    last_cie_offset_ = offset;
    last_cie_ = found->second;
  }
  return last_cie_;
}

}  // namespace splitprof
