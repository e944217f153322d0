// SPDX-License-Identifier: Apache-2.0
#include "processor/capture/capture_file.h"

#include <xxhash.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>

namespace splitprof {
namespace {

constexpr size_t kMaxCached = 32;  // frames, 32 to 64 MiB: contents of one file lie together

}  // namespace

Result<std::unique_ptr<CaptureFile>> CaptureFile::open(std::unique_ptr<ReadableFile> file) {
  CaptureHeader header{};
  const size_t n = TRY(file->read_at(0, std::as_writable_bytes(std::span(&header, 1))));
  if (n < sizeof(header) || header.magic != kCaptureMagic)
    return fail(Errc::malformed, "this is no capture: it does not begin with \"SPCAPTUR\" and a version");
  if (header.major != kCaptureMajor)
    return fail(Errc::unsupported,
                "a capture of format {}.{}, and this program reads format {} only: replay it with the version of "
                "splitprof that wrote it",
                header.major, header.minor, kCaptureMajor);
  return std::unique_ptr<CaptureFile>(new CaptureFile(std::move(file), header.minor));
}

uint64_t CaptureFile::offset_of(uint32_t frame) const {
  return frame < frames_.size() ? frames_[frame].offset : end_;
}

Result<bool> CaptureFile::find_next() {
  CaptureFrameHeader header{};
  const size_t n = TRY(file_->read_at(end_, std::as_writable_bytes(std::span(&header, 1))));
  if (n == 0) return false;
  if (n < sizeof(header)) return fail(Errc::truncated, "it ends within the header of a frame");
  if (header.content_bytes == 0 || header.content_bytes > kMaxFrameBytes || header.stored_bytes == 0 ||
      header.stored_bytes > ZSTD_compressBound(kMaxFrameBytes))
    return fail(Errc::malformed, "a frame of {} bytes that become {}", header.stored_bytes, header.content_bytes);
  if (frames_.size() >= kMaxCaptureFrames) return fail(Errc::too_large, "more than {} frames", kMaxCaptureFrames);
  frames_.push_back({end_, header.stored_bytes, header.content_bytes, header.hash});
  end_ += sizeof(header) + header.stored_bytes;
  return true;
}

Result<std::shared_ptr<const CaptureFile::Content>> CaptureFile::load(uint32_t frame) {
  const auto known =
      std::find_if(cache_.begin(), cache_.end(), [&](const Cached& cached) { return cached.frame == frame; });
  if (known != cache_.end()) {
    std::rotate(cache_.begin(), known, known + 1);
    return cache_.front().content;
  }
  if (frame > frames_.size()) return fail(Errc::not_found, "frame {} of {}", frame, frames_.size());
  const bool is_new = frame == frames_.size();
  if (is_new && !TRY(find_next())) return std::shared_ptr<const Content>();
  auto content = decompress(frame);
  if (!content) {
    if (is_new) {  // so that the end stands before the damage
      end_ = frames_.back().offset;
      frames_.pop_back();
    }
    return std::move(content.error());
  }
  cache_.push_front({frame, *content});
  if (cache_.size() > kMaxCached) cache_.pop_back();
  return content;
}

Result<std::shared_ptr<const CaptureFile::Content>> CaptureFile::decompress(uint32_t number) {
  const auto& frame = frames_[number];
  stored_.resize(frame.stored_bytes);
  const size_t n = TRY(file_->read_at(frame.offset + sizeof(CaptureFrameHeader), stored_));
  if (n < stored_.size())
    return fail(Errc::truncated, "it ends {} bytes before the end of a frame", stored_.size() - n);
  if (XXH3_64bits_withSeed(stored_.data(), stored_.size(), frame_seed(number, frame.content_bytes)) != frame.hash)
    return fail(Errc::malformed, "a frame's hash is not that of its content");
  auto content = std::make_shared<Content>(frame.content_bytes);
  const size_t size = ZSTD_decompress(content->data(), content->size(), stored_.data(), stored_.size());
  if (ZSTD_isError(size)) return fail(Errc::malformed, "a frame cannot be decompressed: {}", ZSTD_getErrorName(size));
  if (size != content->size())
    return fail(Errc::malformed, "a frame of {} bytes that says {}", size, frame.content_bytes);
  return std::shared_ptr<const Content>(std::move(content));
}

Result<CaptureFile::Held> CaptureFile::entry_at(Place place) {
  Held held;
  held.content = TRY(load(place.frame));
  if (held.content == nullptr || place.position >= held.content->size()) return fail(Errc::not_found, "no such entry");
  size_t position = place.position;
  held.entry = TRY(read_entry(*held.content, position));
  return held;
}

Result<std::optional<Entry>> EntryCursor::next() {
  if (content_ == nullptr || next_.position >= content_->size()) {
    const uint32_t frame = content_ == nullptr ? next_.frame : next_.frame + 1;
    auto content = TRY(file_.load(frame));
    if (content == nullptr) return std::optional<Entry>();
    content_ = std::move(content);
    next_ = {frame, 0};
  }
  size_t position = next_.position;
  auto entry = TRY(read_entry(*content_, position));
  here_ = next_;
  next_.position = static_cast<uint32_t>(position);
  return std::optional<Entry>(std::move(entry));
}

}  // namespace splitprof
