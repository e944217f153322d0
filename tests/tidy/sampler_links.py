#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The privileged process stays small: sampler_links.py BUILD_DIR SANITIZERS. The sampler's binary needs no library
outside the list, and none of the processor's code is linked into it."""

import re
import subprocess
import sys
from pathlib import Path

# What a library is there for. Whoever adds one says why, and that it cannot be the processor's work.
ALLOWED = {
    "libbpf": "loads the BPF object and attaches it",
    "libelf": "libbpf's reader of the one object that is embedded in the sampler",
    "libz": "libelf's",
    "libzstd": "libelf's",
    "libcapnp": "records and RPC",
    "libcapnp-rpc": "RPC",
    "libkj": "event loop",
    "libkj-async": "event loop",
    "libspdlog": "log lines",
    "libfmt": "log lines",
    "libcap": "giving up capabilities",
    "libseccomp": "giving up system calls",
    "libstdc++": "the language",
    "libm": "libstdc++'s",
    "libgcc_s": "the language",
    "libc": "the system",
    "ld-linux-x86-64": "the system",
    "ld-linux-aarch64": "the system",
}
SANITIZERS = {"libasan", "libubsan", "libtsan"}


def main():
    build, sanitizers = Path(sys.argv[1]), sys.argv[2]
    binary = build / "bin" / "splitprof-sampler"
    if not binary.exists():
        print(f"skipped: {binary} is not built")
        return 77
    allowed = set(ALLOWED) | (SANITIZERS if sanitizers else set())
    offences = []
    dynamic = subprocess.run(["readelf", "-d", binary], capture_output=True, text=True, check=True).stdout
    needed = [re.sub(r"(-[0-9.]+)?\.so.*$", "", name) for name in re.findall(r"\(NEEDED\).*\[(.+?)\]", dynamic)]
    for name in needed:
        if name not in allowed:
            offences.append(f"splitprof-sampler needs {name}, which is not in the list")
    inputs = subprocess.run(["ninja", "-C", build, "-t", "inputs", "bin/splitprof-sampler"], capture_output=True, text=True)
    if inputs.returncode == 0:
        parts = [line for line in inputs.stdout.splitlines() if "processor/" in line]
        offences += [f"splitprof-sampler is built from {part}" for part in parts]
    else:
        offences.append(f"ninja -t inputs failed: {inputs.stderr.strip()}")
    print(f"needed: {', '.join(needed)}")
    print("\n".join(offences))
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main())
