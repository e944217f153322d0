#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Processes that pose as CPython and lie (tests/programs/python/hostile.c), each recorded beside an honest python3: nobody
crashes, hangs or grows, the honest one keeps its names, each lie is counted, and no name appears that the liar did not
have. Prints a table."""

import collections
import contextlib
import json
import os
import re
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import elf_lies
import harness
import pprof
import python_truth

HZ = 997
SETTLING_SECONDS, SECONDS = 2, 2
SECONDS_OF = {"fuse_names": 12, "fuse_type": 12}  # after ten a worker that hangs is replaced
PYTHON = Path("/usr/bin/python3")
# Is known by the time that SIGUSR1 comes, and forks then: a child has its names from its first sample on.
HONEST = """
import os, signal
def honest_work():
    for _ in range(20000): pass
def honest_caller():
    while True: honest_work()
def fork(*_):
    child = os.fork()
    if child:
        print(child, flush=True)
        while True: signal.pause()
    open("/proc/self/comm", "w").write("bystander")
signal.signal(signal.SIGUSR1, fork)
print("ready", flush=True)
honest_caller()
"""
ERROR = re.compile(r"^\[cpython: ")
OWN = ("own_", "<no name>", "<module>", "Thread.")  # how each name begins that the liars have
LEAST_NAMED_PERCENT = 95
LEAST_SAMPLES = 0.8  # of a process's CPU time, at HZ: sampling went on
MOST_RSS_BYTES = 150 << 20
LONGEST_END_SECONDS = 15  # that the recording takes to end

# By lie: the versions that tell it; then what shows that it was met: counters, texts of error frames, or names, each of
# which has to be there.
REPLACED, UNREADABLE, MISSING = "[cpython: freed before it was named]", "[cpython: unreadable]", "[cpython: frames missing]"
GONE = "[cpython: ended before it was named]"
LIES = {
    "honest": ((8, 11, 13), {"own_root", "own_middle", "own_leaf"}),
    "cycle": ((11, 13), {"own_first", "own_second", "own_third"}),
    "million_frames": ((8, 11, 13), {"own_deep"}),
    "frames_nowhere": ((11, 13), {"interpreter_unreadable", MISSING}),
    "codes_nowhere": ((11, 13), {"interpreter_code_unreadable", UNREADABLE, "own_middle", "own_root"}),
    "garbage_codes": ((8, 11, 13), {"functions_replaced", REPLACED, "own_root"}),
    "garbage_names": ((8, 11, 13), {"functions_unreadable", UNREADABLE, "own_\\x00\\x1b[2J\\x0a", "own_\\x80", "own_root"}),
    "garbage_lines": ((8, 11, 13), {"functions_unreadable", UNREADABLE, "own_leaf", "own_root"}),
    "replaced": ((8, 13), {"functions_replaced", REPLACED, "own_root"}),
    "unmapped": ((11, 13), {"interpreter_unreadable", MISSING}),
    "uffd_names": ((13,), {"functions_unreadable", UNREADABLE, "own_leaf"}),  # a read of `mem` does not wait for an answer
    "uffd_frames": ((8, 13), {"interpreter_unreadable", MISSING}),
    "uffd_type": ((13,), {"runtimes_not_begun"}),
    "fuse_names": ((13,), {"functions_gone", GONE, "jobs_abandoned"}),  # waits, and so does a worker
    "fuse_type": ((13,), {"jobs_abandoned"}),
    "million_codes": ((11, 13), {"functions_forgotten|functions_gone", "own_leaf"}),
    "huge_offsets": ((13,), {"runtimes_not_located"}),
    "far_offsets": ((13,), {"interpreter_no_thread"}),
    "endless_members": ((8, 13), {"runtimes_not_begun"}),
    "members_nowhere": ((8, 13), {"runtimes_not_located"}),
}
# What the file itself says wrongly; its process is honest.
FILES = {
    "type_nowhere": (13, lambda elf: elf.move_symbol("PyCode_Type", 0x7fff00000000), {"runtimes_not_located"}),
    "type_in_kernel": (13, lambda elf: elf.move_symbol("PyCode_Type", 0xffff888000000000), {"runtimes_not_located"}),
    "runtime_nowhere": (13, lambda elf: elf.move_symbol("_PyRuntime", 0x7fff00000000), {"runtimes_not_located"}),
    "version_nowhere": (13, lambda elf: elf.move_symbol("Py_Version", 0x7fff00000000), {"own_leaf"}),
    "loop_nowhere": (13, lambda elf: elf.move_symbol("_PyEval_EvalFrameDefault", 0x7fff00000000), set()),
    "loop_is_all": (13, lambda elf: elf.widen_fde("_PyEval_EvalFrameDefault"), {"own_leaf"}),
}
COUNTERS = ("runtimes_not_understood", "runtimes_not_begun", "runtimes_not_located", "runtimes_told_failed",
            "interpreter_no_thread", "interpreter_unreadable", "interpreter_code_unreadable", "functions_named",
            "functions_gone", "functions_replaced", "functions_unreadable", "functions_limited", "functions_forgotten",
            "jobs_abandoned", "samples_held_too_long")

rows = []


def chosen(lies):
    """All of them, or those in SPLITPROF_LIES, parted by commas."""
    names = os.environ.get("SPLITPROF_LIES")
    return [(name, lie) for name, lie in lies.items() if not names or name in names.split(",")]


class Liar:
    """A process, once it has said that it is ready."""

    def __init__(self, *command):
        self.process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True,
                                        start_new_session=True)
        self.is_ready = self.process.stdout.readline().strip() == "ready"
        self.name = Path(f"/proc/{self.process.pid}/comm").read_text().strip() if self.is_ready else ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):  # it could not lie here, and has ended
            os.killpg(self.process.pid, signal.SIGKILL)  # its child, too
        self.process.communicate()


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def frames_by_process(profile):
    """Counters by process: samples, samples with a Python frame that has a name, and the names of Python frames."""
    samples, named = collections.Counter(), collections.Counter()
    names = collections.defaultdict(collections.Counter)
    for (stack, count), process in zip(python_truth.stacks_of(profile), profile.processes):
        process = process.split(" (")[0]
        samples[process] += count
        shown = {frame.name for frame in stack if frame.is_python or ERROR.match(frame.name)}
        errors = {name for name in shown if ERROR.match(name)}
        named[process] += count * bool(shown - errors)
        names[process].update({name: count for name in shown})
    return samples, named, names


class PythonHostile(harness.LiveTest):
    @classmethod
    def tearDownClass(cls):
        harness.note("python_hostile", rows)
        print(f"\n  {'lie':<18} {'CPython':<8} {'samples':>7} {'errors':>7} {'honest':>7} {'named':>8} {'RSS':>8} {'end':>6}  counters")
        for row in rows:
            counters = ", ".join(f"{name} {count}" for name, count in row["counters"].items())
            print(f"  {row['lie']:<18} {row['version']:<8} {row['samples']:>7} {row['error_samples']:>7} {row['honest_samples']:>7} "
                  f"{row['honest_named_percent']:>7.2f}% {row['rss_mib']:>4.0f} MiB {row['end_seconds']:>4.1f} s  {counters}")

    def watch(self, lie, version, evidence, *command):
        with tempfile.TemporaryDirectory(prefix="splitprof-hostile-") as folder, Liar(*command) as liar, \
             Liar(PYTHON, "-c", HONEST) as honest:
            if not liar.is_ready and liar.process.wait(timeout=10) == 77:
                self.skipTest(f"{lie}: not possible on this host")
            out, summary = Path(folder, "out.pb.gz"), Path(folder, "summary.json")
            with harness.recording("-F", HZ, "-p", liar.process.pid, "-p", honest.process.pid, "-o", out,
                                   "--summary", summary) as recorder:
                spent = -cpu_seconds(liar.process.pid), 0
                time.sleep(SETTLING_SECONDS)
                honest.process.send_signal(signal.SIGUSR1)
                bystander = int(honest.process.stdout.readline())
                time.sleep(SECONDS_OF.get(lie, SECONDS))
                spent = spent[0] + cpu_seconds(liar.process.pid), cpu_seconds(bystander)
                self.assertIsNone(liar.process.poll(), "the liar ended")
                began = time.monotonic()
                recorder.process.send_signal(signal.SIGINT)
                recorder.process.wait(timeout=60)
                end_seconds = time.monotonic() - began
                liar.process.kill()  # a processor that waits for a page of it has the pipe open
            recording = harness.Recording(recorder.status, recorder.stderr, json.loads(summary.read_text()), [], SECONDS)
            samples, named, names = frames_by_process(pprof.read(out))
            liars = {liar.name, "second thread"}
        self.assert_good(recording)  # both daemons lived, and each sample is accounted for
        flat = {name.rsplit(".", 1)[-1]: n for name, n in recording.summary["counters"].items()}
        rss = max(process["peak_rss_bytes"] for process in recording.summary["processes"] if "processor" in process["name"])
        of_liar = collections.Counter()
        for name in liars:
            of_liar.update(names[name])
        errors = sum(count for name, count in of_liar.items() if ERROR.match(name))
        percent = python_truth.percent(named["bystander"], samples["bystander"])
        rows.append({"lie": lie, "version": version, "samples": sum(samples[name] for name in liars), "error_samples": errors,
                     "honest_samples": samples["bystander"], "honest_named_percent": percent, "rss_mib": rss / (1 << 20),
                     "end_seconds": end_seconds, "counters": {name: flat[name] for name in COUNTERS if flat[name]}})
        print(f"  {rows[-1]} {of_liar.most_common(8)}", flush=True)
        self.assertGreater(rows[-1]["samples"], LEAST_SAMPLES * spent[0] * HZ, recording.stderr)
        self.assertGreater(samples["bystander"], LEAST_SAMPLES * spent[1] * HZ, recording.stderr)
        self.assertGreaterEqual(percent, LEAST_NAMED_PERCENT, names["bystander"])
        self.assertLess(rss, MOST_RSS_BYTES)
        self.assertLess(end_seconds, LONGEST_END_SECONDS)
        strange = [name for name in of_liar if not name.startswith(OWN) and not ERROR.match(name)]
        self.assertEqual(strange, [], "names that the process did not have")
        for seen in evidence:
            self.assertTrue(any(of_liar[one] or flat.get(one) for one in seen.split("|")), f"nothing says {seen}")

    def test_processes_that_lie(self):
        for lie, (minors, evidence) in chosen(LIES):
            for minor in minors:
                with self.subTest(lie=lie, minor=minor):
                    self.watch(lie, f"3.{minor}", evidence, harness.PROGRAMS / f"hostile_python3.{minor}", lie)

    def test_files_that_lie(self):
        for lie, (minor, spoil, evidence) in chosen(FILES):
            with self.subTest(lie=lie), tempfile.TemporaryDirectory(prefix="splitprof-hostile-") as folder:
                path = Path(folder, f"hostile_python3.{minor}")
                elf = elf_lies.Elf((harness.PROGRAMS / path.name).read_bytes())
                spoil(elf)
                path.write_bytes(elf.bytes)
                path.chmod(0o755)
                self.watch(lie, f"3.{minor}", evidence, path, "honest")

    def test_an_interpreter_that_overwrites_itself(self):
        script = harness.SOURCES / "tests" / "programs" / "python" / "overwrites_itself.py"
        self.watch("overwrites_itself", "3.11 real", {"functions_replaced"}, PYTHON, script)


if __name__ == "__main__":
    harness.main()
