// SPDX-License-Identifier: Apache-2.0
#include "processor/receivers/profiling/resource.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace splitprof {
namespace {

using otel::KeyValue;

TEST(HostAttributes, FollowTheSemanticConventions) {
  EXPECT_EQ(host_attributes({.boot_id = "b",
                             .machine_id = "0123456789abcdef0123456789abcdef",
                             .host_name = "web-1",
                             .kernel_release = "6.1.0-18-amd64",
                             .kernel_version = "#1 SMP",
                             .architecture = "x86_64",
                             .online_cpus = 8}),
            (otel::Attributes{{"host.id", {"0123456789abcdef0123456789abcdef"}},
                              {"host.name", {"web-1"}},
                              {"host.arch", {"amd64"}},
                              {"os.type", {"linux"}},
                              {"os.version", {"6.1.0-18-amd64"}},
                              {"profiling.agent.config.present_cpu_cores", {int64_t{8}}}}));
  EXPECT_EQ(otel::text_of(*otel::find(host_attributes({.architecture = "aarch64"}), "host.arch")), "arm64");
}

TEST(HostAttributes, LeaveOutWhatAHostDoesNotTell) {
  EXPECT_EQ(host_attributes({}), (otel::Attributes{{"os.type", {"linux"}}}));
}

TEST(ProcessAttributes, SayWhatIsKnown) {
  const Resource resource{.pid = 42,
                          .start_time_ns = 1,
                          .process_name = "python3",
                          .executable_path = "/usr/bin/python3.11 (deleted)",
                          .cgroup =
                              "0::/kubepods/burstable/pod8dbbe1d2-37a4-4c1e-9a36-0d1f2e3c4b5a/"
                              "3f4e8c2b9a7d6051e2f3a4b5c6d7e8f90112233445566778899aabbccddeeff0\n",
                          .environment = {{"OTEL_SERVICE_NAME", "checkout"}, {"REGION", "eu"}, {"OTHER", "x"}}};
  const std::vector<std::string> variables = {"REGION", "ABSENT"};
  EXPECT_EQ(process_attributes(resource, variables),
            (otel::Attributes{
                {"service.name", {"checkout"}},
                {"container.id", {"3f4e8c2b9a7d6051e2f3a4b5c6d7e8f90112233445566778899aabbccddeeff0"}},
                {"k8s.pod.uid", {"8dbbe1d2-37a4-4c1e-9a36-0d1f2e3c4b5a"}},
                {"process.pid", {int64_t{42}}},
                {"process.executable.path", {"/usr/bin/python3.11"}},
                {"process.executable.name", {"python3.11"}},
                {"process.environment_variable.REGION", {"eu"}},
            }));
}

TEST(ProcessAttributes, AUnitsPodIsWrittenLikeAnyOther) {
  const Resource resource{
      .pid = 1,
      .cgroup = "0::/kubepods.slice/kubepods-pod8dbbe1d2_37a4_4c1e_9a36_0d1f2e3c4b5a.slice/cri-containerd-x.scope\n"};
  EXPECT_EQ(otel::text_of(*otel::find(process_attributes(resource, {}), "k8s.pod.uid")),
            "8dbbe1d2-37a4-4c1e-9a36-0d1f2e3c4b5a");
}

TEST(ProcessAttributes, WithoutAnExecutableTheNameIsTheThreads) {
  EXPECT_EQ(process_attributes({.pid = 2, .process_name = "kthreadd"}, {}),
            (otel::Attributes{{"process.pid", {int64_t{2}}}, {"process.executable.name", {"kthreadd"}}}));
}

TEST(ProcessAttributes, HostileTextsAreMadeFitToBeSent) {
  const std::vector<std::string> variables = {"V"};
  const auto attributes = process_attributes({.pid = 3,
                                              .process_name = "a\n\xff",
                                              .executable_path = "/tmp/" + std::string(5000, 'x'),
                                              .environment = {{"V", "\x1b[31m\xc3"}}},
                                             variables);
  EXPECT_EQ(otel::text_of(*otel::find(attributes, "process.environment_variable.V")), "?[31m?");
  EXPECT_LE(otel::text_of(*otel::find(attributes, "process.executable.path")).size(), 4096u);
  EXPECT_LE(otel::text_of(*otel::find(attributes, "process.executable.name")).size(), 1024u);
  EXPECT_EQ(otel::text_of(*otel::find(process_attributes({.process_name = "a\n\xff"}, {}), "process.executable.name")),
            "a??");
}

}  // namespace
}  // namespace splitprof
