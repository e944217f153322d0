// SPDX-License-Identifier: Apache-2.0
#include "processor/dwarf/section.h"

#include <elf.h>

namespace splitprof::dwarf {

Result<> Work::read(uint64_t bytes) {
  bytes_read_ += std::min(bytes, kMaxBytesRead + 1);
  if (bytes_read_ > kMaxBytesRead) return fail(Errc::too_large, "more than {} bytes to read", kMaxBytesRead);
  return Ok{};
}

SectionBytes::SectionBytes(const ElfFile& file, std::string_view name, Work& work)
    : file_(&file), section_(file.find_section(name)), work_(&work) {
  if (section_ != nullptr && section_->type == SHT_NOBITS) section_ = nullptr;
}

bool SectionBytes::compressed() const {
  return section_->compressed();
}

Result<> SectionBytes::load_compressed() {
  if (loaded_) return Ok{};
  if (failed_) return *failed_;
  const uint64_t worth = std::max(kAlwaysDecompressedBytes, section_->size * kMaxLargeExpansion);
  auto bytes = file_->read_section(*section_, std::min(work_->may_hold(), worth));
  if (!bytes) {
    failed_ = bytes.error();
    return *failed_;
  }
  window_ = std::move(*bytes);
  loaded_ = true;
  work_->hold(window_.size());
  return work_->read(window_.size());
}

Result<uint64_t> SectionBytes::size() {
  if (section_ == nullptr) return uint64_t{0};
  if (!compressed()) return section_->size;
  TRY(load_compressed());
  return uint64_t{window_.size()};
}

Result<Bytes> SectionBytes::up_to(uint64_t offset, uint64_t size) {
  const uint64_t whole = TRY(this->size());
  if (offset > whole) return fail(Errc::malformed, "offset {:#x} of a section of {} bytes", offset, whole);
  const uint64_t wanted = std::min(size, whole - offset);
  TRY(work_->look_at(wanted));
  const bool there = offset >= window_start_ && offset - window_start_ <= window_.size() &&
                     wanted <= window_.size() - (offset - window_start_);
  if (!there) {  // so it is not compressed
    std::vector<std::byte> fresh(std::min(std::max(wanted, kWindowBytes), whole - offset));
    TRY(work_->read(fresh.size()));
    TRY(file_->read_section_at(*section_, offset, fresh));
    window_ = std::move(fresh);
    window_start_ = offset;
  }
  return Bytes(std::span(window_).subspan(offset - window_start_, wanted));
}

Result<Bytes> SectionBytes::at(uint64_t offset, uint64_t size) {
  const Bytes piece = TRY(up_to(offset, size));
  if (piece.remaining() != size) return fail(Errc::malformed, "{} bytes at {:#x} end past their section", size, offset);
  return piece;
}

Result<std::vector<std::byte>> SectionBytes::copy(uint64_t offset, uint64_t size) {
  const uint64_t whole = TRY(this->size());
  if (offset > whole || size > whole - offset)
    return fail(Errc::malformed, "{} bytes at {:#x} end past their section", size, offset);
  TRY(work_->look_at(size));
  if (compressed()) {
    const auto from = window_.begin() + static_cast<ptrdiff_t>(offset);
    return std::vector<std::byte>(from, from + static_cast<ptrdiff_t>(size));
  }
  TRY(work_->read(size));
  // Before memory is taken for it: a header can promise what is not in the file.
  std::byte last;
  if (size != 0) TRY(file_->read_section_at(*section_, offset + size - 1, std::span(&last, 1)));
  std::vector<std::byte> bytes(size);
  TRY(file_->read_section_at(*section_, offset, bytes));
  return bytes;
}

Result<uint64_t> SectionBytes::number(uint64_t offset, size_t size) {
  Bytes bytes = TRY(at(offset, size));
  uint64_t value = 0;
  for (size_t i = 0; i < size; ++i) value |= uint64_t{TRY(bytes.read<uint8_t>())} << (8 * i);
  return value;
}

Result<std::string_view> SectionBytes::text(uint64_t offset) {
  return parse(offset, kMaxNameBytes, [](Bytes bytes) { return bytes.c_string(); });
}

}  // namespace splitprof::dwarf
