# SPDX-License-Identifier: Apache-2.0
"""Runs tests/programs/python/call_tree.py under an interpreter and compares a recording of it with what the program
knows of itself. The program's tree has every stack that its interpreter showed to a profile function, and from which
lines each function was called; a sample's Python frames must be a way down this tree from its root."""

import collections
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import harness
import pprof

SCRIPTS = harness.SOURCES / "tests" / "programs" / "python"
HZ = 997
LOOP = "_PyEval_EvalFrameDefault"  # stands in no stack: the Python frames that it ran stand in its place
ROOTS = ("_start", "clone", "__clone", "__GI___clone", "__libc_start")
ERROR = re.compile(r"^\[cpython: ")  # a frame that could not be named, and why

# Between these Python functions stands C, with such a function in it. Distributions strip its name: then a frame that
# says only where it is will do.
THROUGH_C = {
    ("sorting", "sort_key"): "sort", ("reducing", "combine"): "reduce", ("mapping_and_filtering", "mapped"): "map|filter",
    ("mapping_and_filtering", "is_wanted"): "filter", ("sub", "replacement"): "sub",
    ("foreign_callback", "compare"): "qsort|msort", ("extremes", "extreme_key"): "min|max",
    ("objects", "__eq__"): "compare", ("objects", "__hash__"): "hash", ("objects", "__del__"): "dealloc|final",
    ("objects", "__getattr__"): "attr", ("class_bodies", "Outer"): "build_class",
}
# From 3.11 on nothing stands between these: the called one runs in the same C frame.
IN_ONE_C_FRAME = {("recursion", "descend"), ("descend", "descend"), ("inner", "burn"), ("burn_and_return", "burn")}

Frame = collections.namedtuple("Frame", "name file line is_python")


