// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <kj/io.h>

#include "processor/backlog/ring_writer.h"
#include "tests/processor/backlog/backlog_folder.h"

using namespace splitprof;
using namespace splitprof::testing;
using backlog::DiskWriter;
using backlog::RingWriter;

namespace {

kj::AutoCloseFd open_file(const std::string& path, int flags) {
  return kj::AutoCloseFd(open(path.c_str(), flags | O_CLOEXEC, 0600));
}

iovec part_of(std::string& text) {
  return {text.data(), text.size()};
}

class Writers : public ::testing::TestWithParam<bool> {
 public:
  ~Writers() noexcept override = default;  // closing does not fail

 protected:
  void SetUp() override {
    if (GetParam()) {
      auto ring = backlog::make_ring_writer(directory_.get());
      if (!ring) GTEST_SKIP() << "no io_uring here: " << ring.error().message;
      writer_ = std::move(*ring);
    } else {
      writer_ = backlog::make_thread_writer(directory_.get());
    }
  }
  TemporaryFolder folder_;
  kj::AutoCloseFd directory_ = open_file(folder_.path(), O_RDONLY | O_DIRECTORY);
  std::unique_ptr<DiskWriter> writer_;
};

TEST_P(Writers, WriteBothFilesInParts) {
  const auto segment = open_file(folder_.path() + "/a", O_WRONLY | O_CREAT);
  const auto progress = open_file(folder_.path() + "/b", O_WRONLY | O_CREAT);
  ASSERT_TRUE(writer_->use(DiskWriter::File::segment, segment.get()));
  ASSERT_TRUE(writer_->use(DiskWriter::File::progress, progress.get()));
  std::string one = "one, ", two = "two", three(3 << 20, 'x');
  const iovec parts[] = {part_of(one), part_of(two)};
  const iovec other = part_of(three);
  writer_->write(DiskWriter::File::segment, 3, parts, true);
  writer_->write(DiskWriter::File::progress, 0, {&other, 1}, false);
  int seen = 0;
  for (int i = 0; i < 2; ++i) {
    const auto done = writer_->wait();
    EXPECT_EQ(done.error, 0);
    seen |= 1 << static_cast<int>(done.file);
  }
  EXPECT_EQ(seen, 3);
  EXPECT_EQ(read_file(folder_.path() + "/a"), std::string(3, '\0') + "one, two");
  EXPECT_EQ(read_file(folder_.path() + "/b"), three);
  EXPECT_FALSE(writer_->poll().has_value());
}

TEST_P(Writers, SayWhyAWriteFailed) {
  const auto readable = open_file(folder_.path() + "/a", O_RDONLY | O_CREAT);
  ASSERT_TRUE(writer_->use(DiskWriter::File::segment, readable.get()));
  std::string text = "text";
  const iovec part = part_of(text);
  writer_->write(DiskWriter::File::segment, 0, {&part, 1}, false);
  EXPECT_EQ(writer_->wait().error, EBADF);
  // And go on.
  const auto writable = open_file(folder_.path() + "/a", O_WRONLY);
  ASSERT_TRUE(writer_->use(DiskWriter::File::segment, writable.get()));
  writer_->write(DiskWriter::File::segment, 0, {&part, 1}, false);
  EXPECT_EQ(writer_->wait().error, 0);
}

TEST_P(Writers, SayThatTheDiskIsFull) {
  const auto full = open_file("/dev/full", O_WRONLY);
  if (full.get() < 0) GTEST_SKIP() << "no /dev/full";
  ASSERT_TRUE(writer_->use(DiskWriter::File::segment, full.get()));
  std::string text = "text";
  const iovec part = part_of(text);
  writer_->write(DiskWriter::File::segment, 0, {&part, 1}, false);
  EXPECT_EQ(writer_->wait().error, ENOSPC);
}

TEST_P(Writers, EndWithoutLosingWhatIsUnderWay) {
  const auto file = open_file(folder_.path() + "/a", O_WRONLY | O_CREAT);
  std::string text(1 << 20, 'x');
  const iovec part = part_of(text);
  ASSERT_TRUE(writer_->use(DiskWriter::File::segment, file.get()));
  writer_->write(DiskWriter::File::segment, 0, {&part, 1}, false);
  writer_.reset();
  EXPECT_EQ(read_file(folder_.path() + "/a"), text);
}

INSTANTIATE_TEST_SUITE_P(Both, Writers, ::testing::Bool(),
                         [](const auto& which) { return which.param ? "IoUring" : "Thread"; });

// What a captured process could try with the ring that the sandbox leaves it.
class RestrictedRing : public ::testing::Test {
 public:
  ~RestrictedRing() noexcept override = default;

