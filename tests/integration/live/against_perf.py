#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One load under `perf record --call-graph dwarf` and under splitprof at the same time, so that both see the same turns
of its threads: the functions that perf finds most often have the same share here, within two points, by themselves and
with what they call."""

import collections
import os
import shutil
import signal
import subprocess
import tempfile
import time

import harness

HZ = 997
POINTS = 2.0
SECONDS = int(os.environ.get("SPLITPROF_PERF_SECONDS", "10"))  # of each depth; perf writes 64 KiB a sample
TOP = 20


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
    script.wait()


class AgainstPerf(harness.LiveTest):
    def compare(self, depth, seconds):
        program = str(harness.PROGRAMS / "native")
        folder = tempfile.TemporaryDirectory(prefix="splitprof-perf-")
        self.addCleanup(folder.cleanup)
        data = f"{folder.name}/perf.data"
        with subprocess.Popen([program, str(depth), str(seconds + 4), "2"]) as load:
            time.sleep(0.5)  # its threads run
            with subprocess.Popen(["perf", "record", "-q", "-e", "cpu-clock:u", "-F", str(HZ), "--call-graph",
                                   "dwarf,65528", "-m", "1024", "-k", "CLOCK_MONOTONIC", "-o", data, "-p", str(load.pid)],
                                  stderr=subprocess.DEVNULL) as perf:
                recording = harness.record("-F", HZ, "-p", load.pid, seconds=seconds)
                perf.send_signal(signal.SIGINT)
            load.kill()
        self.assert_good(recording)
        self.assert_whole(recording.of("native"), 99.5)
        ours = [([plain(f) for f in s.frames if not f.endswith("_[k]")], s.count) for s in recording.of("native")
                if s.marker is None and not s.leaf.endswith("_[k]")]
        our_leaf, our_anywhere, our_total = shares(ours)
        foreign = set()
        perf_leaf, perf_anywhere, perf_total = shares(perf_stacks(data, program, recording.summary, foreign))
        print(f"  depth {depth}: {our_total} samples here, {perf_total} in perf")
        worst = 0
        for kind, theirs, mine in (("leaf", perf_leaf, our_leaf), ("anywhere", perf_anywhere, our_anywhere)):
            top = sorted(theirs, key=theirs.get, reverse=True)[:TOP]
            for name in top:
                if name in foreign and name not in our_anywhere:
                    # perf reads separate debug files where they are installed; here it is module+offset.
                    print(f"  {kind}: {name}, {theirs[name]:.2f} % in perf, has no name in a stripped library")
                    continue
                difference = abs(theirs[name] - mine.get(name, 0))
                worst = max(worst, difference)
                self.assertLessEqual(difference, POINTS, f"{kind}: {name}: perf {theirs[name]:.2f} %, here {mine.get(name, 0):.2f} %")
        print(f"  top {TOP} functions: largest difference {worst:.2f} points")

    def test_depth_30(self):
        self.compare(26, SECONDS)

    def test_depth_200(self):
        self.compare(194, SECONDS)


if __name__ == "__main__":
    if not shutil.which("perf"):
        print("SKIPPED: perf is not installed (linux-perf)")
        raise SystemExit(harness.SKIPPED)
    harness.main()