class Program:
    """call_tree.py, running; its folder is a copy, so that an interpreter with another root finds it, too."""

    def __init__(self, interpreter, folder):
        self.folder = Path(folder)
        for script in SCRIPTS.glob("*.py"):
            shutil.copy(script, folder)
        self.process = subprocess.Popen([str(interpreter), "call_tree.py"], cwd=folder, text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"))
        self.pid = self.process.pid
        for seconds in (0.1, 0.5, 0.5):  # what is different the first time is known, too
            self.ask(f"rehearse {seconds}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=20)
        finally:
            self.process.kill()
            self.process.stdout.close()

    def ask(self, line):
        self.begin(line)
        self.end(line)

    def begin(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def end(self, line):
        answer = self.process.stdout.readline().strip()
        if answer != line:
            raise AssertionError(f"the program was asked to {line!r} and answered {answer!r}")


def last_part(name):
    return name.rsplit(".", 1)[-1]


class Truth:
    """The program's report."""

    def __init__(self, report):
        self.version, self.absent = report["version"] + ("t" if report["free_threaded"] else ""), report["absent"]
        self.shares_a_c_frame = tuple(map(int, report["version"].split(".")[:2])) >= (3, 11)
        total = sum(report["seconds"].values())
        self.shares = {branch: 100 * seconds / total for branch, seconds in report["seconds"].items()}
        self.lines = collections.defaultdict(set)  # by name and file
        for function in report["functions"]:
            self.lines[function["name"], function["file"]].update(function["lines"])
        self.children = collections.defaultdict(lambda: collections.defaultdict(list))  # [node][name, file]: (node, lines)
        for number, node in enumerate(report["nodes"]):
            function = report["functions"][node["function"]]
            self.children[node["parent"]][function["name"], function["file"]].append((number, set(node["lines"])))

    def way(self, frames):
        """How many frames from the root on stand in the tree, and whether each has a line that is true of it: a caller's
        is one from which the next was called, the innermost one's any of its function."""
        at, right = [-1], []
        for depth, frame in enumerate(frames):
            below = [child for node in at for child in self.children[node].get((frame.name, frame.file), ())]
            if not below:
                break
            if depth:
                called_here = [child for child in below if frames[depth - 1].line in child[1]]
                right.append(bool(called_here))
                below = called_here or below
            at = [node for node, _ in below]
        known = len(right) + 1 if frames and at != [-1] else 0
        if known:
            right.append(frames[known - 1].line in self.lines[frames[known - 1].name, frames[known - 1].file])
        return known, right

    def branch_of(self, frames):
        names = [last_part(frame.name) for frame in frames]
        if names and names[0] == "_bootstrap":
            return "threads"
        if "take_turns" in names[:-1]:
            return names[names.index("take_turns") + 1].replace("wrapper", "decorated")
        return None


def stacks_of(profile):
    """(frames, root first, and how many samples) of each stack."""
    frames = {}
    for number, (module, _, lines) in profile.locations.items():
        frames[number] = [Frame(*line, module == "[cpython]") for line in lines]
    for sample, count in zip(profile.samples, profile.counts):
        yield [frame for location in reversed(sample) for frame in reversed(frames[location])], count


def folded_of(profile):
    """{names, root first: samples} as folded stacks have them, their suffixes left out."""
    folded = collections.Counter()
    for stack, count in stacks_of(profile):
        folded[tuple(frame.name.replace(";", ":") for frame in stack)] += count
    return folded


def without_suffixes(stacks):
    folded = collections.Counter()
    for stack in stacks:
        folded[tuple(re.sub(r"_\[[a-z]\]$", "", frame) for frame in stack.frames)] += stack.count
    return folded


class Comparison:
    """Counts samples and frames that are as the truth says, keeps examples of those that are not."""

    def __init__(self, truth):
        self.truth = truth
        self.samples = self.whole = self.ordered = self.frames = self.named = self.lines = self.right_lines = 0
        self.branches, self.examples = collections.Counter(), collections.Counter()

    def add(self, stack, count):
        python = [frame for frame in stack if frame.is_python]
        known, right = self.truth.way(python)
        self.samples += count
        self.branches[self.truth.branch_of(python)] += count
        self.frames += count * len(python)
        self.named += count * sum((f.name, f.file) in self.truth.lines for f in python)
        self.lines += count * len(right)
        self.right_lines += count * sum(right)
        problem = self.why_not_whole(stack, python)
        self.whole += count * (problem is None)
        problem = problem or self.why_not_ordered(stack, python, known)
        self.ordered += count * (problem is None)
        if problem is None and not all(right):
            wrong = python[right.index(False)]
            problem = f"line {wrong.line} of {wrong.name}"
        if problem:
            self.examples[problem, " ".join(f"{f.name}:{f.line}" if f.is_python else "." for f in shorter(stack))] += count

    @staticmethod
    def why_not_whole(stack, python):
        for frame in stack:
            if harness.MARKER.match(frame.name) or ERROR.match(frame.name):
                return frame.name
        if not stack or stack[0].is_python or not (stack[0].name.startswith(ROOTS) or "+0x" in stack[0].name):
            return "no root of the thread"
        if any(LOOP in frame.name for frame in stack):
            return "a loop of the interpreter without its frames"
        if not python:
            return "no Python" if "_start" in stack[0].name else None  # a thread that begins or ends
        if last_part(python[0].name) not in ("<module>", "_bootstrap"):
            return "no root of the script"
        return None

    def why_not_ordered(self, stack, python, known):
        if known < len(python):
            return f"{python[known].name} below {python[known - 1].name if known else 'nothing'}"
        places = [place for place, frame in enumerate(stack) if frame.is_python]
        for above, below in zip(places, places[1:]):
            call = (last_part(stack[above].name), last_part(stack[below].name))
            between = [frame.name for frame in stack[above + 1:below]]
            if call in THROUGH_C and not any(re.search(THROUGH_C[call], name) or "+0x" in name for name in between):
                return f"between {call[0]} and {call[1]}: {between}"
            if self.truth.shares_a_c_frame and call in IN_ONE_C_FRAME and between:
                return f"between {call[0]} and {call[1]}: {between}"
        return None

    def differences(self):
        """Points of a hundred, by branch."""
        return {branch: 100 * self.branches[branch] / self.samples - share for branch, share in self.truth.shares.items()}

    def row(self):
        differences = self.differences()
        worst = max(differences, key=lambda branch: abs(differences[branch]))
        return {"version": self.truth.version, "samples": self.samples, "whole_percent": percent(self.whole, self.samples),
                "ordered_percent": percent(self.ordered, self.samples), "names_percent": percent(self.named, self.frames),
                "lines_percent": percent(self.right_lines, self.lines), "share_points": abs(differences[worst]),
                "share_of": worst}


def percent(part, whole):
    return 100 * part / whole if whole else 0.0


def shorter(stack):
    return stack if len(stack) < 60 else [*stack[:20], *stack[-20:]]


def watch(program, seconds, *arguments):
    """Records the running program at its work: the recording and the profile."""
    outputs = program.folder / "outputs"  # or the program would look for modules among them
    outputs.mkdir(exist_ok=True)
    out, folded, summary = (outputs / name for name in ("out.pb.gz", "out.folded", "summary.json"))
    with harness.recording("-F", HZ, "-p", program.pid, "-o", out, "-o", folded, "--summary", summary, *arguments) as recorder:
        program.ask(f"run {seconds}")
    recording = harness.Recording(recorder.status, recorder.stderr, json.loads(summary.read_text()), harness.read_folded(folded),
                                  seconds)
    return recording, pprof.read(out)


def report(program):
    program.ask("report report.json")
    return Truth(json.loads((program.folder / "report.json").read_text()))
