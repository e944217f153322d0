// SPDX-License-Identifier: Apache-2.0
//
// Which container and pod a process belongs to, from the text of its /proc/PID/cgroup: version 1 and 2 of control
// groups, and the paths that Docker, containerd, CRI-O, Podman, Kubernetes (systemd's and its own driver), LXC and
// systemd-nspawn make. The text is of the kernel, the names in it of whoever may make groups. A pure function.
#pragma once

#include <string_view>

namespace splitprof {

struct Container {
  std::string_view id;       // of the text; empty: in no container that is known
  std::string_view pod_uid;  // as it stands there, perhaps with '_' for '-'; empty: in no pod of Kubernetes
};

Container find_container(std::string_view cgroup);

}  // namespace splitprof
