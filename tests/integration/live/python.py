#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stacks of Python programs against what the programs know of themselves, for every CPython that is here: Debian's
python3 always, what stands in ~/.pyenv/versions, and interpreters whose paths SPLITPROF_PYTHONS gives, parted by colons.
Each is recorded for SPLITPROF_PYTHON_SECONDS of its CPU time. Prints a table. SPLITPROF_PYTHON_VERSIONS=3.8,3.13 leaves
the others of pyenv out."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import harness
import python_oracles
import python_truth

SECONDS = float(os.environ.get("SPLITPROF_PYTHON_SECONDS", "10"))
REQUIRED = Path("/usr/bin/python3")
VERSIONS = ("3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15")
# Of the samples: whole to the script's root, every frame in its place. The others are from before the interpreter was
# found, 20 to 45 of them on a quiet machine: a longer run has more to set against a busy one's.
LEAST_ORDERED_PERCENT = 99.5
LEAST_LINES_PERCENT = 99.9  # of the Python frames
MOST_POINTS = 3.0  # between a branch's share of the samples and of the program's own CPU time

DUMPS = {"py_spy": 20, "pystack": 20}  # pystack takes some 0.4 s each; with fewer, one rare stack would be too many
LEAST_DUMPS = {"faulthandler": 15, "py_spy": 10, "pystack": 2}  # stacks in which the program was at its work
LEAST_DUMPS_PERCENT = 95  # a stack may be too rare to have been sampled

rows = []


def interpreters():
    yield REQUIRED
    wanted = os.environ.get("SPLITPROF_PYTHON_VERSIONS")
    for path in sorted(Path.home().glob(".pyenv/versions/3.*/bin/python3"), key=lambda p: [int(n) for n in p.parts[-3].split(".")]):
        if wanted is None or path.parts[-3].rsplit(".", 1)[0] in wanted.split(","):
            yield path
        else:
            print(f"    left out by SPLITPROF_PYTHON_VERSIONS: {path}")
    yield from (Path(path) for path in os.environ.get("SPLITPROF_PYTHONS", "").split(":") if path)


