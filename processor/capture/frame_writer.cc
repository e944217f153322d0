// SPDX-License-Identifier: Apache-2.0
#include "processor/capture/frame_writer.h"

#include <pthread.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

#include <cerrno>
#include <cstring>

#include "processor/capture/format.h"

namespace splitprof {
namespace {

constexpr size_t kMaxQueued = 8;  // frames: what a disk may be late by before the session waits for it
constexpr int kLevel = 3;         // zstd's default: 200 MB/s, and level 1 makes files a fifth larger

uint64_t most_bytes_of(const std::string& content) {
  return sizeof(CaptureFrameHeader) + ZSTD_compressBound(content.size());
}

Result<> write_all(int fd, const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t n = ::write(fd, bytes, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fail(Errc::io, "writing the capture: {}", strerror(n == 0 ? EIO : errno));
    bytes += n;
    size -= static_cast<size_t>(n);
  }
  return Ok{};
}

}  // namespace

FrameWriter::FrameWriter(int fd) : fd_(fd), thread_([this] { serve(); }) {}

FrameWriter::~FrameWriter() {
  if (!finish()) return;  // who wants to know calls it before
}

void FrameWriter::write(std::string content) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return queue_.size() < kMaxQueued; });
  bytes_to_come_ += most_bytes_of(content);
  queue_.push_back(std::move(content));
  changed_.notify_all();
}

void FrameWriter::wait_until_written() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return bytes_to_come_ == 0; });
}

Result<> FrameWriter::finish() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  if (error_) return Error(*error_);
  return Ok{};
}

void FrameWriter::serve() {
  pthread_setname_np(pthread_self(), "capture");
  const CaptureHeader header{.magic = kCaptureMagic, .major = kCaptureMajor, .minor = kCaptureMinor, .zero = 0};
  auto written = write_all(fd_, reinterpret_cast<const char*>(&header), sizeof(header));
  bytes_written_ += sizeof(header);
  for (;;) {
    std::string content;
    {
      std::unique_lock lock(mutex_);
      if (!written && !error_) {
        error_ = written.error();
        failed_ = true;
      }
      changed_.wait(lock, [this] { return ending_ || !queue_.empty(); });
      if (queue_.empty()) return;
      content = std::move(queue_.front());
      queue_.pop_front();
      changed_.notify_all();
    }
    if (!failed_) written = put(content);
    const std::lock_guard lock(mutex_);
    bytes_to_come_ -= most_bytes_of(content);
    changed_.notify_all();
  }
}

Result<> FrameWriter::put(const std::string& content) {
  stored_.resize(sizeof(CaptureFrameHeader) + ZSTD_compressBound(content.size()));
  char* const body = stored_.data() + sizeof(CaptureFrameHeader);
  const size_t size =
      ZSTD_compress(body, stored_.size() - sizeof(CaptureFrameHeader), content.data(), content.size(), kLevel);
  if (ZSTD_isError(size)) return fail(Errc::io, "compressing the capture: {}", ZSTD_getErrorName(size));
  const CaptureFrameHeader header{
      .stored_bytes = static_cast<uint32_t>(size),
      .content_bytes = static_cast<uint32_t>(content.size()),
      .hash = XXH3_64bits_withSeed(body, size, frame_seed(frames_, static_cast<uint32_t>(content.size())))};
  std::memcpy(stored_.data(), &header, sizeof(header));
  const auto written = write_all(fd_, stored_.data(), sizeof(header) + size);
  bytes_written_ += sizeof(header) + size;
  ++frames_;
  return written;
}

}  // namespace splitprof
