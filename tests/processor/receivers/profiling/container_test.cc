// SPDX-License-Identifier: Apache-2.0
#include "processor/receivers/profiling/container.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace splitprof {
namespace {

constexpr std::string_view kId = "3f4e8c2b9a7d6051e2f3a4b5c6d7e8f90112233445566778899aabbccddeeff0";
constexpr std::string_view kOther = "aa4e8c2b9a7d6051e2f3a4b5c6d7e8f90112233445566778899aabbccddeeff0";
constexpr std::string_view kPod = "8dbbe1d2-37a4-4c1e-9a36-0d1f2e3c4b5a";
constexpr std::string_view kPodOfUnit = "8dbbe1d2_37a4_4c1e_9a36_0d1f2e3c4b5a";
constexpr std::string_view kStaticPod = "c0ffee00c0ffee00c0ffee00c0ffee00";

struct Case {
  const char* what;
  std::string cgroup;  // ID, OTHER, POD, UNIT and STATIC stand for the constants above
  std::string_view id, pod_uid;
};

std::string filled(std::string text) {
  const std::pair<std::string_view, std::string_view> values[] = {
      {"OTHER", kOther}, {"ID", kId}, {"POD", kPod}, {"UNIT", kPodOfUnit}, {"STATIC", kStaticPod}};
  for (const auto& [name, value] : values)
    for (size_t at = 0; (at = text.find(name, at)) != text.npos; at += value.size())
      text.replace(at, name.size(), value);
  return text;
}

const std::vector<Case> kCases = {
    // No container.
    {"the root group", "0::/\n", "", ""},
    {"a session of a user", "0::/user.slice/user-1000.slice/session-3.scope\n", "", ""},
    {"a service", "0::/system.slice/ssh.service\n", "", ""},
    {"a program of a desktop", "0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome-1234.scope\n", "",
     ""},
    {"Docker itself", "0::/system.slice/docker.service\n", "", ""},
    {"containerd itself", "0::/system.slice/containerd.service\n", "", ""},
    {"the kubelet", "0::/system.slice/kubelet.service\n", "", ""},
    {"a monitor of Podman", "0::/machine.slice/libpod-conmon-ID.scope\n", "", ""},
    {"a monitor of CRI-O", "0::/kubepods.slice/kubepods-podUNIT.slice/crio-conmon-ID.scope\n", "", kPodOfUnit},
    // Docker.
    {"Docker, v2, systemd", "0::/system.slice/docker-ID.scope\n", kId, ""},
    {"Docker, v2, cgroupfs", "0::/docker/ID\n", kId, ""},
    {"Docker, v1", "12:pids:/docker/ID\n11:memory:/docker/ID\n5:cpu,cpuacct:/docker/ID\n1:name=systemd:/docker/ID\n",
     kId, ""},
    {"Docker, v1, systemd", "4:memory:/system.slice/docker-ID.scope\n1:name=systemd:/system.slice/docker-ID.scope\n",
     kId, ""},
    {"Docker, rootless", "0::/user.slice/user-1000.slice/user@1000.service/user.slice/docker-ID.scope\n", kId, ""},
    {"Docker in Docker", "0::/docker/OTHER/docker/ID\n", kId, ""},
    {"a service in a container that runs systemd", "0::/docker/ID/system.slice/nginx.service\n", kId, ""},
    {"Docker with BuildKit", "0::/system.slice/docker-ID.scope/buildkit/xyz\n", kId, ""},
    {"Docker, seen from another group's namespace", "0::/../docker-ID.scope\n", kId, ""},
    {"AWS's ECS", "9:perf_event:/ecs/cluster/4cb8f2a0a6c14f19/ID\n", kId, ""},
    // containerd, nerdctl.
    {"containerd", "0::/default/ID\n", kId, ""},
    {"nerdctl", "0::/system.slice/nerdctl-ID.scope\n", kId, ""},
    // Podman.
    {"Podman, root", "0::/machine.slice/libpod-ID.scope/container\n", kId, ""},
    {"Podman, rootless", "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope/container\n", kId,
     ""},
    {"Podman, cgroupfs", "0::/libpod_parent/libpod-ID\n", kId, ""},
    // Kubernetes.
    {"Kubernetes, systemd, containerd, v2",
     "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUNIT.slice/cri-containerd-ID.scope\n", kId,
     kPodOfUnit},
    {"Kubernetes, systemd, containerd, guaranteed",
     "0::/kubepods.slice/kubepods-podUNIT.slice/cri-containerd-ID.scope\n", kId, kPodOfUnit},
    {"Kubernetes, systemd, CRI-O",
     "0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podUNIT.slice/crio-ID.scope\n", kId, kPodOfUnit},
    {"Kubernetes, systemd, Docker",
     "3:cpu:/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podUNIT.slice/docker-ID.scope\n", kId,
     kPodOfUnit},
    {"Kubernetes, cgroupfs, v1",
     "8:memory:/kubepods/burstable/podPOD/ID\n1:name=systemd:/kubepods/burstable/podPOD/ID\n", kId, kPod},
    {"Kubernetes, cgroupfs, v2", "0::/kubepods/besteffort/podPOD/ID\n", kId, kPod},
    {"Kubernetes, cgroupfs, guaranteed", "0::/kubepods/podPOD/ID\n", kId, kPod},
    {"Kubernetes, cgroupfs with containerd's prefix",
     "0::/system.slice/containerd.service/kubepods-burstable-podUNIT.slice:cri-containerd:ID\n", kId, ""},
    {"Kubernetes, a static pod", "0::/kubepods/burstable/podSTATIC/ID\n", kId, kStaticPod},
    {"Kubernetes, the pod's own group", "0::/kubepods/burstable/podPOD\n", "", kPod},
    {"kind: Kubernetes in Docker", "0::/docker/OTHER/kubelet/kubepods/besteffort/podPOD/ID\n", kId, kPod},
    {"minikube: Kubernetes in Docker, systemd",
     "0::/system.slice/docker-OTHER.scope/kubepods.slice/kubepods-podUNIT.slice/cri-containerd-ID.scope\n", kId,
     kPodOfUnit},
    {"k3s", "0::/k3s/kubepods/podPOD/ID\n", kId, kPod},
    // Machines.
    {"systemd-nspawn by machined", "0::/machine.slice/machine-debian.scope/payload/system.slice/cron.service\n",
     "debian", ""},
    {"systemd-nspawn as a service", "0::/machine.slice/systemd-nspawn@web.service/payload\n", "web", ""},
    {"LXC, v2", "0::/lxc.payload.web-1/system.slice/cron.service\n", "web-1", ""},
    {"LXC, v1", "7:memory:/lxc/web-1\n", "web-1", ""},
    {"Docker in LXC", "0::/lxc.payload.web-1/system.slice/docker-ID.scope\n", kId, ""},
    // Both hierarchies: the first that knows.
    {"hybrid", "1:name=systemd:/docker/ID\n0::/\n", kId, ""},
    {"hybrid, the other way round", "0::/\n1:name=systemd:/docker/ID\n", kId, ""},
    // Hostile.
    {"nothing", "", "", ""},
    {"no fields", "garbage", "", ""},
    {"one field", "0:", "", ""},
    {"no end of line", "0::/docker/ID", kId, ""},
    {"too few digits", "0::/docker/3f4e8c2b9a7d\n", "", ""},
    {"one digit more", "0::/docker/ID0\n", "", ""},
    {"no digits", "0::/docker/zz4e8c2b9a7d6051e2f3a4b5c6d7e8f90112233445566778899aabbccddeeff0\n", "", ""},
    {"a path with colons", "0::/a:b:c/docker-ID.scope\n", kId, ""},
    {"slashes only", "0:://////\n", "", ""},
    {"a pod that is none", "0::/kubepods/podxyz/ID\n", kId, ""},
    {"a pod with digits in the wrong places", "0::/kubepods/pod8dbbe1d237a4-4c1e-9a36-0d1f2e3c4b5a-/ID\n", kId, ""},
    {"a machine with an odd name", "0::/machine.slice/machine-a\x1b[31m.scope\n", "", ""},
    {"a machine without a name", "0::/machine.slice/machine-.scope\n", "", ""},
    {"bytes that are no text", "0::/\xff\xfe/\x80\n", "", ""},
};

TEST(Container, IsFoundInWhatRuntimesMake) {
  for (const auto& one : kCases) {
    const auto cgroup = filled(one.cgroup);
    const auto found = find_container(cgroup);
    EXPECT_EQ(found.id, one.id) << one.what << ": " << cgroup;
    EXPECT_EQ(found.pod_uid, one.pod_uid) << one.what << ": " << cgroup;
  }
}

TEST(Container, ALongTextTakesNoTimeWorthNaming) {
  std::string cgroup = "0::";
  while (cgroup.size() < 4096) cgroup += "/kubepods-pod-pod-pod";
  EXPECT_TRUE(find_container(cgroup).id.empty());
}

}  // namespace
}  // namespace splitprof
