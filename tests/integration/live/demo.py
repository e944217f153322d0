#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The demo that quickstart shows: names, kernel frames, and a recording of the whole machine beside it."""

import subprocess

import harness

LEAST_NAMED_PERCENT = 95


class Demo(harness.LiveTest):
    def test_samples_have_names(self):
        recording = harness.record(command=[harness.BIN / "splitprof-demo", 8])
        self.assert_good(recording)
        named = recording.summary["named"]
        self.assertGreater(named["samples"], 500, recording.stderr)
        percent = 100 * named["leaf_named"] / named["samples"]
        frames_percent = 100 * named["frames_named"] / named["frames"]
        print(f"  {named['samples']} samples, {percent:.2f} % with a named leaf, {frames_percent:.2f} % of frames named")
        harness.note("demo", {"named_percent": percent, "frames_named_percent": frames_percent, "samples": named["samples"]})
        self.assertGreaterEqual(percent, LEAST_NAMED_PERCENT)
        functions = {frame for stack in recording.stacks for frame in stack.frames}
        for wanted in ("shop::OrderParser::parse", "shop::PriceSearch::best_price", "shop::Journal::append"):
            self.assertTrue(any(wanted in f for f in functions), f"{wanted} is missing")
        self.assert_whole(recording.stacks, 99)

    def test_kernel_frames_stand_on_top_of_user_frames(self):
        recording = harness.record(command=[harness.BIN / "splitprof-demo", 5])
        self.assert_good(recording)
        written = [s for s in recording.stacks
                   if any("shop::Journal" in f for f in s.frames) and s.leaf.endswith("_[k]")]
        self.assertGreater(sum(s.count for s in written), 4)
        for stack in written:
            kinds = [f.endswith("_[k]") for f in stack.frames]
            self.assertEqual(kinds, sorted(kinds), stack.frames)  # user frames first, then the kernel's
        self.assertTrue(any("vfs_" in f or "ksys_" in f or "do_syscall_64" in f for s in written for f in s.frames))

    def test_whole_machine_sees_what_others_run(self):
        with subprocess.Popen([harness.BIN / "splitprof-demo", "6"]) as demo:
            recording = harness.record(seconds=4)
            demo.wait()
        self.assert_good(recording)
        self.assertGreater(sum(s.count for s in recording.stacks if any("shop::" in f for f in s.frames)), 30)
        self.assertLess(recording.seconds, 20)


if __name__ == "__main__":
    harness.main()
