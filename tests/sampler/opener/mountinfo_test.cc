// SPDX-License-Identifier: Apache-2.0
#include "sampler/opener/mountinfo.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <kj/io.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

namespace splitprof {
namespace {

kj::AutoCloseFd file_with(const std::string& text) {
  kj::AutoCloseFd file(memfd_create("mountinfo", MFD_CLOEXEC));
  EXPECT_EQ(write(file, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  lseek(file, 0, SEEK_SET);
  return file;
}

TEST(Mountinfo, ReadsNumbersAndType) {
  const auto line = parse_mountinfo_line("36 35 98:7 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw");
  ASSERT_TRUE(line);
  EXPECT_EQ(line->mount_id, 36u);
  EXPECT_EQ(line->major, 98u);
  EXPECT_EQ(line->minor, 7u);
  EXPECT_EQ(line->type, "ext3");
}

TEST(Mountinfo, APathCannotFeignTheSeparator) {
  // A folder named "a - ext4 b" in a FUSE mount: the kernel writes its blanks as \040.
  const auto line = parse_mountinfo_line(R"(40 35 0:52 / /home/u/a\040-\040ext4\040b rw - fuse.evil evil rw)");
  ASSERT_TRUE(line);
  EXPECT_EQ(line->type, "fuse.evil");
}

TEST(Mountinfo, RefusesWhatIsNoLine) {
  for (const char* bad : {"", "x", "1", "1 2", "1 2 3", "1 2 3:4", "1 2 3:4 / / rw", "99999999999 2 3:4 / / - ext4 a b",
                          "-1 2 3:4 / / rw - ext4 a b", "1 2 3:4 / / rw - ", "1 2 3: / / rw - ext4"})
    EXPECT_FALSE(parse_mountinfo_line(bad)) << bad;
  EXPECT_FALSE(parse_mountinfo_line("1 2 3:4 / / rw - " + std::string(65, 'x') + " a b"));
}

TEST(Mountinfo, FindsALineBehindManyAndAcrossReads) {
  std::string text;
  for (int i = 0; i < 20'000; ++i)
    text +=
        std::to_string(i) + " 1 0:" + std::to_string(i + 7) + " / /" + std::string(i % 300, 'p') + " rw - tmpfs t rw\n";
  const auto file = file_with(text);
  const auto mount = find_mount(file, 19'999);
  ASSERT_TRUE(mount);
  EXPECT_EQ(mount->minor, 20'006u);
  lseek(file, 0, SEEK_SET);
  EXPECT_FALSE(find_mount(file, 20'000));
}

TEST(Mountinfo, GivesUpOnALineWithoutAnEnd) {
  EXPECT_FALSE(find_mount(file_with(std::string(200'000, 'x')), 1));
}

TEST(Mountinfo, KnowsTheFileSystemOfAnOpenFile) {
  const kj::AutoCloseFd file(open("/proc/self/status", O_PATH | O_CLOEXEC));
  const kj::AutoCloseFd mounts(open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC));
  const auto id = mount_id_of(file);
  ASSERT_TRUE(id);
  const auto mount = find_mount(mounts, *id);
  ASSERT_TRUE(mount);
  EXPECT_EQ(mount->type, "proc");
}

}  // namespace
}  // namespace splitprof
