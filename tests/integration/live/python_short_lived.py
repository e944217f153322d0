#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Python processes that live for 50 and 200 ms of CPU time, one after the other: how many of the samples that were taken
in Python code have named Python frames. Prints a table of what became of all samples, beside what is aimed at; what fails
is a name that is none of the script's."""

import collections
import tempfile
from pathlib import Path

import harness
import pprof
import python_truth

SCRIPT = harness.SOURCES / "tests" / "programs" / "python" / "short_lived.py"
PYTHON = Path("/usr/bin/python3")
AIM_PERCENT = {50: 80, 200: 95}  # named, by the milliseconds of a life
CASES = ((50, 97, 80), (50, 499, 30), (200, 97, 20), (200, 499, 8))  # milliseconds, Hz, processes

rows = []


def what_became(stack):
    """`named`, or what a sample is instead; a stack that ends early may have been in Python code."""
    python = [frame.name for frame in stack if frame.is_python]
    errors = [frame.name for frame in stack if python_truth.ERROR.match(frame.name)]
    markers = [frame.name for frame in stack if harness.MARKER.match(frame.name)]
    if errors:
        return errors[0]
    if any(python_truth.LOOP in frame.name for frame in stack):
        return "loop without its frames"
    if markers:
        return markers[0]
    return "named" if python else "not in Python code"


class ShortLived(harness.LiveTest):
    @classmethod
    def tearDownClass(cls):
        harness.note("python_short_lived", rows)
        print(f"\n  {'life':>6} {'Hz':>4} {'processes':>9} {'in Python':>9} {'named':>8} {'aim':>5}  what the others are")
        for row in rows:
            others = ", ".join(f"{name} {count}" for name, count in sorted(row["others"].items()))
            print(f"  {row['life_ms']:>3} ms {row['hz']:>4} {row['processes']:>9} {row['in_python']:>9} "
                  f"{row['named_percent']:>7.2f}% {AIM_PERCENT[row['life_ms']]:>4}%  {others}")

    def watch(self, life_ms, hz, processes):
        with tempfile.TemporaryDirectory(prefix="splitprof-python-") as folder:
            out = f"{folder}/out.pb.gz"
            recording = harness.record("-F", hz, "-o", out, command=[
                "/bin/sh", "-c", f"i=0; while [ $i -lt {processes} ]; do {PYTHON} {SCRIPT} {life_ms}; i=$((i + 1)); done"])
            profile = pprof.read(out)
        self.assert_good(recording)
        became, functions = collections.Counter(), set()
        for (stack, count), process in zip(python_truth.stacks_of(profile), profile.processes):
            if process.startswith(PYTHON.name):
                became[what_became(stack)] += count
                functions |= {frame.name for frame in stack if frame.is_python and frame.file == str(SCRIPT)}
        elsewhere = became.pop("not in Python code", 0)
        named, in_python = became.pop("named", 0), sum(became.values())
        in_python += named
        percent = python_truth.percent(named, in_python)
        rows.append({"life_ms": life_ms, "hz": hz, "processes": processes, "in_python": in_python, "named_percent": percent,
                     "others": became | {"not in Python code": elsewhere}})
        # A third of a short life is the interpreter's start, which is partly Python code, too.
        self.assertGreater(in_python, 0.4 * hz * processes * life_ms / 1000, recording.stderr)
        self.assertLessEqual(functions, {"<module>", "main", "work"})
        self.assertGreater(named, 0, became)

    def test_lives_of_50_and_200_ms(self):
        for life_ms, hz, processes in CASES:
            with self.subTest(life_ms=life_ms, hz=hz):
                self.watch(life_ms, hz, processes)


if __name__ == "__main__":
    harness.main()