class Python(harness.LiveTest):
    @classmethod
    def tearDownClass(cls):
        harness.note("python", rows)
        print(f"\n  {'version':<10} {'samples':>8} {'whole':>9} {'in order':>9} {'names':>9} {'lines':>9}  "
              "largest difference of a share")
        for row in rows:
            print(f"  {row['version']:<10} {row['samples']:>8} {row['whole_percent']:>8.3f}% {row['ordered_percent']:>8.3f}% "
                  f"{row['names_percent']:>8.3f}% {row['lines_percent']:>8.3f}%  {row['share_points']:.2f} points "
                  f"({row['share_of']})  {row['interpreter']}")
        seen = {".".join(row["version"].split(".")[:2]) for row in rows}
        print("  not here:", ", ".join(version for version in VERSIONS if version not in seen) or "none")

    def dump(self, program):
        """Stacks of the program at its work, by oracle."""
        folder, dumped = python_oracles.tools(), {}
        program.begin("run 1000")
        for name in DUMPS if folder else ():
            dumped[name], failure = [], None
            for _ in range(DUMPS[name]):
                try:
                    dumped[name] += getattr(python_oracles, name)(folder, program.pid)
                except RuntimeError as error:  # py-spy of free-threaded builds; pystack of some names that are not ASCII
                    failure = error
            if not dumped[name]:
                print(f"    skipped: {name}: {failure}")
                del dumped[name]
        program.process.kill()
        return dumped

    def assert_dumped(self, dumped, profile):
        """What others saw is among what was sampled."""
        sampled = {python_oracles.stack_of([frame[:3] for frame in stack if frame.is_python])
                   for stack, _ in python_truth.stacks_of(profile)}
        short = {python_oracles.as_faulthandler(stack) for stack in sampled}
        figures = {}
        for name, stacks in dumped.items():
            strange = [stack for stack in stacks if stack not in (short if name == "faulthandler" else sampled)]
            figures[name] = f"{len(stacks) - len(strange)} of {len(stacks)}"
            for stack in strange[:2]:
                print(f"    only {name} saw {' '.join(f'{n}:{line}' for n, _, line in stack[-20:])}")
            self.assertGreaterEqual(len(stacks), LEAST_DUMPS[name], name)
            self.assertGreaterEqual(100 * (len(stacks) - len(strange)) / len(stacks), LEAST_DUMPS_PERCENT, name)
        return figures

    def watch(self, interpreter):
        with tempfile.TemporaryDirectory(prefix="splitprof-python-") as folder, \
             python_truth.Program(interpreter, folder) as program:
            recording, profile = python_truth.watch(program, SECONDS)
            comparison = python_truth.Comparison(python_truth.report(program))
            program.ask(f"dump 1.5 {folder}/faulthandler.txt")
            dumped = {"faulthandler": python_oracles.faulthandler(Path(f"{folder}/faulthandler.txt").read_text())}
            dumped |= self.dump(program)
        self.assert_good(recording)
        self.assertEqual(python_truth.without_suffixes(recording.stacks), python_truth.folded_of(profile))
        for stack, count in python_truth.stacks_of(profile):
            comparison.add(stack, count)
        row = comparison.row()
        rows.append(row | {"interpreter": str(interpreter)})
        print(f"  {interpreter}: {row}")
        for (problem, stack), count in comparison.examples.most_common(5):
            print(f"    {count} samples: {problem}: {stack[:2000]}")
        self.assertGreater(row["samples"], 0.9 * python_truth.HZ * SECONDS, recording.stderr)
        self.assertGreaterEqual(row["ordered_percent"], LEAST_ORDERED_PERCENT)
        self.assertEqual(row["names_percent"], 100, "every Python name is one of the program's")
        self.assertGreaterEqual(row["lines_percent"], LEAST_LINES_PERCENT)
        self.assertLessEqual(row["share_points"], MOST_POINTS, comparison.differences())
        print("    stacks of others that were sampled, too:", self.assert_dumped(dumped, profile))

    def watch_another(self, interpreter):
        with tempfile.TemporaryDirectory(prefix="splitprof-python-") as folder:
            shutil.copy(python_truth.SCRIPTS / "subinterpreter.py", folder)
            with subprocess.Popen([str(interpreter), "subinterpreter.py", "3"], cwd=folder, stdout=subprocess.PIPE,
                                  text=True) as program:
                self.assertEqual(program.stdout.readline(), "ready\n")
                recording = harness.record("-F", 499, "-p", program.pid, seconds=2)
        inside = [stack for stack in recording.stacks if "inner" in stack.frames]
        total = sum(stack.count for stack in inside)
        # Its frames stand where the C function was called that runs a script, not where that one was called.
        order = ["PyEval_EvalCode", "<module>", "outer", "inner"]
        right = sum(stack.count for stack in inside if [name for name in stack.frames if name in order] == order)
        print(f"  {interpreter}: {right} of {total} samples of another interpreter's script in order")
        self.assertGreater(total, 500)
        self.assertGreaterEqual(right, 0.98 * total)

    def test_a_script_that_another_interpreter_runs(self):
        seen = 0
        for interpreter in interpreters():
            version = subprocess.run([interpreter, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True,
                                     text=True, check=True).stdout.split()
            if tuple(map(int, version)) < (3, 12):
                continue  # two interpreters wait for each other there
            seen += 1
            with self.subTest(interpreter=str(interpreter)):
                self.watch_another(interpreter)
        if not seen:
            self.skipTest("no CPython 3.12 or later here")

    def test_every_interpreter(self):
        for interpreter in interpreters():
            with self.subTest(interpreter=str(interpreter)):
                self.watch(interpreter)


if __name__ == "__main__":
    if not REQUIRED.exists():
        print(f"FAILED: {REQUIRED} is not installed (python3)")
        sys.exit(1)
    harness.main()
