// SPDX-License-Identifier: Apache-2.0
//
// The writer's side of a ring without any manners: a sealed pair of memfds whose every byte a test can change at any
// time. For the tests and the fuzz target of RingReader.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <span>

#include "shared/check.h"
#include "shared/ring.h"

namespace splitprof {

class HostileRing {
 public:
  static constexpr int kPositionSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  static constexpr int kDataSeals = kPositionSeals | F_SEAL_FUTURE_WRITE;

  explicit HostileRing(size_t data_bytes, int data_seals = kDataSeals, int position_seals = kPositionSeals)
      : page_bytes_(static_cast<size_t>(sysconf(_SC_PAGESIZE))), bytes_(page_bytes_ + data_bytes) {
    data_fd_ = memfd_create("hostile-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    position_fd_ = memfd_create("hostile-position", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    CHECK(ftruncate(data_fd_, static_cast<off_t>(bytes_)) == 0);
    CHECK(ftruncate(position_fd_, static_cast<off_t>(page_bytes_)) == 0);
    memory_ = static_cast<std::byte*>(mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, data_fd_, 0));
    CHECK(memory_ != MAP_FAILED);
    CHECK(fcntl(data_fd_, F_ADD_SEALS, data_seals) == 0 && fcntl(position_fd_, F_ADD_SEALS, position_seals) == 0);
    header() = {.magic = kRingMagic,
                .version = kRingVersion,
                .header_bytes = static_cast<uint32_t>(page_bytes_),
                .data_bytes = data_bytes,
                .write_position = 0};
  }
  HostileRing(const HostileRing&) = delete;
  HostileRing& operator=(const HostileRing&) = delete;
  ~HostileRing() {
    munmap(memory_, bytes_);
    close(data_fd_);
    close(position_fd_);
  }

  RingHeader& header() { return *reinterpret_cast<RingHeader*>(memory_); }
  std::span<std::byte> data() { return {memory_ + page_bytes_, bytes_ - page_bytes_}; }
  void put_record_header(size_t at, RecordHeader header) { std::memcpy(&data()[at], &header, sizeof header); }
  Result<RingReader> open() { return RingReader::open(duplicate(data_fd_), duplicate(position_fd_)); }

  static kj::AutoCloseFd duplicate(int fd) { return kj::AutoCloseFd(fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

 private:
  size_t page_bytes_, bytes_;
  int data_fd_ = -1, position_fd_ = -1;
  std::byte* memory_ = nullptr;
};

}  // namespace splitprof
