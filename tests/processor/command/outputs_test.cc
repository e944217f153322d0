// SPDX-License-Identifier: Apache-2.0
#include "processor/command/outputs.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

namespace splitprof {
namespace {

class Outputs : public testing::Test {
 protected:
  Outputs() {
    char name[] = "/tmp/outputs-test-XXXXXX";
    folder_ = mkdtemp(name);
  }
  ~Outputs() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

TEST_F(Outputs, ChoosesTheFormatByTheEndOfTheName) {
  EXPECT_EQ(format_of("a/b.folded").value(), "folded");
  EXPECT_EQ(format_of("b.pb.gz").value(), "pprof");
  EXPECT_EQ(format_of("b.html").value(), "html");
  EXPECT_EQ(format_of("b.speedscope.json").value(), "speedscope");
  for (const char* path : {"b", "b.txt", ".html", "b.html ", "b.gz", "b.json"})
    EXPECT_FALSE(format_of(path).has_value()) << path;
}

TEST_F(Outputs, CreatesNothingWhenOneNameIsWrong) {
  const InvokingUser user{.uid = geteuid(), .gid = getegid(), .name = {}, .differs = false};
  const auto files = open_outputs({folder_ / "good.html", folder_ / "bad.txt"}, user);
  EXPECT_FALSE(files.has_value());
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(Outputs, ACaptureIsForItsOwnerOnlyAndThereIsOne) {
  const InvokingUser user{.uid = geteuid(), .gid = getegid(), .name = {}, .differs = false};
  EXPECT_FALSE(open_outputs({folder_ / "a.splitprof", folder_ / "b.splitprof"}, user).has_value());
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
  const auto path = folder_ / "a.splitprof";
  std::ofstream(path) << "was there before, readable by everybody";
  ASSERT_EQ(chmod(path.c_str(), 0644), 0);
  const auto files = open_outputs({path}, user);
  ASSERT_TRUE(files.has_value());
  EXPECT_TRUE(is_capture(files->front()));
  struct stat info = {};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  EXPECT_EQ(info.st_size, 0);
}

TEST_F(Outputs, BelongToTheInvokingUserAndHisRightsDecide) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
  const InvokingUser user{.uid = 12345, .gid = 12345, .name = {}, .differs = true};
  EXPECT_FALSE(open_for_writing(folder_ / "denied.html", user).has_value());  // the folder is mode 0700 and root's
  ASSERT_EQ(chmod(folder_.c_str(), 0777), 0);
  ASSERT_TRUE(open_for_writing(folder_ / "allowed.html", user).has_value());
  struct stat info = {};
  ASSERT_EQ(stat((folder_ / "allowed.html").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 12345u);
  EXPECT_EQ(info.st_gid, 12345u);
  EXPECT_EQ(geteuid(), 0u);
}

TEST_F(Outputs, AFolderOfAllFormatsIsTheInvokingUsers) {
  const InvokingUser self{.uid = geteuid(), .gid = getegid(), .name = {}, .differs = false};
  const std::string folder = folder_ / "all";
  ASSERT_TRUE(make_folder(folder, self));
  EXPECT_TRUE(make_folder(folder, self)) << "it may be there already";
  ASSERT_TRUE(open_for_writing(folder_ / "file", self));
  EXPECT_FALSE(make_folder(folder_ / "file", self));
  EXPECT_FALSE(make_folder(folder_ / "no" / "parent", self));
  const auto names = all_formats_in(folder);
  EXPECT_EQ(all_formats_in(folder + "/").outputs, names.outputs);
  const auto files = open_outputs(names.outputs, self);
  ASSERT_TRUE(files) << files.error().message;
  std::set<std::string> formats;
  for (const auto& file : *files) formats.insert(file.format);
  EXPECT_EQ(formats, (std::set<std::string>{"folded", "html", "pprof", "speedscope"}));
  if (geteuid() != 0) return;
  const InvokingUser user{.uid = 12345, .gid = 12345, .name = {}, .differs = true};
  EXPECT_FALSE(make_folder(folder_ / "denied", user));  // the outer folder is mode 0700 and root's
  ASSERT_EQ(chmod(folder_.c_str(), 0777), 0);
  ASSERT_TRUE(make_folder(folder_ / "allowed", user));
  struct stat info = {};
  ASSERT_EQ(stat((folder_ / "allowed").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 12345u);
}

TEST_F(Outputs, TakesTheUserBehindSudo) {
  if (geteuid() != 0) GTEST_SKIP() << "only root looks at SUDO_UID";
  setenv("SUDO_UID", "12345", 1);
  setenv("SUDO_GID", "54321", 1);
  EXPECT_EQ(find_invoking_user().uid, 12345u);
  EXPECT_EQ(find_invoking_user().gid, 54321u);
  setenv("SUDO_UID", "12345x", 1);
  EXPECT_EQ(find_invoking_user().uid, 0u);
  unsetenv("SUDO_UID");
  unsetenv("SUDO_GID");
}

}  // namespace
}  // namespace splitprof
