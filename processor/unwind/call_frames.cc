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
//
// .debug_frame (DWARF 5, section 6.4.1) differs: a CIE's id is 0xffffffff, an FDE's is the CIE's offset in the section,
// addresses are absolute, and a CIE of version 4 says after the augmentation how long they and segment numbers are.
#include "processor/unwind/call_frames.h"

#include <string_view>

namespace splitprof {
namespace {

constexpr uint64_t kMaxSectionBytes = 256u << 20;  // libLLVM-14, 110 MB of a file, has 5 MB of it
constexpr uint32_t kExtendedLength = 0xffffffff;
constexpr uint32_t kDebugCie = 0xffffffff;

// DW_EH_PE_*
constexpr uint8_t kFormatMask = 0x0f;
constexpr uint8_t kOmit = 0xff;
constexpr uint8_t kAbsolute = 0x00;
constexpr uint8_t kRelativeToItself = 0x10;
constexpr uint8_t kUsualEncoding = 0x1b;  // relative to itself, 4 bytes with a sign: what gcc and clang write

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

Result<CallFrames> read_eh_frame(const ElfFile& file) {
  if (const Section* section = file.find_section(".eh_frame"))
    return CallFrames{.bytes = TRY(file.read_section(*section, kMaxSectionBytes)), .address = section->address};
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
  CallFrames frame{.bytes = TRY(file.read_segment_from(address, kMaxSectionBytes)), .address = address};
  cut_at_end_record(frame.bytes);
  return frame;
}

Result<CallFrames> read_debug_frame(const ElfFile& file) {
  const Section* section = file.find_section(".debug_frame");
  if (section == nullptr) return fail(Errc::not_found, "no .debug_frame");
  CallFrames frames{.format = CallFrames::Format::debug_frame};
  frames.bytes = TRY(file.read_section(*section, kMaxSectionBytes));
  return frames;
}

std::optional<Fde> CallFrameReader::next() {
  uint32_t length;
  while (true) {
    const uint64_t offset = next_.position();
    if (!next_.read_into(length)) return std::nullopt;
    if (length == 0) continue;  // an end, by crtend.o; a section that was put together of several goes on
    Bytes record;
    if (length == kExtendedLength || !next_.take_into(length, record)) {
      ++broken_;
      next_ = Bytes();
      return std::nullopt;
    }
    uint32_t id;
    if (!record.read_into(id)) {
      ++broken_;
    } else if (id == (format_ == Format::eh_frame ? 0 : kDebugCie)) {
      if (!read_cie(offset, record)) ++broken_;
    } else {
      auto fde = read_fde(offset, record, id);
      if (!fde)
        ++broken_;
      else if (fde->has_value())
        return **fde;
    }
  }
}

Result<Fde> CallFrameReader::at(uint64_t section_offset) {
  Bytes in = section_;
  TRY(in.skip(section_offset));
  const auto length = TRY(in.read<uint32_t>());
  Bytes record = TRY(in.take(length));
  const auto id = TRY(record.read<uint32_t>());
  auto fde = TRY(read_fde(section_offset, record, id));
  if (!fde) return fail(Errc::malformed, "the FDE at {} covers no code", section_offset);
  return *fde;
}

Result<> CallFrameReader::read_cie(uint64_t offset, Bytes record) {
  if (cies_.size() >= kMaxCies) return fail(Errc::too_large, "more than {} CIEs", kMaxCies);
  const uint64_t record_address = address_.value + offset + sizeof(uint32_t);  // of the cursor's byte 0
  Cie cie;
  const auto version = TRY(record.read<uint8_t>());
  if (version != 1 && version != 3 && (version != 4 || format_ == Format::eh_frame))
    return fail(Errc::unsupported, "CIE version {}", version);
  const auto augmentation = TRY(record.c_string());
  if (version == 4) {
    const auto address_bytes = TRY(record.read<uint8_t>());
    const auto segment_bytes = TRY(record.read<uint8_t>());
    if (address_bytes != sizeof(uint64_t) || segment_bytes != 0)
      return fail(Errc::unsupported, "addresses of {} bytes in segments of {}", address_bytes, segment_bytes);
  }
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
  cie.instructions = record.rest();
  cie.number = static_cast<uint32_t>(cies_.size());
  cies_.push_back(cie);
  cie_at_.emplace(offset, &cies_.back());
  return Ok{};
}

Result<std::optional<Fde>> CallFrameReader::read_fde(uint64_t offset, Bytes record, uint32_t id) {
  const uint64_t record_address = address_.value + offset + sizeof(uint32_t);
  const uint64_t cie_offset = format_ == Format::eh_frame ? offset + sizeof(uint32_t) - id : id;
  Fde fde{.cie = find_cie(cie_offset), .section_offset = offset};
  if (fde.cie == nullptr) return fail(Errc::malformed, "FDE at {} has no CIE", offset);
  const uint8_t encoding = fde.cie->fde_encoding;
  struct {
    int32_t start, size;
  } usual;
  if (encoding == kUsualEncoding && record.read_into(usual)) {
    fde.start = ElfAddress(record_address + sizeof(uint32_t) + static_cast<uint64_t>(int64_t{usual.start}));
    fde.size = static_cast<uint64_t>(int64_t{usual.size});
  } else {
    fde.start = TRY(read_encoded(record, encoding, ElfAddress(record_address + record.position())));
    fde.size = TRY(read_format(record, encoding & kFormatMask));
  }
  if (fde.size == 0) return std::optional<Fde>();
  if (fde.start.value + fde.size < fde.start.value) return fail(Errc::malformed, "FDE at {} wraps round", offset);
  if (fde.cie->has_augmentation) {
    uint64_t size;
    Bytes skipped;
    if (!record.uleb128_into(size) || !record.take_into(size, skipped))
      return fail(Errc::truncated, "FDE at {} ends in its augmentation", offset);
  }
  fde.instructions_address = ElfAddress(record_address + record.position());
  fde.instructions = record.rest();
  return std::optional<Fde>(fde);
}

// Only records that were met as CIEs count: a pointer into the middle of something would make the work quadratic.
const Cie* CallFrameReader::find_cie(uint64_t offset) {
  if (offset != last_cie_offset_) {
    const auto found = cie_at_.find(offset);
    if (found == cie_at_.end()) return nullptr;
    last_cie_offset_ = offset;
    last_cie_ = found->second;
  }
  return last_cie_;
}

}  // namespace splitprof
