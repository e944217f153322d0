# SPDX-License-Identifier: Apache-2.0
"""What the live tests share: recordings on the running kernel, their summary and folded stacks, and the one reason to
skip. The build directory comes in SPLITPROF_BUILD."""

import collections
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[3]
BUILD = Path(os.environ.get("SPLITPROF_BUILD", SOURCES / "build"))
BIN = BUILD / "bin"
PROGRAMS = BUILD / "tests" / "programs"
RESULTS = BUILD / "tests" / "integration" / "results"
SKIPPED = 77

MARKER = re.compile(r"^\[(truncated|gap)")


def why_not():
    """Why nothing can be recorded here, or None: the tool's own judgement."""
    if os.geteuid() != 0:
        return "needs root"
    check = subprocess.run([BIN / "splitprof", "check"], capture_output=True, text=True)
    if check.returncode == 0:
        return None
    return "this host forbids BPF: " + "; ".join(l for l in check.stdout.splitlines() if l.startswith("FAIL"))


class Stack:
    """One line of folded output: process, frames from root to leaf, count."""

    def __init__(self, line):
        text, count = line.rsplit(" ", 1)
        self.process, *self.frames = text.split(";")
        self.count = int(count)

    @property
    def marker(self):
        """Why the stack is not whole (`time`, `gap`, …), or None."""
        for frame in self.frames:
            if MARKER.match(frame):
                return frame.strip("[]").split(": ")[1] if frame.startswith("[truncated") else "gap"
        return None

    @property
    def leaf(self):
        return self.frames[-1] if self.frames else ""


class Recording:
    def __init__(self, status, stderr, summary, stacks, seconds):
        self.status, self.stderr, self.summary, self.stacks, self.seconds = status, stderr, summary, stacks, seconds

    def of(self, process):
        return [s for s in self.stacks if s.process == process]

    def samples(self, process):
        return sum(s.count for s in self.of(process))


def read_folded(path):
    return [Stack(line) for line in Path(path).read_text(errors="replace").splitlines() if line]


def record(*arguments, command=None, seconds=None, timeout=180, environment=None):
    """Runs `splitprof record` to its end and reads what it left."""
    with tempfile.TemporaryDirectory(prefix="splitprof-live-") as folder:
        line = [BIN / "splitprof", "record", "--log-level", "info", "-o", f"{folder}/out.folded",
                "--summary", f"{folder}/summary.json"]
        if seconds:
            line += ["--duration", f"{seconds}s"]
        line += [str(a) for a in arguments]
        if command:
            line += ["--", *map(str, command)]
        began = time.monotonic()
        run = subprocess.run(line, capture_output=True, text=True, errors="replace", timeout=timeout,
                             env=environment or os.environ)
        took = time.monotonic() - began
        text = Path(f"{folder}/summary.json").read_text()
        return Recording(run.returncode, run.stderr, json.loads(text) if text else None,
                         read_folded(f"{folder}/out.folded"), took)


class Recorder:
    """A recording that goes on; `status` and `stderr` are there once it has ended."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen([BIN / "splitprof", "record", "--log-level", "info", *map(str, arguments)],
                                        stderr=subprocess.PIPE, text=True, errors="replace")
        self.stderr, self.status = "", None
        while "session begun" not in self.stderr:
            line = self.process.stderr.readline()
            self.stderr += line
            if not line:
                raise AssertionError(f"no recording: {self.stderr}")

    def end(self):
        self.stderr += stop(self.process, signal.SIGINT, timeout=60)[1]
        self.status = self.process.returncode


@contextlib.contextmanager
def recording(*arguments):
    """Records from the moment at which sampling has begun until the end of the block."""
    recorder = Recorder(*arguments)
    try:
        yield recorder
    finally:
        recorder.end()


def note(name, value):
    """Keeps a figure where .ci/verdict.py and the reader find it."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(value, indent=2) + "\n")


def split_by_end(stacks):
    """Counter of samples by why their walk ended; `whole` for those that reached the outermost frame."""
    ends = collections.Counter()
    for stack in stacks:
        ends[stack.marker or "whole"] += stack.count
    return ends


class LiveTest(unittest.TestCase):
    def assert_good(self, recording):
        self.assertEqual(recording.status, 0, recording.stderr)
        self.assertIsNotNone(recording.summary, recording.stderr)
        for equation in recording.summary["accounting"]:
            self.assertEqual(equation["left"], equation["right"], f"{equation}\n{recording.stderr}")

    def assert_whole(self, stacks, least_percent, allowed=()):
        """At least so many percent of all samples, the first one included, reach the outermost frame."""
        ends = split_by_end(stacks)
        total = sum(ends.values())
        good = ends["whole"] + sum(ends[end] for end in allowed)
        percent = 100 * good / total if total else 0
        print(f"  {total} samples, {percent:.3f} % {'/'.join(['whole', *allowed])}; {dict(ends)}")
        self.assertGreater(total, 0)
        self.assertGreaterEqual(percent, least_percent, ends)
        return percent


def stop(process, number=signal.SIGTERM, timeout=20):
    if process.poll() is None:
        process.send_signal(number)
    try:
        return process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()


def main():
    reason = why_not()
    if reason:
        print(f"SKIPPED: {reason}")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
