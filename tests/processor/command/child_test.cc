// SPDX-License-Identifier: Apache-2.0
#include "processor/command/child.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <string>

namespace splitprof {
namespace {

std::string output_of(ChildPlan plan, int& status) {
  int ends[2];
  EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
  plan.inherit.push_back(ends[1]);
  // The shell writes to the descriptor by its number.
  for (auto& argument : plan.arguments)
    if (const size_t at = argument.find("FD"); at != std::string::npos)
      argument.replace(at, 2, std::to_string(ends[1]));
  auto child = Child::start(plan);
  close(ends[1]);
  std::string text;
  char block[256];
  for (ssize_t size; (size = read(ends[0], block, sizeof(block))) > 0;) text.append(block, static_cast<size_t>(size));
  close(ends[0]);
  EXPECT_TRUE(child->wait_ms(5000));
  status = child->exit_status();
  return text;
}

TEST(Child, KeepsOnlyTheDescriptorsThatAreNamed) {
  // Without O_CLOEXEC, as a careless caller leaves it; a number that the shell will not take itself.
  const int stray = fcntl(STDIN_FILENO, F_DUPFD, 100);
  int status = 0;
  const ChildPlan plan{
      .program = "/bin/sh", .arguments = {"-c", "for f in /proc/$$/fd/*; do echo $f; done >&FD"}, .user = {}};
  const std::string text = output_of(plan, status);
  EXPECT_EQ(text.find("/fd/" + std::to_string(stray) + "\n"), std::string::npos) << text;
  EXPECT_NE(text.find("/fd/2\n"), std::string::npos) << text;
  close(stray);
}

TEST(Child, GetsNoneOfOurEnvironmentButWhatIsListed) {
  setenv("SPLITPROF_SECRET", "1", 1);
  int status = 0;
  const std::string text = output_of({.program = "/bin/sh", .arguments = {"-c", "env >&FD"}, .user = {}}, status);
  EXPECT_EQ(text.find("SPLITPROF_SECRET"), std::string::npos);
  EXPECT_NE(text.find("PATH="), std::string::npos);
}

TEST(Child, WaitsUntilItIsReleased) {
  auto child = Child::start({.program = "/bin/sh", .arguments = {"-c", "exit 7"}, .held = true, .user = {}});
  EXPECT_FALSE(child->wait_ms(100));
  child->release();
  EXPECT_TRUE(child->wait_ms(5000));
  EXPECT_EQ(child->exit_status(), 7);
  EXPECT_EQ(child->describe_end(), "exit status 7");
}

TEST(Child, TellsASignalFromAnExitStatus) {
  auto child = Child::start({.program = "/bin/sleep", .arguments = {"60"}, .user = {}});
  child->signal(SIGKILL);
  EXPECT_TRUE(child->wait_ms(5000));
  EXPECT_EQ(child->exit_status(), 128 + SIGKILL);
  EXPECT_EQ(child->describe_end(), "signal 9 (Killed)");
}

TEST(Child, SaysWhenTheProgramIsNotThere) {
  auto child = Child::start({.program = "/no/such/program", .user = {}});
  EXPECT_TRUE(child->wait_ms(5000));
  EXPECT_EQ(child->exit_status(), 127);
}

TEST(Child, RunsAsTheInvokingUserWithoutRootsGroups) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
  int status = 0;
  const InvokingUser user{.uid = 12345, .gid = 54321, .name = {}, .differs = true};
  EXPECT_EQ(output_of({.program = "/bin/sh", .arguments = {"-c", "echo $(id -u) $(id -G) >&FD"}, .user = user}, status),
            "12345 54321\n");
}

}  // namespace
}  // namespace splitprof
