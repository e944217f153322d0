// SPDX-License-Identifier: Apache-2.0
#include "processor/backlog/ring_writer.h"

#include <cerrno>
#include <cstring>

#include "shared/check.h"

namespace splitprof::backlog {
namespace {

// Places in the ring's table of files: the two of DiskWriter::File, then the folder.
constexpr int kFolder = DiskWriter::kFiles;
// Two chains of three steps.
constexpr unsigned kEntries = 8;

enum class Step : uint8_t { write, sync, sync_folder };

uint64_t tag(DiskWriter::File file, Step step) {
  return static_cast<uint64_t>(file) << 8 | static_cast<uint64_t>(step);
}

// liburing 2.3 has functions for this and for enabling, but its shared library does not export them.
//
// From here on the ring writes and syncs what is registered, and can be told of other files to write to: descriptors
// that this process holds and could write to anyhow (io_uring_register(2), IORING_REGISTER_RESTRICTIONS).
int restrict_ring(io_uring& ring) {
  io_uring_restriction rules[5] = {};
  rules[0].opcode = IORING_RESTRICTION_SQE_OP;
  rules[0].sqe_op = IORING_OP_WRITEV;
  rules[1].opcode = IORING_RESTRICTION_SQE_OP;
  rules[1].sqe_op = IORING_OP_FSYNC;
  rules[2].opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED;
  rules[2].sqe_flags = IOSQE_FIXED_FILE;
  rules[3].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
  rules[3].sqe_flags = IOSQE_FIXED_FILE | IOSQE_IO_LINK;
  rules[4].opcode = IORING_RESTRICTION_REGISTER_OP;
  rules[4].register_op = IORING_REGISTER_FILES_UPDATE;
  return io_uring_register(static_cast<unsigned>(ring.ring_fd), IORING_REGISTER_RESTRICTIONS, rules, 5);
}

}  // namespace

Result<std::unique_ptr<RingWriter>> RingWriter::make(int folder_fd) {
  std::unique_ptr<RingWriter> writer(new RingWriter);
  const auto failed = [](const char* what, int error) {
    return fail(Errc::unsupported, "{}: {}", what, std::strerror(-error));
  };
  if (const int error = io_uring_queue_init(kEntries, &writer->ring_, IORING_SETUP_R_DISABLED); error < 0)
    return failed("io_uring_setup", error);
  writer->made_ = true;
  const int files[] = {-1, -1, folder_fd};
  if (const int error = io_uring_register_files(&writer->ring_, files, 3); error < 0)
    return failed("io_uring_register: files", error);
  if (const int error = restrict_ring(writer->ring_); error < 0)
    return failed("io_uring_register: restrictions", error);
  if (const int error =
          io_uring_register(static_cast<unsigned>(writer->ring_.ring_fd), IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
      error < 0)
    return failed("io_uring_register: enable", error);
  return writer;
}

RingWriter::~RingWriter() {
  if (!made_) return;
  // The kernel writes from memory of ours.
  for (const Chain& chain : chains_)
    while (chain.steps_left > 0 && broken_ == 0) wait();
  io_uring_queue_exit(&ring_);
}

Result<> RingWriter::use(File file, int fd) {
  const int n = io_uring_register_files_update(&ring_, static_cast<unsigned>(file), &fd, 1);
  if (n != 1) return fail(Errc::io, "io_uring_register: {}", std::strerror(-n));
  return Ok{};
}

void RingWriter::write(File file, uint64_t offset, std::span<const iovec> parts, bool new_name) {
  Chain& chain = chains_[static_cast<size_t>(file)];
  CHECK(chain.steps_left == 0);
  chain = {.steps_left = new_name ? 3u : 2u};
  reported_[static_cast<size_t>(file)] = false;
  for (const iovec& part : parts) chain.bytes += part.iov_len;
  const auto prepare = [&](int index, Step step, bool last, auto&& set_up) {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    CHECK(sqe != nullptr);  // there are more than two chains need
    set_up(sqe, index);
    io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE | (last ? 0 : IOSQE_IO_LINK));
    io_uring_sqe_set_data64(sqe, tag(file, step));
  };
  if (broken_ != 0) return;
  prepare(static_cast<int>(file), Step::write, false, [&](io_uring_sqe* sqe, int index) {
    io_uring_prep_writev(sqe, index, parts.data(), static_cast<unsigned>(parts.size()), offset);
  });
  prepare(static_cast<int>(file), Step::sync, !new_name,
          [](io_uring_sqe* sqe, int index) { io_uring_prep_fsync(sqe, index, IORING_FSYNC_DATASYNC); });
  if (new_name)
    prepare(kFolder, Step::sync_folder, true, [](io_uring_sqe* sqe, int index) { io_uring_prep_fsync(sqe, index, 0); });
  submit();
}

// Too busy to take it now: poll() tries again.
void RingWriter::submit() {
  if (broken_ != 0 || io_uring_sq_ready(&ring_) == 0) return;
  const int error = io_uring_submit(&ring_);
  if (error < 0 && error != -EAGAIN && error != -EBUSY && error != -EINTR && error != -ENOMEM) broken_ = -error;
}

std::optional<DiskWriter::Done> RingWriter::finished() {
  for (size_t i = 0; i < kFiles; ++i) {
    Chain& chain = chains_[i];
    if (broken_ != 0 && chain.steps_left > 0) chain = {.error = broken_};
    if (reported_[i] || chain.steps_left > 0) continue;
    reported_[i] = true;
    return Done{static_cast<File>(i), chain.error};
  }
  return std::nullopt;
}

std::optional<DiskWriter::Done> RingWriter::poll() {
  submit();
  io_uring_cqe* cqe = nullptr;
  while (io_uring_peek_cqe(&ring_, &cqe) == 0 && cqe != nullptr) {
    const uint64_t data = io_uring_cqe_get_data64(cqe);
    Chain& chain = chains_[data >> 8];
    CHECK(chain.steps_left > 0);
    --chain.steps_left;
    // A disk that fills up cuts a write short; what follows in the chain is then cancelled.
    const bool is_write = static_cast<Step>(data & 0xff) == Step::write;
    const int error = cqe->res < 0                                                 ? -cqe->res
                      : is_write && static_cast<uint64_t>(cqe->res) != chain.bytes ? ENOSPC
                                                                                   : 0;
    if (chain.error == 0) chain.error = error;
    io_uring_cqe_seen(&ring_, cqe);
  }
  return finished();
}

DiskWriter::Done RingWriter::wait() {
  while (true) {
    if (const auto done = poll()) return *done;
    io_uring_cqe* cqe = nullptr;
    const int error = io_uring_wait_cqe(&ring_, &cqe);
    if (error < 0 && error != -EINTR && error != -EAGAIN) broken_ = -error;
  }
}

Result<std::unique_ptr<DiskWriter>> make_ring_writer(int folder_fd) {
  auto writer = TRY(RingWriter::make(folder_fd));
  return std::unique_ptr<DiskWriter>(std::move(writer));
}

}  // namespace splitprof::backlog
