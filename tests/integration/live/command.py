#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`splitprof record` as people use it: filters, exit statuses, Ctrl-C, whose files they are, and what remains after."""

import json
import os
import signal
import stat
import subprocess
import tempfile
import time
from pathlib import Path

import harness


def daemons():
    """Pids of every sampler and processor on this machine."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.readlink(entry / "exe").startswith((f"{harness.BIN}/splitprof-sampler", f"{harness.BIN}/splitprof-processor")):
                    found.add(int(entry.name))
            except OSError:
                pass  # gone meanwhile, or a kernel thread
    return found


class Command(harness.LiveTest):
    def setUp(self):
        self.before = daemons()
        self.folder = tempfile.TemporaryDirectory(prefix="splitprof-command-")
        self.addCleanup(self.folder.cleanup)

    def tearDown(self):
        deadline = time.monotonic() + 5
        while daemons() - self.before and time.monotonic() < deadline:
            time.sleep(0.1)
        self.assertEqual(daemons() - self.before, set(), "a daemon outlived its recording")

    def path(self, name):
        return f"{self.folder.name}/{name}"

    def test_passes_the_commands_exit_status_on(self):
        self.assertEqual(harness.record(command=["/bin/sh", "-c", "exit 3"]).status, 3)

    def test_says_when_the_command_is_not_there(self):
        recording = harness.record(command=["/no/such/command"])
        self.assertEqual(recording.status, 127)
        self.assertIn("/no/such/command", recording.stderr)

    def test_samples_only_the_command_and_its_descendants(self):
        with subprocess.Popen([harness.PROGRAMS / "native", "5", "8", "1"]) as bystander:
            recording = harness.record("-F", 199, command=["/bin/sh", "-c", f"{harness.PROGRAMS}/vdso 3; true"])
            bystander.kill()
        self.assert_good(recording)
        self.assertGreater(recording.samples("vdso"), 50, recording.stderr)
        self.assertEqual(recording.samples("native"), 0)

    def test_samples_only_the_pids_that_are_asked_for(self):
        with subprocess.Popen([harness.PROGRAMS / "native", "5", "8", "1"]) as wanted, \
             subprocess.Popen([harness.PROGRAMS / "vdso", "8"]) as bystander:
            recording = harness.record("-F", 199, "-p", wanted.pid, seconds=3)
            wanted.kill()
            bystander.kill()
        self.assert_good(recording)
        self.assertGreater(recording.samples("native"), 100, recording.stderr)
        self.assertEqual(recording.samples("vdso"), 0)

    def test_sees_a_command_from_its_first_instruction_on(self):
        recording = harness.record("-F", 997, command=[harness.PROGRAMS / "short_lived", "--work", "300"])
        self.assert_good(recording)
        self.assertGreater(recording.samples("short_lived"), 200, recording.stderr)

    def test_all_formats_at_once(self):
        folder = self.path("all")
        run = subprocess.run([harness.BIN / "splitprof", "record", "--all-formats", folder, "--", harness.PROGRAMS / "vdso", "1"],
                             capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stderr)
        names = {"flamegraph.html", "profile.pb.gz", "profile.folded", "profile.speedscope.json", "summary.json", "summary.txt"}
        self.assertEqual({path.name for path in Path(folder).iterdir()}, names)
        self.assertTrue(all(path.stat().st_size > 0 for path in Path(folder).iterdir()))
        speedscope = json.loads(Path(folder, "profile.speedscope.json").read_text())
        self.assertIn("vdso (", speedscope["profiles"][0]["name"])

    def test_interrupt_ends_it_properly(self):
        out, summary = self.path("out.folded"), self.path("summary.json")
        run = subprocess.Popen([harness.BIN / "splitprof", "record", "-o", out, "--summary", summary],
                               stderr=subprocess.PIPE, text=True)
        with subprocess.Popen([harness.PROGRAMS / "native", "5", "4", "1"]):
            time.sleep(2)
            run.send_signal(signal.SIGINT)
            _, stderr = run.communicate(timeout=60)
        self.assertEqual(run.returncode, 0, stderr)
        self.assertGreater(len(harness.read_folded(out)), 0)
        self.assertGreater(json.loads(Path(summary).read_text())["samples"]["taken"], 0)

    def test_second_interrupt_gives_up(self):
        run = subprocess.Popen([harness.BIN / "splitprof", "record", "-o", self.path("out.folded")],
                               stderr=subprocess.PIPE, text=True)
        time.sleep(1.5)
        began = time.monotonic()
        run.send_signal(signal.SIGINT)
        run.send_signal(signal.SIGTERM)  # two of one kind would merge
        run.communicate(timeout=30)
        self.assertLess(time.monotonic() - began, 15)

    def test_ends_with_its_launcher(self):
        run = subprocess.Popen([harness.BIN / "splitprof", "record", "--duration", "600s", "-o", self.path("out.folded")],
                               stderr=subprocess.DEVNULL)
        time.sleep(1.5)
        run.kill()
        run.wait()  # tearDown waits for the daemons

    def test_files_and_command_belong_to_the_user_behind_sudo(self):
        os.chmod(self.folder.name, 0o777)
        environment = dict(os.environ, SUDO_UID="12345", SUDO_GID="54321")
        run = subprocess.run([harness.BIN / "splitprof", "record", "-o", self.path("out.html"), "-o", self.path("out.pb.gz"),
                              "--summary", self.path("summary.txt"), "--", "/bin/sh", "-c", f"id -u > {self.path('who')}"],
                             env=environment, capture_output=True, text=True, timeout=120)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(Path(self.path("who")).read_text().strip(), "12345")
        for name in ("out.html", "out.pb.gz", "summary.txt"):
            info = os.stat(self.path(name))
            self.assertEqual((info.st_uid, info.st_gid), (12345, 54321), name)
            self.assertGreater(info.st_size, 0, name)
            self.assertFalse(stat.S_IMODE(info.st_mode) & 0o022, name)

    def test_refuses_what_it_cannot_write_before_it_starts_anything(self):
        for name in ("/no/such/folder/out.html", self.path("out.txt")):
            run = subprocess.run([harness.BIN / "splitprof", "record", "-d", "1s", "-o", name], capture_output=True, text=True)
            self.assertEqual(run.returncode, 1)
            self.assertIn(name, run.stderr)


if __name__ == "__main__":
    harness.main()
