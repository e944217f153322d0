#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stacks of known shape on the live kernel: depth by depth, and the awkward places (signals, vDSO, PLT, late loading)."""

import unittest

import harness

HZ = 499


def frames_of(stack, *names):
    return sum(any(frame.startswith(name) for name in names) for frame in stack.frames)


class Depth(harness.LiveTest):
    def run_native(self, depth, seconds=6):
        recording = harness.record("-F", HZ, command=[harness.PROGRAMS / "native", depth, seconds, 2])
        self.assert_good(recording)
        stacks = recording.of("native")
        self.assertGreater(recording.samples("native"), HZ * seconds * 0.3, recording.stderr)  # others work here, too
        return stacks

    def deep(self, stacks, depth):
        """The stacks that are all the way down: leaf work under `depth` recursive frames."""
        return [s for s in stacks if frames_of(s, "descend_") == depth]

    def assert_all_the_way(self, depth, allowed=()):
        stacks = self.run_native(depth)
        self.assert_whole(stacks, 99.5, allowed)
        deep = self.deep(stacks, depth)
        counted = sum(s.count for s in deep)
        total = sum(s.count for s in stacks)
        self.assertGreater(counted, 0.9 * total)  # climbing down and up is a small part of the work
        # The main thread's root is _start, the other one's is below clone.
        from_start = [s for s in deep if "_start" in s.frames[0]]
        self.assertGreater(sum(s.count for s in from_start), 0.3 * counted, deep[0].frames[:4])
        self.assertTrue(all("main" in s.frames for s in from_start))

    def test_depth_26(self):
        self.assert_all_the_way(26)

    def test_depth_200(self):
        self.assert_all_the_way(200)

    def test_depth_600(self):
        self.assert_all_the_way(600)

    def test_depth_1000(self):
        # The first samples, before the tables are in the kernel, are walked in a copy of at most 32 KiB.
        self.assert_all_the_way(1000, allowed=["stack_copy_end"])

    def test_depth_2000(self):
        self.assert_all_the_way(2000, allowed=["stack_copy_end"])

    def test_depth_4500_keeps_both_sides_and_names_the_gap_unless_time_is_over(self):
        stacks = self.run_native(4500)
        ends = harness.split_by_end(stacks)
        print(f"  {dict(ends)}")
        known = sum(ends.values())
        self.assertGreaterEqual(ends["gap"] + ends["time"], 0.95 * known)
        for stack in stacks:
            if stack.marker != "gap":
                continue
            at = next(i for i, f in enumerate(stack.frames) if f.startswith("[gap"))
            self.assertGreater(at, 900)  # root side: at most 1,024 frames
            self.assertGreaterEqual(len(stack.frames) - at, 3072)  # leaf side

    def test_depth_20000_keeps_the_leaf_and_says_time(self):
        stacks = self.run_native(20000)
        ends = harness.split_by_end(stacks)
        print(f"  {dict(ends)}")
        known = sum(ends.values())
        named_ends = sum(s.count for s in stacks if any(f == "[truncated: time]" or f == "[truncated: too_many_frames]" for f in s.frames))
        self.assertGreaterEqual(named_ends, 0.9 * known)
        self.assertGreater(sum(s.count for s in stacks if len(s.frames) > 700), 0.9 * known)


class AwkwardPlaces(harness.LiveTest):
    def sample(self, *command, least=300):
        recording = harness.record("-F", HZ, command=command)
        self.assert_good(recording)
        name = command[0].name[:15]
        self.assertGreater(recording.samples(name), least, recording.stderr)
        return recording.of(name)

    def share(self, stacks, *wanted):
        """Percent of samples whose stack holds all of the functions, in this order from the root."""
        good = total = 0
        for stack in stacks:
            total += stack.count
            rest = iter(stack.frames)
            good += stack.count * all(any(name in frame for frame in rest) for name in wanted)
        return 100 * good / total if total else 0

    def test_signal_handler(self):
        stacks = self.sample(harness.PROGRAMS / "signal_handler", 4)
        self.assert_whole(stacks, 99)
        # Across the kernel's signal frame: what was interrupted, then the handler.
        self.assertGreater(self.share(stacks, "main", "interrupted_loop", "handle_alarm", "work_in_handler"), 30)

    def test_signal_handler_on_an_alternate_stack(self):
        stacks = self.sample(harness.PROGRAMS / "signal_handler", 4, "alternate")
        self.assert_whole(stacks, 99)
        self.assertGreater(self.share(stacks, "main", "interrupted_loop", "handle_alarm", "work_in_handler"), 30)

    def test_vdso(self):
        stacks = self.sample(harness.PROGRAMS / "vdso", 4)
        self.assert_whole(stacks, 99)
        self.assertGreater(self.share(stacks, "main", "ask_the_time", "clock_gettime"), 50)

    def test_plt(self):
        stacks = self.sample(harness.PROGRAMS / "plt_calls", 4)
        self.assert_whole(stacks, 99.5)
        self.assertGreater(self.share(stacks, "main", "call_through_plt"), 98)
        self.assertGreater(self.share(stacks, "call_through_plt", "tiny_"), 10)

    def test_late_loading(self):
        stacks = self.sample(harness.PROGRAMS / "late_loading", 5, harness.PROGRAMS / "late_library.so")
        self.assertGreater(self.share(stacks, "main", "work_at_home"), 35)
        self.assertGreater(self.share(stacks, "main", "work_in_late_library"), 35)

    def test_thread_names_that_are_no_text(self):
        recording = harness.record("-F", HZ, command=[harness.PROGRAMS / "thread_names", 3])
        self.assert_good(recording)
        lines = [s for s in recording.stacks if any("spin" in f for f in s.frames)]
        self.assertGreater(sum(s.count for s in lines), 300)
        self.assertFalse(any("\x1b" in s.process or "\n" in s.process for s in recording.stacks))


if __name__ == "__main__":
    harness.main()
