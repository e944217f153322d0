// SPDX-License-Identifier: Apache-2.0
#include "sampler/opener/deny.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace splitprof {
namespace {

TEST(Deny, AnExecutableBecomesTheKernelsNumbers) {
  DenyList list;
  const auto result = add_deny_rule(list, "exe=/bin/sh");
  ASSERT_TRUE(result) << result.error().message;
  struct stat status;
  ASSERT_EQ(stat("/bin/sh", &status), 0);
  ASSERT_EQ(list.executables.size(), 1u);
  EXPECT_EQ(list.executables[0].inode, status.st_ino);
  EXPECT_NE(list.executables[0].device, 0u);
  EXPECT_EQ(list.executable_ids[0], (StatIdentity{status.st_dev, status.st_ino}));
}

TEST(Deny, Uid) {
  DenyList list;
  ASSERT_TRUE(add_deny_rule(list, "uid=4294967295"));
  EXPECT_EQ(list.uids, std::vector<uint32_t>{4294967295});
}

TEST(Deny, RefusesWhatItCannotHold) {
  DenyList list;
  for (const char* bad : {"", "exe", "exe=", "exe=/no/such/file", "exe=/proc", "uid=", "uid=-1", "uid=1x",
                          "uid=4294967296", "cgroup=/no/such/group", "cgroup=", "cgroup=/../../etc", "user=1"})
    EXPECT_FALSE(add_deny_rule(list, bad)) << bad;
  for (size_t i = 0; i < kMaxDenyRules; ++i) ASSERT_TRUE(add_deny_rule(list, "uid=" + std::to_string(i)));
  EXPECT_FALSE(add_deny_rule(list, "uid=1"));
}

}  // namespace
}  // namespace splitprof