 protected:
  void SetUp() override {
    auto made = RingWriter::make(directory_.get());
    if (!made) GTEST_SKIP() << "no io_uring here: " << made.error().message;
    writer_ = std::move(*made);
    ASSERT_TRUE(writer_->use(DiskWriter::File::segment, file_.get()));
  }
  // What the kernel answers.
  template <typename SetUpEntry>
  int ask(SetUpEntry&& set_up) {
    io_uring& ring = writer_->ring();
    io_uring_sqe* sqe = io_uring_get_sqe(&ring);
    set_up(sqe);
    sqe->user_data = 0;
    EXPECT_EQ(io_uring_submit(&ring), 1);
    io_uring_cqe* cqe = nullptr;
    EXPECT_EQ(io_uring_wait_cqe(&ring, &cqe), 0);
    const int answer = cqe->res;
    io_uring_cqe_seen(&ring, cqe);
    return answer;
  }
  TemporaryFolder folder_;
  kj::AutoCloseFd directory_ = open_file(folder_.path(), O_RDONLY | O_DIRECTORY);
  kj::AutoCloseFd file_ = open_file(folder_.path() + "/a", O_RDWR | O_CREAT);
  std::unique_ptr<RingWriter> writer_;
};

TEST_F(RestrictedRing, WritesAndSyncsItsFiles) {
  char text[] = "text";
  const iovec part{text, 4};
  EXPECT_EQ(ask([&](io_uring_sqe* sqe) {
              io_uring_prep_writev(sqe, 0, &part, 1, 0);
              sqe->flags = IOSQE_FIXED_FILE;
            }),
            4);
  EXPECT_EQ(ask([](io_uring_sqe* sqe) {
              io_uring_prep_fsync(sqe, 0, 0);
              sqe->flags = IOSQE_FIXED_FILE;
            }),
            0);
}

TEST_F(RestrictedRing, RefusesToOpen) {
  EXPECT_EQ(ask([](io_uring_sqe* sqe) { io_uring_prep_openat(sqe, AT_FDCWD, "/etc/passwd", O_RDONLY, 0); }), -EACCES);
  EXPECT_EQ(ask([](io_uring_sqe* sqe) {
              io_uring_prep_openat(sqe, AT_FDCWD, "/etc/passwd", O_RDONLY, 0);
              sqe->flags = IOSQE_FIXED_FILE;
            }),
            -EACCES);
}

TEST_F(RestrictedRing, RefusesToRead) {
  char text[4];
  EXPECT_EQ(ask([&](io_uring_sqe* sqe) {
              io_uring_prep_read(sqe, 0, text, sizeof text, 0);
              sqe->flags = IOSQE_FIXED_FILE;
            }),
            -EACCES);
}

TEST_F(RestrictedRing, RefusesOtherDescriptors) {
  char text[] = "text";
  const iovec part{text, 4};
  EXPECT_EQ(ask([&](io_uring_sqe* sqe) { io_uring_prep_writev(sqe, file_.get(), &part, 1, 0); }), -EACCES);
  EXPECT_EQ(ask([&](io_uring_sqe* sqe) { io_uring_prep_fsync(sqe, file_.get(), 0); }), -EACCES);
  EXPECT_EQ(ask([&](io_uring_sqe* sqe) {
              io_uring_prep_writev(sqe, 7, &part, 1, 0);
              sqe->flags = IOSQE_FIXED_FILE;
            }),
            -EBADF);
}

TEST_F(RestrictedRing, RefusesToConnectAndToSplice) {
  sockaddr address = {};
  EXPECT_EQ(ask([&](io_uring_sqe* sqe) {
              io_uring_prep_connect(sqe, 0, &address, sizeof address);
              sqe->flags = IOSQE_FIXED_FILE;
            }),
            -EACCES);
  EXPECT_EQ(ask([&](io_uring_sqe* sqe) {
              io_uring_prep_splice(sqe, 0, 0, 1, 0, 4, 0);
              sqe->flags = IOSQE_FIXED_FILE;
            }),
            -EACCES);
}

TEST_F(RestrictedRing, CannotBeFreedAgain) {
  const auto fd = static_cast<unsigned>(writer_->ring().ring_fd);
  io_uring_restriction rule = {};
  rule.opcode = IORING_RESTRICTION_SQE_OP;
  rule.sqe_op = IORING_OP_OPENAT;
  EXPECT_LT(io_uring_register(fd, IORING_REGISTER_RESTRICTIONS, &rule, 1), 0);
  EXPECT_LT(io_uring_register(fd, IORING_REGISTER_ENABLE_RINGS, nullptr, 0), 0);
  EXPECT_LT(io_uring_register_personality(&writer_->ring()), 0);
  EXPECT_LT(io_uring_unregister_files(&writer_->ring()), 0);
}

}  // namespace
