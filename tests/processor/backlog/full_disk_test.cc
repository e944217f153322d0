// SPDX-License-Identifier: Apache-2.0
//
// A file system of one megabyte that is really full. It is mounted for a process of the test's own.
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "tests/processor/backlog/backlog_folder.h"

using namespace splitprof;
using namespace splitprof::testing;

namespace {

constexpr int kNotPermitted = 77;

bool mount_small_disk(const std::string& path) {
  return unshare(CLONE_NEWNS) == 0 && mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         mount("tmpfs", path.c_str(), "tmpfs", 0, "size=1m") == 0;
}

// Fills the disk, goes on with what is in memory, and is whole again when there is room. 0, or the line that failed.
int fill_and_recover(const std::string& path, bool io_uring) {
#define EXPECT_OR_END(condition) \
  if (!(condition)) return __LINE__
  if (!mount_small_disk(path)) return kNotPermitted;
  write_file(path + "/ballast", std::string(500'000, 'x'));
  ExporterMetrics metrics;
  auto opened = Backlog::open({.folder = path + "/backlog", .io_uring = io_uring}, metrics, kNow);
  EXPECT_OR_END(opened.has_value());
  std::unique_ptr<Backlog> backlog = std::move(*opened);
  uint64_t time = 0, number = 0;
  const auto tick = [&] {
    usleep(1000);
    time += kSecond;
    backlog->tick(time, kNow + time);
  };
  while (metrics.backlog_write_errors < 3 && number < 2000) {
    ++number;
    backlog->append(number, numbered_message(number, 10'000));
    tick();
  }
  EXPECT_OR_END(metrics.backlog_write_errors >= 3);
  EXPECT_OR_END(backlog->on_disk(1) && !backlog->on_disk(number));
  // Everything is still to be had, from the disk and from memory.
  uint64_t taken = 0;
  while (const auto entry = backlog->take()) {
    EXPECT_OR_END(entry->number == ++taken && same(entry->message, numbered_message(taken, 10'000)));
  }
  EXPECT_OR_END(taken == number);
  for (uint64_t one = 1; one <= number; ++one) EXPECT_OR_END(backlog->give_back(one, 0));
  std::filesystem::remove(path + "/ballast");
  for (int i = 0; i < 1000 && !backlog->settled(); ++i) tick();
  EXPECT_OR_END(backlog->settled() && backlog->on_disk(number));
  backlog.reset();
  ExporterMetrics after;
  auto again = Backlog::open({.folder = path + "/backlog", .io_uring = io_uring}, after, kNow);
  EXPECT_OR_END(again.has_value() && after.backlog_damaged == 0 && after.backlog_messages == number);
  return 0;
}

class FullDisk : public ::testing::TestWithParam<bool> {};

TEST_P(FullDisk, LosesNothing) {
  TemporaryFolder folder;
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(fill_and_recover(folder.path(), GetParam()));
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == kNotPermitted) GTEST_SKIP() << "mounting a tmpfs needs root";
  EXPECT_EQ(WEXITSTATUS(status), 0) << "that line of this file did not hold";
}

INSTANTIATE_TEST_SUITE_P(Both, FullDisk, ::testing::Bool(),
                         [](const auto& which) { return which.param ? "IoUring" : "Thread"; });

}  // namespace
