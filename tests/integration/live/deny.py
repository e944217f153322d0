#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the deny-list names is counted, and never looked at: neither what ran before the sampler started, nor what
starts later, nor their children."""

import subprocess
import time

import harness

DENIED_UID = 61234


class Deny(harness.LiveTest):
    def assert_never_looked_at(self, recording, name):
        self.assert_good(recording)
        stacks = recording.of(name)
        self.assertGreater(recording.samples(name), 30, recording.stderr)
        for stack in stacks:
            self.assertEqual(stack.marker, "denied", stack.frames)
            user = [f for f in stack.frames if not f.endswith("_[k]")]
            self.assertEqual([f for f in user if f != "[truncated: denied]"], [], "a frame of a denied process")
        print(f"  {name}: {recording.samples(name)} samples, all of them only counted")

    def test_an_executable_that_runs_already(self):
        with subprocess.Popen([harness.PROGRAMS / "native", "20", "20", "1"]) as load:
            time.sleep(0.3)
            recording = harness.record("-F", 199, "-p", load.pid, "--deny", f"exe={harness.PROGRAMS}/native",
                                       seconds=3)
            load.kill()
        self.assert_never_looked_at(recording, "native")

    def test_an_executable_that_starts_later(self):
        recording = harness.record("-F", 199, "--deny", f"exe={harness.PROGRAMS}/native",
                                   command=[harness.PROGRAMS / "native", "20", "3", "1"])
        self.assert_never_looked_at(recording, "native")

    def test_a_user(self):
        with subprocess.Popen([harness.PROGRAMS / "native", "20", "20", "1"], user=DENIED_UID) as load:
            time.sleep(0.3)
            recording = harness.record("-F", 199, "--deny", f"uid={DENIED_UID}", "-p", load.pid, seconds=3)
            load.kill()
        self.assert_never_looked_at(recording, "native")


if __name__ == "__main__":
    harness.main()
