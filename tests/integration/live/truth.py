#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Are the stacks true? One program for each thing that makes a stack hard to walk, watched by splitprof from its first
sample on, and for the same time by perf, which copies stacks and unwinds them with code that is not ours. Counted are
all samples, the early ones too."""

import math
import shutil
import subprocess
import tempfile
import time

import harness
import perf_oracle

TRUTH = harness.PROGRAMS / "truth"
SCRIPTS = harness.SOURCES / "tests" / "programs" / "truth"
SECONDS = 4
POINTS = 3.0  # percent of the samples …
DEVIATIONS = 3.0  # … or so many standard deviations: both see the program at moments of their own
TOP = 12
ROOTS = ("_start", "clone", "__clone", "__GI___clone", "runtime.goexit", "runtime.mstart", "runtime.mcall", "runtime.rt0_go")

results = {}


def rooted(stacks):
    """Percent of the samples whose outermost frame is where threads and processes begin."""
    good = total = 0
    for frames, count in stacks:
        total += count
        good += count * (frames[0].startswith(ROOTS) or "libc.so" in frames[0])
    return 100 * good / total


def deviation(percent, samples):
    """Of the difference between two shares that are the same in truth, each of so many samples."""
    share = percent / 100
    return 100 * math.sqrt(2 * share * (1 - share) / samples)


class Truth(harness.LiveTest):
    @classmethod
    def tearDownClass(cls):
        harness.note("truth", results)
        print(f"\n  {'kind':<22} {'samples':>8} {'whole':>9} {'to a root':>9}  ends by name; perf's difference")
        for kind, row in results.items():
            ends = ", ".join(f"{name} {count}" for name, count in row["ends"].items() if name != "whole")
            perf = "" if row["perf_points"] is None else (
                f"; {row['perf_points']:.2f} points of {row['perf_samples']}, {row['perf_rooted']:.2f}% of them to a root")
            print(f"  {kind:<22} {row['samples']:>8} {row['whole']:>8.2f}% {row['rooted']:>8.2f}%  {ends}{perf}")

    def watch(self, kind, *command, whole=99.5, functions=(), allowed=()):
        """`functions`: each is somewhere in the profile. `allowed`: ends that are this kind's own, counted as whole."""
        program = shutil.which(str(command[0]))
        self.assertIsNotNone(program, f"{command[0]} was not built or installed: see cmake's output")
        name = program.rsplit("/", 1)[1][:15]
        recording = harness.record("-F", 499, command=[*command, SECONDS])
        self.assert_good(recording)
        stacks = recording.of(name)  # early samples included
        ends = harness.split_by_end(stacks)
        total = sum(ends.values())
        self.assertGreater(total, 300, recording.stderr)
        good = 100 * (ends["whole"] + sum(ends[end] for end in allowed)) / total
        row = {"samples": total, "whole": 100 * ends["whole"] / total,
               "rooted": rooted((s.frames, s.count) for s in stacks), "ends": dict(ends), "perf_points": None}
        results[kind] = row
        for function in functions:
            self.assertTrue(any(function in frame for s in stacks for frame in s.frames), f"no {function}")
        self.assertGreaterEqual(good, whole, f"{kind}: {dict(ends)}")

    def compare_with_perf(self, kind, *command, of=""):
        """The functions (whose names begin with `of`) that perf finds most often have the same share in both; more here
        only by as much as perf's stacks do not reach a root."""
        with tempfile.TemporaryDirectory(prefix="splitprof-truth-") as folder:
            with subprocess.Popen([*map(str, command), str(SECONDS + 3)], stderr=subprocess.DEVNULL) as load:
                time.sleep(0.3)
                with perf_oracle.watching(load.pid, f"{folder}/perf.data"):
                    recording = harness.record("-F", perf_oracle.HZ, "-p", load.pid, seconds=SECONDS)
                load.kill()
            name = str(command[0]).rsplit("/", 1)[1][:15]
            ours = [([perf_oracle.plain(f) for f in s.frames if not f.endswith("_[k]")], s.count)
                    for s in recording.of(name) if not s.leaf.endswith("_[k]") and s.marker is None]
            foreign = set()
            theirs = list(perf_oracle.perf_stacks(f"{folder}/perf.data", str(command[0]), recording.summary, foreign))
        _, mine, _ = perf_oracle.shares(ours)
        _, anywhere, samples = perf_oracle.shares(theirs)
        own = [f for f in sorted(anywhere, key=anywhere.get, reverse=True) if f not in foreign and f != "[unknown]" and f.startswith(of)]
        differences = {f: mine.get(f, 0) - anywhere[f] for f in own[:TOP]}
        worst = max(map(abs, differences.values()))
        n = min(samples, sum(count for _, count in ours))
        cut = 100 - rooted(theirs)
        odd = {f: d for f, d in differences.items()
               if not -1 <= d / max(POINTS, DEVIATIONS * deviation(anywhere[f], n)) <= 1 and not 0 < d <= POINTS + cut}
        results[kind].update(perf_points=worst, perf_samples=samples, perf_rooted=rooted(theirs))
        self.assertEqual(odd, {}, f"{kind}: points between perf and here, of {n} samples")

    def test_cxx(self):
        self.watch("C++", TRUTH / "cxx", functions=["in_templates<0>", "in_lambdas", "area", "in_sort", "in_coroutine",
                                                    "throwing<8>", "_Unwind_RaiseException"])
        self.compare_with_perf("C++", TRUTH / "cxx")

    def test_cxx_with_link_time_optimisation(self):
        self.watch("C++ -O3 -flto", TRUTH / "cxx_lto", functions=["main"])
        self.compare_with_perf("C++ -O3 -flto", TRUTH / "cxx_lto")

    def test_frames_of_unknown_size_and_long_jumps(self):
        self.watch("alloca, setjmp", TRUTH / "stack_tricks",
                   functions=["with_alloca", "with_realigned_stack", "jump_out", "with_longjmp"])
        self.compare_with_perf("alloca, setjmp", TRUTH / "stack_tricks")

    def test_assembly(self):
        self.watch("assembly", TRUTH / "assembly", functions=["digest", "encrypt", "exponentiate", "squeeze", "strings"])
        self.compare_with_perf("assembly", TRUTH / "assembly")

    def test_c(self):
        self.watch("C", TRUTH / "plain", functions=["plain_leaf", "plain_descend", "compare", "main"])
        self.compare_with_perf("C", TRUTH / "plain")

    def test_packed_relocations(self):
        self.watch("packed relocations", TRUTH / "packed_relocs", functions=["plain_leaf", "compare", "main"])
        self.compare_with_perf("packed relocations", TRUTH / "packed_relocs")

    def test_static_musl(self):
        # Debian's musl has no unwind information at all, not for `_start` either: no stack has a root that can be
        # proved, and what its qsort and memcpy called from stays unknown. perf, likewise, finds none.
        self.watch("musl, static", TRUTH / "musl_static", functions=["plain_leaf", "compare", "main"],
                   allowed=["frame_pointer_end", "no_mapping", "pc_zero"])

    def test_rust(self):
        self.watch("Rust", TRUTH / "rusty", functions=["in_closures", "in_iterators", "in_a_panic"])
        self.compare_with_perf("Rust", TRUTH / "rusty")

    def test_go(self):
        self.watch("Go", TRUTH / "golang", functions=["main.goWork", "main.inMaps", "main.everything"])
        # perf goes neither from the runtime's stack to the goroutine's nor through the outermost frame.
        self.compare_with_perf("Go", TRUTH / "golang", of="main.")

    def test_stripped_go(self):
        self.watch("Go, stripped", TRUTH / "golang_strip", functions=["main.goWork", "main.everything"])

    def test_luajit_interpreting(self):
        # Its unwind information says one thing of the whole interpreter; where a helper is called it is wrong, and the
        # walk ends there by name. perf's does, too.
        self.watch("LuaJIT, interpreter", "luajit", "-joff", SCRIPTS / "traced.lua", allowed=["no_mapping"])

    def test_luajit_compiling(self):
        # The code that it makes has no unwind information and keeps no frame pointer: such stacks end there, by name.
        self.watch("LuaJIT, compiled", "luajit", SCRIPTS / "traced.lua", allowed=["frame_pointer_end", "no_mapping", "pc_zero"])


if __name__ == "__main__":
    if not perf_oracle.is_there():
        print("SKIPPED: perf is not installed (linux-perf)")
        raise SystemExit(harness.SKIPPED)
    harness.main()
