#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A Go program on the live kernel: goroutines' stacks whole, also across the thread's own stack, signals and the vDSO,
and the same as Go's own traceback says. As the compiler left it, and stripped."""

import subprocess
import sys

import harness

HZ = 499
SECONDS = 6


def without_abi(name):
    """Go's linker marks functions in assembly so; its traceback does not."""
    return name.removesuffix(".abi0")


class Go(harness.LiveTest):
    def record(self, name):
        recording = harness.record("-F", HZ, command=[harness.PROGRAMS / name, SECONDS])
        self.assert_good(recording)
        stacks = recording.of(name[:15])
        self.assertGreater(recording.samples(name[:15]), HZ * SECONDS * 0.3, recording.stderr)  # others work here, too
        return stacks

    def assert_whole_but_first_ones(self, stacks):
        """First samples are walked in a copy of the stack, which ends where Go goes on on another one."""
        first = [s for s in stacks if s.marker == "stack_copy_end"]
        print(f"  {sum(s.count for s in first)} first samples end where the stack changes")
        self.assertLess(sum(s.count for s in first), 0.03 * sum(s.count for s in stacks))
        self.assert_whole([s for s in stacks if s not in first], 99.5)

    def test_stacks_are_whole(self):
        stacks = self.record("go_stacks")
        self.assert_whole_but_first_ones(stacks)
        roots = {without_abi(s.frames[0]) for s in stacks if not s.marker}
        print(f"  roots: {sorted(roots)}")
        # Where Go's stacks begin, and where it has left one for good.
        known = {"runtime.goexit", "runtime.mstart", "runtime.mcall", "runtime.morestack", "runtime.rt0_go"}
        self.assertLessEqual({r for r in roots if not r.endswith("_[k]")}, known)

        def share(*wanted):
            good = 0
            for stack in stacks:
                rest = iter(stack.frames)
                good += stack.count * all(any(without_abi(f) == name for f in rest) for name in wanted)
            return 100 * good / sum(s.count for s in stacks)

        for wanted in (("runtime.goexit", "main.recurse", "main.descend", "main.burn"),
                       ("runtime.goexit", "main.askTheTime", "time.now"),
                       ("runtime.goexit", "main.allocate", "runtime.mallocgc"),
                       ("runtime.goexit", "runtime.systemstack")):
            print(f"  {share(*wanted):5.1f} %  {' … '.join(wanted)}")
            self.assertGreater(share(*wanted), 0.3)

    def test_stripped_stacks_are_whole(self):
        self.assert_whole_but_first_ones(self.record("go_stacks_stripped"))

    def test_frames_are_those_of_gos_own_traceback(self):
        run = subprocess.run([harness.PROGRAMS / "go_stacks", "0.5"], capture_output=True, text=True, check=True)
        theirs = next(line.split(";") for line in run.stdout.splitlines() if ";main.recurse;" in line)
        expected = [*theirs[:-1], "main.recurse.func1", "main.burn"]  # what stands where the traceback was taken
        same = other = 0
        for stack in self.record("go_stacks"):
            frames = [without_abi(f) for f in stack.frames if not f.endswith("_[k]")]
            if stack.marker or "main.recurse" not in frames or frames[-1] != "main.burn":
                continue
            same += stack.count * (frames == expected)
            other += stack.count * (frames != expected)
        print(f"  {same} samples as Go says, {other} not")
        self.assertGreater(same, 100)
        self.assertLessEqual(other, 0.005 * (same + other))


if __name__ == "__main__":
    if not (harness.PROGRAMS / "go_stacks").exists():
        print("SKIPPED: there was no Go toolchain when this was built")
        sys.exit(harness.SKIPPED)
    harness.main()
