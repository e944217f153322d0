#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One load under `perf record --call-graph dwarf` and under splitprof at the same time, so that both see the same turns
of its threads: the functions that perf finds most often have the same share here, within two points, by themselves and
with what they call."""

import os
import subprocess
import tempfile
import time

import harness
import perf_oracle
from perf_oracle import HZ, perf_stacks, plain, shares

POINTS = 2.0
SECONDS = int(os.environ.get("SPLITPROF_PERF_SECONDS", "10"))  # of each depth; perf writes 64 KiB a sample
TOP = 20


class AgainstPerf(harness.LiveTest):
    def compare(self, depth, seconds):
        program = str(harness.PROGRAMS / "native")
        folder = tempfile.TemporaryDirectory(prefix="splitprof-perf-")
        self.addCleanup(folder.cleanup)
        data = f"{folder.name}/perf.data"
        with subprocess.Popen([program, str(depth), str(seconds + 4), "2"]) as load:
            time.sleep(0.5)  # its threads run
            with perf_oracle.watching(load.pid, data):
                recording = harness.record("-F", HZ, "-p", load.pid, seconds=seconds)
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
    if not perf_oracle.is_there():
        print("SKIPPED: perf is not installed (linux-perf)")
        raise SystemExit(harness.SKIPPED)
    harness.main()
