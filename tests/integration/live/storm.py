#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Programs that live for milliseconds: are their samples there, of the right file, whole and with names? Two shell loops
run copies of tests/programs/storm.c one after another, each copy another file with another symbol. As a test two short
runs; `storm.py --table` prints all of the table of docs/benchmarks.md."""

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import harness

HZ = 97
WORK = re.compile(r"storm_work_(\d{4})$")
NAME = re.compile(r"storm-(\d{4})$")
# Debian strips its C library and dynamic loader but for the names that they export: nobody could name the rest, among
# it the caller of every main.
STRIPPED = re.compile(r"^(ld-linux[^+]*|libc\.so\.6)\+0x")
LOOP = """read now rest </proc/uptime; end=$((${now%%.*} + $1)); shift
while :; do
  for program; do
    "$program" $MILLISECONDS
    read now rest </proc/uptime
    [ -z "$ONCE" ] && [ ${now%%.*} -ge $end ] && break 2
  done
  [ -n "$ONCE" ] && break
done
times"""


def make_programs(folder, count):
    """Copies of the storm program that differ in symbol and build id, hence in content and identity."""
    original = (harness.PROGRAMS / "storm").read_bytes()
    symbol = b"storm_work_0000\0"
    note = original.find(b"\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0")  # namesz, descsz, NT_GNU_BUILD_ID (elf(5), notes)
    assert original.count(symbol) == 1 and note > 0
    programs = []
    for number in range(count):
        image = bytearray(original.replace(symbol, b"storm_work_%04d\0" % number))
        image[note + 16:note + 20] = number.to_bytes(4, "big")
        path = Path(folder) / f"storm-{number:04}"
        path.write_bytes(image)
        path.chmod(0o755)
        programs.append(path)
    return programs


def own_cpu_seconds():
    """User and system time of everything that runs from this build's programs, and of its children that have ended."""
    ticks = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if not os.readlink(entry / "exe").startswith(str(harness.BIN / "splitprof")):
                continue
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        ticks += sum(int(field) for field in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


class Result:
    """What became of the samples of the storm's programs."""

    def __init__(self, recording, cpu_percent, programs_cpu_seconds, seconds):
        stacks = [s for s in recording.stacks if NAME.match(s.process)]
        self.recording, self.cpu_percent, self.seconds = recording, cpu_percent, seconds
        self.expected = programs_cpu_seconds * HZ
        self.samples = sum(s.count for s in stacks)
        self.attributed = sum(s.count for s in stacks if self.is_attributed(s))
        self.whole = sum(s.count for s in stacks if self.is_attributed(s) and not s.marker)
        self.named = sum(s.count for s in stacks if self.is_attributed(s) and not s.marker and self.has_names(s))
        self.ends = harness.split_by_end(stacks)
        self.odd = [s for s in stacks if not self.is_attributed(s)]
        bpf = recording.summary["bpf"]
        self.bpf_percent = 100 * bpf["samples"] * bpf["ns_per_sample"] / 1e9 / recording.seconds

    @staticmethod
    def is_attributed(stack):
        """Every frame lies in a file, and those of the program in the file of that very program. While execve replaces
        a program, its registers are still those of the one before, whose stack is no more."""
        number = NAME.match(stack.process)[1]
        if any("sys_execve" in frame for frame in stack.frames):
            return True
        for frame in stack.frames:
            if frame.startswith("[unknown") or frame.startswith("[truncated: unknown_process"):
                return False
            work = WORK.match(frame)
            if work and work[1] != number:
                return False
            if frame.startswith("storm-") and not frame.startswith(f"storm-{number}+"):
                return False
        return True

    @staticmethod
    def has_names(stack):
        return all("+0x" not in frame or STRIPPED.match(frame) for frame in stack.frames)

    def share(self, count):
        return 100 * count / max(self.samples, 1)

    def row(self, what):
        return (f"| {what} | {self.expected:.0f} | {self.samples} | {self.share(self.attributed):.2f} % | "
                f"{self.share(self.whole):.2f} % | {self.share(self.named):.2f} % | {self.cpu_percent:.1f} % | "
                f"{self.bpf_percent:.2f} % |")


HEADER = ("| programs | their CPU time × 97 | samples of them | attributed | … and whole | … and named | CPU of all our "
          "processes | BPF |\n|---|---|---|---|---|---|---|---|")


def run(milliseconds, files, seconds, once=False):
    """A recording of the whole machine with two loops in the middle of it. `once`: each program runs once, which must
    take no longer than `seconds`."""
    with tempfile.TemporaryDirectory(prefix="splitprof-storm-") as folder:
        programs = make_programs(folder, files)
        made = []
        recorder = threading.Thread(target=lambda: made.append(harness.record("-F", HZ, seconds=seconds + 5)))
        recorder.start()
        time.sleep(2)
        environment = dict(os.environ, MILLISECONDS=str(milliseconds), ONCE="1" if once else "")
        half = len(programs) // 2
        orders = [programs[:half], programs[half:]] if once else [programs, programs[half:] + programs[:half]]
        began, cpu = time.monotonic(), own_cpu_seconds()
        loops = [subprocess.Popen(["sh", "-c", LOOP, "sh", str(seconds - 1), *map(str, order)], env=environment,
                                  stdout=subprocess.PIPE, text=True) for order in orders]
        times = [loop.communicate(timeout=seconds + 60)[0] for loop in loops]
        took, cpu = time.monotonic() - began, own_cpu_seconds() - cpu
        recorder.join()
        children = sum(int(m) * 60 + float(s) for text in times
                       for m, s in re.findall(r"(\d+)m([\d.]+)s", text.splitlines()[-1]))
        return Result(made[0], 100 * cpu / took, children, took)


class Storm(harness.LiveTest):
    def check(self, result, whole_named):
        print(HEADER)
        print(result.row(self.id()))
        print(f"  {dict(result.ends)}")
        self.assert_good(result.recording)
        self.assertGreater(result.samples, 300)
        # The programs' CPU time holds their forks, too, which are samples of the shell.
        self.assertGreater(result.samples, 0.8 * result.expected)
        self.assertGreaterEqual(result.share(result.attributed), 99, [(s.process, s.frames) for s in result.odd[:5]])
        self.assertGreaterEqual(result.share(result.named), whole_named, result.ends)

    def test_the_same_files_over_and_over(self):
        self.check(run(5, 200, 9), 95)

    def test_files_never_seen_before(self):
        self.check(run(5, 800, 12, once=True), 90)


def table():
    print(HEADER)
    print(run(5, 200, 20).row("5 ms, 200 files over and over"), flush=True)
    print(run(5, 2000, 40, once=True).row("5 ms, 2,000 files once each"), flush=True)
    for milliseconds in (20, 50, 200):
        print(run(milliseconds, 200, 20).row(f"{milliseconds} ms, 200 files"), flush=True)


if __name__ == "__main__":
    if "--table" in sys.argv:
        table()
    else:
        harness.main()
