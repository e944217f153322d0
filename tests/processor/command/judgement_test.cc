// SPDX-License-Identifier: Apache-2.0
#include "processor/command/judgement.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

namespace splitprof {
namespace {

using Level = Finding::Level;

HostFacts good_host() {
  HostFacts facts;
  facts.release = "6.12.1";
  facts.machine = "x86_64";
  facts.kernel = KernelVersion{6, 12, 1};
  facts.has_btf = true;
  facts.capabilities = facts.bounding_set = UINT64_MAX;
  facts.is_root = true;
  facts.perf_event_paranoid = 2;
  facts.kptr_restrict = 1;
  facts.memlock_bytes = 8 << 20;
  facts.open_files = 65536;
  facts.landlock_abi = 6;
  facts.unified_cgroups = true;
  facts.host_pid_namespace = true;
  return facts;
}

Level level_of(const HostFacts& facts, const std::string& what) {
  for (const auto& finding : judge(facts))
    if (finding.what == what) return finding.level;
  ADD_FAILURE() << "no finding " << what;
  return Level::ok;
}

TEST(Judgement, FindsNothingToMendOnAGoodHost) {
  for (const auto& finding : judge(good_host())) {
    EXPECT_EQ(finding.level, Level::ok) << finding.what;
    EXPECT_EQ(finding.cost, "") << finding.what;
  }
}

TEST(Judgement, NamesThePriceOfEverythingThatIsNotOk) {
  HostFacts facts;  // nothing is there
  facts.bpf_errno = facts.perf_errno = EPERM;
  facts.kernel = KernelVersion{5, 4, 0};
  facts.lockdown = "confidentiality";
  facts.yama_ptrace_scope = 3;
  facts.kptr_restrict = 2;
  for (const auto& finding : judge(facts)) EXPECT_EQ(finding.level == Level::ok, finding.cost.empty()) << finding.what;
}

TEST(Judgement, RefusesKernelsThatCanFreeze) {
  EXPECT_FALSE(may_freeze({5, 18, 19}));
  EXPECT_TRUE(may_freeze({5, 19, 0}));
  EXPECT_TRUE(may_freeze({6, 0, 19}));
  EXPECT_TRUE(may_freeze({6, 1, 35}));
  EXPECT_FALSE(may_freeze({6, 1, 36}));
  EXPECT_TRUE(may_freeze({6, 2, 16}));
  EXPECT_TRUE(may_freeze({6, 3, 9}));
  EXPECT_FALSE(may_freeze({6, 3, 10}));
  EXPECT_FALSE(may_freeze({6, 4, 0}));
}

TEST(Judgement, ReadsThePatchLevelThatDebianHides) {
  const auto version = parse_kernel_version("6.1.0-18-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 (2024-02-01)");
  ASSERT_TRUE(version.has_value());
  EXPECT_EQ(version->patch, 76u);
  EXPECT_EQ(parse_kernel_version("6.18.44-x", "#1 SMP")->minor, 18u);
  EXPECT_FALSE(parse_kernel_version("linux", "").has_value());
}

TEST(Judgement, WarnsOfAParanoidKernelAndFailsWithoutEvents) {
  auto facts = good_host();
  facts.perf_event_paranoid = 3;
  EXPECT_EQ(level_of(facts, "perf events"), Level::warn);
  facts.perf_errno = EACCES;
  EXPECT_EQ(level_of(facts, "perf events"), Level::fail);
}

TEST(Judgement, FailsWithoutTheSamplersCapabilitiesAndWarnsWithoutTheOpeners) {
  auto facts = good_host();
  facts.capabilities = 0;
  EXPECT_EQ(level_of(facts, "CAP_BPF"), Level::fail);
  EXPECT_EQ(level_of(facts, "CAP_PERFMON"), Level::fail);
  EXPECT_EQ(level_of(facts, "CAP_SYS_PTRACE"), Level::warn);
}

TEST(Judgement, FailsInsideAnotherPidNamespace) {
  auto facts = good_host();
  facts.host_pid_namespace = false;
  EXPECT_EQ(level_of(facts, "pid namespace"), Level::fail);
}

}  // namespace
}  // namespace splitprof
