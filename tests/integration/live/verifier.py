#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the kernel's verifier thinks of the BPF programs: far from its limit of a million instructions, and quickly."""

import json
import subprocess

import harness

# Older kernels prune less: programs that 6.18 looked at with 107,000 instructions took 189,000 on 5.4.286.
MOST_INSTRUCTIONS = 400_000
MOST_LOAD_MS = 500


class Verifier(harness.LiveTest):
    def test_programs_are_small(self):
        run = subprocess.run([harness.BUILD / "tests" / "bin" / "verified_programs"], capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stderr)
        programs = json.loads(run.stdout)
        harness.note("programs", programs)
        self.assertGreaterEqual(len(programs), 4)
        for one in programs:
            print(f"  {one['name']}: {one['instructions']} verified, {one['jited_bytes']} bytes of machine code")
            self.assertGreater(one["instructions"], 0)
            self.assertLess(one["instructions"], MOST_INSTRUCTIONS)
            self.assertLess(one["load_ms"], MOST_LOAD_MS)


if __name__ == "__main__":
    harness.main()
