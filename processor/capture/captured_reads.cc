// SPDX-License-Identifier: Apache-2.0
#include "processor/capture/captured_reads.h"

#include <algorithm>
#include <tuple>

namespace splitprof {

CapturedReads::CapturedReads(CaptureFile& file, CaptureIndex& index) : file_(file), index_(index) {
  for (CapturedFile i = 0; i < index.files.size(); ++i) same_as(i).files.push_back(i);
}

CapturedReads::Same& CapturedReads::same_as(CapturedFile file) {
  const auto& identity = index_.files[file].identity;
  return identity.size == 0 ? alone_[file] : by_identity_[identity];
}

Result<size_t> CapturedReads::read(CapturedFile file, uint64_t offset, std::span<std::byte> into) {
  const auto* read = find_exact(file, offset, into.size());
  if (read == nullptr) return read_parts(same_as(file), offset, into);
  if (read->size == CaptureIndex::kFailed) {
    const auto held = TRY(file_.entry_at(read->place));
    const auto* entry = std::get_if<ReadEntry>(&held.entry);
    const auto* error = entry == nullptr ? nullptr : std::get_if<Error>(&entry->outcome);
    return error == nullptr ? fail(Errc::malformed, "the capture changes while it is read") : Error(*error);
  }
  TRY(copy(*read, 0, into.first(read->size)));
  return size_t{read->size};
}

const CaptureIndex::Read* CapturedReads::find_exact(CapturedFile file, uint64_t offset, uint64_t length) {
  const auto begin = index_.reads.begin() + index_.files[file].first_read;
  const auto end = index_.reads.begin() + index_.files[file].end_read;
  const auto key = [](const CaptureIndex::Read& read) { return std::tuple(read.offset, read.length); };
  const auto first = std::lower_bound(begin, end, std::tuple(offset, length),
                                      [&](const auto& read, const auto& wanted) { return key(read) < wanted; });
  if (first == end || key(*first) != std::tuple(offset, length)) return nullptr;
  // Memory may read differently each time: the n-th time is answered by the n-th, and all later ones by the last.
  const auto found = first + first->taken;
  if (found + 1 != end && key(found[1]) == std::tuple(offset, length)) ++first->taken;
  return &*found;
}

Result<size_t> CapturedReads::read_parts(Same& same, uint64_t offset, std::span<std::byte> into) {
  if (!same.known) find_parts(same);
  size_t done = 0;
  auto part = std::upper_bound(same.parts.begin(), same.parts.end(), offset,
                               [](uint64_t at, const Part& p) { return at < p.end; });
  while (done < into.size() && offset + done < same.file_end) {
    const uint64_t at = offset + done;
    if (part == same.parts.end() || part->begin > at) return unanswered(offset, into.size());
    const auto& read = index_.reads[part->read];
    const size_t n = std::min<uint64_t>(part->end - at, into.size() - done);
    TRY(copy(read, at - read.offset, into.subspan(done, n)));
    done += n;
    ++part;
  }
  return done;
}

void CapturedReads::find_parts(Same& same) {
  same.known = true;
  if (const auto& identity = index_.files[same.files.front()].identity; identity.size != 0)
    same.file_end = identity.size;
  std::vector<uint32_t> reads;
  for (const CapturedFile file : same.files)
    for (uint32_t i = index_.files[file].first_read; i < index_.files[file].end_read; ++i) {
      const auto& read = index_.reads[i];
      if (read.size == CaptureIndex::kFailed || read.offset > UINT64_MAX - read.size) continue;
      if (read.size < read.length) same.file_end = std::min(same.file_end, read.offset + read.size);
      if (read.size != 0) reads.push_back(i);
    }
  std::sort(reads.begin(), reads.end(), [this](uint32_t a, uint32_t b) {
    return std::tuple(index_.reads[a].offset, a) < std::tuple(index_.reads[b].offset, b);
  });
  uint64_t covered = 0;
  for (const uint32_t i : reads) {
    const auto& read = index_.reads[i];
    const uint64_t begin = std::max(covered, read.offset), end = read.offset + read.size;
    if (begin >= end) continue;
    same.parts.push_back({begin, end, i});
    covered = end;
  }
}

Result<> CapturedReads::copy(const CaptureIndex::Read& read, uint64_t skip, std::span<std::byte> into) {
  const auto held = TRY(file_.entry_at(read.place));
  const auto* entry = std::get_if<ReadEntry>(&held.entry);
  const auto* contents = entry == nullptr ? nullptr : std::get_if<std::vector<ContentId>>(&entry->outcome);
  if (contents == nullptr) return fail(Errc::malformed, "the capture changes while it is read");
  for (const ContentId id : *contents) {
    if (into.empty()) break;
    const uint32_t size = index_.contents.at(id).size;
    if (skip >= size) {
      skip -= size;
      continue;
    }
    const auto stored = TRY(file_.entry_at(index_.contents[id].place));
    const auto* content = std::get_if<ContentEntry>(&stored.entry);
    if (content == nullptr || content->bytes.size() != size)
      return fail(Errc::malformed, "the capture changes while it is read");
    const auto part = content->bytes.subspan(skip, std::min<uint64_t>(size - skip, into.size()));
    std::copy(part.begin(), part.end(), into.begin());
    into = into.subspan(part.size());
    skip = 0;
  }
  if (!into.empty()) return fail(Errc::malformed, "the capture changes while it is read");
  return Ok{};
}

Result<std::string> CapturedReads::text(const CapturedText& text) {
  std::string made;
  for (const ContentId id : text.contents) {
    const auto stored = TRY(file_.entry_at(index_.contents.at(id).place));
    const auto* content = std::get_if<ContentEntry>(&stored.entry);
    if (content == nullptr) return fail(Errc::malformed, "the capture changes while it is read");
    made.append(reinterpret_cast<const char*>(content->bytes.data()), content->bytes.size());
  }
  return made;
}

Error CapturedReads::unanswered(uint64_t offset, size_t length) {
  ++unanswered_;
  return fail(Errc::gone, "the capture does not hold the {} bytes at {}", length, offset);
}

}  // namespace splitprof
