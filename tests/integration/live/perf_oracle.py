# SPDX-License-Identifier: Apache-2.0
"""perf as the oracle of live tests: it copies 64 KiB of stack with each sample and unwinds with elfutils or libunwind, so
nothing of it is ours. It watches a process for the same time as splitprof."""

import collections
import contextlib
import shutil
import signal
import subprocess

HZ = 997


def is_there():
    return shutil.which("perf") is not None


@contextlib.contextmanager
def watching(pid, data):
    """perf records `pid` into the file `data` while the block runs."""
    with subprocess.Popen(["perf", "record", "-q", "-e", "cpu-clock:u", "-F", str(HZ), "--call-graph", "dwarf,65528",
                           "-m", "1024", "-k", "CLOCK_MONOTONIC", "-o", data, "-p", str(pid)],
                          stderr=subprocess.DEVNULL) as perf:
        yield
        perf.send_signal(signal.SIGINT)


def shares(stacks):
    """{function: percent of samples}, for the leaf and for being anywhere in the stack."""
    leaf, anywhere, total = collections.Counter(), collections.Counter(), 0
    for frames, count in stacks:
        total += count
        leaf[frames[-1]] += count
        for name in set(frames):
            anywhere[name] += count
    return ({name: 100 * n / total for name, n in leaf.items()},
            {name: 100 * n / total for name, n in anywhere.items()}, total)


def plain(name):
    """The function's name as both tools print it: without return type, arguments, symbol version and our suffixes."""
    name = name.removesuffix("_[k]").replace("(anonymous namespace)", "{anonymous}")
    depth, begin, end = 0, 0, len(name)
    for at, letter in enumerate(name):
        depth += (letter == "<") - (letter == ">")
        if depth == 0 and letter == " ":
            begin = at + 1  # what stood before was the return type
        if depth == 0 and letter == "(":
            end = at
            break
    return name[begin:end].split("@")[0] or name


def perf_stacks(data, program, summary, foreign):
    """Root first, of the time that `summary` is about. Functions that are not the load's own are added to `foreign`."""
    first = summary["start_up"]["first_sample_ns"]
    last = first + summary["run"]["duration_ns"]
    script = subprocess.Popen(["perf", "script", "-i", data, "--no-inline", "--max-stack", "2000", "-F", "ip,sym,dso",
                               "--time", f"{first / 1e9:.9f},{last / 1e9:.9f}"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace")
    frames = []
    for line in script.stdout:
        if line.strip():
            name, _, module = line.split(None, 1)[1].strip().rpartition(" (")
            frames.append(plain(name))
            if module != f"{program})":
                foreign.add(frames[-1])
        elif frames:
            yield frames[::-1], 1
            frames = []
    if frames:
        yield frames[::-1], 1
    script.communicate()
