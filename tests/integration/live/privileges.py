#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What every process of a running profiler may do, as the kernel says it in /proc/PID/status."""

import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import harness

CAPABILITIES = {"dac_read_search": 2, "sys_ptrace": 19, "sys_admin": 21, "syslog": 34, "perfmon": 38, "bpf": 39,
                "checkpoint_restore": 40}
SAMPLER = {"bpf", "perfmon"}
OPENER = {"sys_ptrace", "dac_read_search", "checkpoint_restore", "syslog"}


def mask(names):
    return sum(1 << CAPABILITIES[name] for name in names)


def status_of(pid):
    return dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)


def children_of(pid):
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found


def descendants_of(pid):
    found = []
    for child in children_of(pid):
        found += [child, *descendants_of(child)]
    return found


class Privileges(harness.LiveTest):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="splitprof-privileges-")
        cls.run_ = subprocess.Popen([harness.BIN / "splitprof", "record", "--duration", "60s", "-o", f"{cls.folder.name}/out.folded"],
                                    stderr=subprocess.DEVNULL)
        time.sleep(2)
        cls.processes = {}
        for pid in descendants_of(cls.run_.pid):
            cls.processes[pid] = (os.path.basename(os.readlink(f"/proc/{pid}/exe")), status_of(pid))

    @classmethod
    def tearDownClass(cls):
        harness.stop(cls.run_, signal.SIGINT, timeout=60)
        cls.folder.cleanup()

    def of(self, name):
        found = [(pid, status) for pid, (exe, status) in self.processes.items() if exe == name]
        self.assertNotEqual(found, [], f"{name} does not run")
        return found

    def assert_shut(self, status):
        self.assertEqual(status["NoNewPrivs"], "1")
        self.assertEqual(status["Seccomp"], "2")
        self.assertNotIn("0", status["Uid"].split())
        self.assertNotIn("0", status["Gid"].split())
        for kind in ("CapInh", "CapAmb"):
            self.assertEqual(int(status[kind], 16), 0, kind)
        self.assertEqual(int(status["CapPrm"], 16), int(status["CapEff"], 16))

    def test_processor_may_do_nothing(self):
        for pid, status in self.of("splitprof-processor"):
            self.assert_shut(status)
            self.assertEqual(int(status["CapPrm"], 16), 0)
            self.assertEqual(int(status["CapBnd"], 16) & mask(SAMPLER | OPENER), 0)
            self.assertEqual(status["Groups"].split(), [])
            for task in Path(f"/proc/{pid}/task").iterdir():  # every thread is under the filter
                self.assertIn("Seccomp:\t2", (task / "status").read_text())

    def test_sampler_and_openers_have_their_own_sets(self):
        """The process that loads BPF holds two capabilities, the one that opens targets four others."""
        sets = {int(status["CapPrm"], 16) for _, status in self.of("splitprof-sampler")}
        self.assertEqual(sets, {mask(SAMPLER), mask(OPENER)}, [hex(s) for s in sets])
        for _, status in self.of("splitprof-sampler"):
            self.assert_shut(status)

    def test_nobody_has_sys_admin(self):
        for pid, (exe, status) in self.processes.items():
            for kind in ("CapPrm", "CapEff", "CapInh", "CapAmb"):
                self.assertEqual(int(status[kind], 16) & mask({"sys_admin"}), 0, (exe, kind))

    def test_sampler_and_processor_are_different_users(self):
        uids = {name: {status["Uid"] for _, status in self.of(name)} for name in ("splitprof-sampler", "splitprof-processor")}
        self.assertTrue(uids["splitprof-sampler"].isdisjoint(uids["splitprof-processor"]), uids)

    def test_print_the_table(self):
        for pid, (exe, status) in sorted(self.processes.items()):
            names = [n for n, bit in CAPABILITIES.items() if int(status["CapPrm"], 16) >> bit & 1]
            print(f"  {status['Name']:<16} {exe:<20} uid {status['Uid'].split()[0]:<6} {', '.join(names) or 'no capability'}; "
                  f"NoNewPrivs {status['NoNewPrivs']}, Seccomp {status['Seccomp']}")


if __name__ == "__main__":
    harness.main()
