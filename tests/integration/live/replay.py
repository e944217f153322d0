#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Live recordings of mixed loads and their replays: equal folded stacks and counters, without root; and what is said of
captures that were cut, broken or written by another version. SPLITPROF_REPLAYS: how many recordings (2)."""

import json
import os
import shutil
import signal
import stat
import struct
import subprocess
import tempfile
import time
from pathlib import Path

import harness

NOBODY = 65534


def load(folder, number):
    """Programs that begin and end while the recording runs, each loop another mix."""
    programs = harness.PROGRAMS
    mixes = [
        f"{programs}/native 26 3 2 & {programs}/short_lived --work 20; while :; do {programs}/short_lived --work 5; done",
        f"{programs}/signal_handler 3 & {programs}/plt_calls 3 & while :; do ls -lR /usr/include >/dev/null; done",
        f"{programs}/late_loading 3 & {programs}/vdso 3 & while :; do gzip -c /bin/bash >/dev/null; done",
        f"{programs}/thread_names 3 & {programs}/native 600 3 1 & while :; do python3 -c 'print(sum(range(99999)))'; done",
        f"while :; do c++ -O0 -x c++ -c -o {folder}/x.o - <<< '#include <map>'; done",
    ]
    return ["/bin/bash", "-c", f"({mixes[number % len(mixes)]}) >/dev/null 2>&1 & sleep 3; kill $!"]


class Replay(harness.LiveTest):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="splitprof-replay-")
        os.chmod(cls.folder, 0o755)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def path(self, name):
        return f"{self.folder}/{name}"

    def record(self, number, *arguments):
        with subprocess.Popen(load(self.folder, number), start_new_session=True) as busy:
            run = subprocess.run([harness.BIN / "splitprof", "record", "-q", "-d", "3s", "-F", "199",
                                  "-o", self.path(f"{number}.folded"), "-o", self.path(f"{number}.splitprof"),
                                  "--summary", self.path(f"{number}.json"), *arguments],
                                 capture_output=True, text=True, timeout=120)
            subprocess.run(["pkill", "-s", str(busy.pid)], check=False)
        self.assertEqual(run.returncode, 0, run.stderr)

    def report(self, capture, *arguments, user=None):
        return subprocess.run([harness.BIN / "splitprof", "report", capture, *arguments], capture_output=True, text=True,
                              errors="replace", timeout=120, user=user, group=user)

    def test_replays_end_in_the_same_profile_without_root(self):
        for number in range(int(os.environ.get("SPLITPROF_REPLAYS", "2"))):
            with self.subTest(number):
                self.record(number)
                capture = Path(self.path(f"{number}.splitprof"))
                info = capture.stat()
                self.assertEqual(stat.S_IMODE(info.st_mode), 0o600)
                os.chown(capture, NOBODY, NOBODY)
                out = Path(self.path(f"out-{number}"))
                out.mkdir()
                os.chown(out, NOBODY, NOBODY)
                run = self.report(capture, "-o", f"{out}/x.folded", "-o", f"{out}/x.html", "-o", f"{out}/x.pb.gz",
                                  "--summary", f"{out}/x.json", user=NOBODY)
                self.assertEqual(run.returncode, 0, run.stderr)
                self.assertNotIn("differs", run.stderr)
                live = Path(self.path(f"{number}.folded")).read_bytes()
                self.assertEqual((out / "x.folded").read_bytes(), live)
                before = json.loads(Path(self.path(f"{number}.json")).read_text())
                after = json.loads((out / "x.json").read_text())
                self.assertEqual(after["counters"], before["counters"])
                self.assertEqual(after["samples"], before["samples"])
                stacks = live.count(b"\n")
                print(f"  recording {number}: {before['samples']['aggregated']} samples, {stacks} stacks, equal; "
                      f"{info.st_size / 1024:.0f} KiB")
                self.assertGreater(before["samples"]["aggregated"], 300)
                self.assertGreater(stacks, 50)
                self.assertGreater((out / "x.html").stat().st_size, 10_000)

    def test_says_what_is_wrong_with_a_capture(self):
        self.record(100)
        whole = Path(self.path("100.splitprof")).read_bytes()
        header, frame = struct.Struct("<8sHHI"), struct.Struct("<IIQ")
        first_frame = header.size + frame.size + frame.unpack_from(whole, header.size)[0]
        broken = bytearray(whole)
        broken[first_frame + 500] ^= 1
        cases = {
            "cut": (whole[:len(whole) - 100], "damaged at byte", True),
            "without-end": (whole[:first_frame], f"damaged at byte {first_frame} (frame 1): it has no end mark", True),
            "broken": (bytes(broken), f"damaged at byte {first_frame} (frame 1): a frame's hash", True),
            "foreign": (whole[:8] + b"\x63\0" + whole[10:], "format 99.0", False),
            "empty": (b"", "no capture", False),
            "other": (b"\x7fELF" + whole, "no capture", False),
        }
        for name, (content, message, usable) in cases.items():
            with self.subTest(name):
                path = Path(self.path(f"{name}.splitprof"))
                path.write_bytes(content)
                run = self.report(path, "-o", self.path(f"{name}.folded"))
                self.assertEqual(run.returncode, 1)
                self.assertIn(message, run.stderr)
                info = subprocess.run([harness.BIN / "splitprof", "capture-info", path], capture_output=True, text=True)
                self.assertEqual(info.returncode, 1)
                self.assertIn(message, info.stdout + info.stderr)
                run = self.report(path, "--damaged", "-o", self.path(f"{name}.folded"))
                self.assertEqual(run.returncode, 0 if usable else 1, run.stderr)
        self.assertGreater(len(harness.read_folded(self.path("cut.folded"))), 0)

    def test_tells_what_a_capture_holds(self):
        self.record(101)
        info = subprocess.run([harness.BIN / "splitprof", "capture-info", self.path("101.splitprof")],
                              capture_output=True, text=True)
        self.assertEqual(info.returncode, 0, info.stderr)
        for wanted in ("199 Hz", "command lines", "reads of memory", "copies of stacks", "AskMappings"):
            self.assertIn(wanted, info.stdout)
        self.assertNotIn(os.uname().nodename, info.stdout.replace(os.uname().machine, ""))

    def test_a_small_limit_ends_the_capture_and_not_the_recording(self):
        self.record(102, "--capture-limit", "1")
        capture = self.path("102.splitprof")
        self.assertLess(os.stat(capture).st_size, 3 << 20)  # what was on its way when the limit was reached comes on top
        run = self.report(capture, "-o", self.path("102-replayed.folded"))
        self.assertEqual(run.returncode, 0, run.stderr)

    def test_a_processor_that_is_killed_leaves_what_was_written(self):
        run = subprocess.Popen([harness.BIN / "splitprof", "record", "-q", "-d", "60s", "-o", self.path("103.splitprof")],
                               stderr=subprocess.PIPE, text=True)
        with subprocess.Popen(load(self.folder, 0), start_new_session=True):
            time.sleep(4)
            children = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
            processors = [int(c) for c in children if os.readlink(f"/proc/{c}/exe").endswith("splitprof-processor")]
            self.assertEqual(len(processors), 1)
            os.kill(processors[0], signal.SIGKILL)
            run.communicate(timeout=60)
        self.assertEqual(run.returncode, 1)
        cut = self.report(self.path("103.splitprof"), "-o", self.path("103.folded"))
        self.assertEqual(cut.returncode, 1)
        self.assertIn("damaged", cut.stderr)
        cut = self.report(self.path("103.splitprof"), "--damaged", "-o", self.path("103.folded"))
        self.assertEqual(cut.returncode, 0, cut.stderr)

    def test_refuses_wrong_use(self):
        for arguments in (["record", "-d", "1s", "-o", self.path("a.splitprof"), "-o", self.path("b.splitprof")],
                          ["report", "/no/such.splitprof", "-o", self.path("x.folded")],
                          ["report", "/dev/zero", "-o", self.path("x.folded")],
                          ["report", "/etc/passwd", "-o", self.path("y.splitprof")]):
            run = subprocess.run([harness.BIN / "splitprof", *arguments], capture_output=True, text=True, timeout=60)
            self.assertEqual(run.returncode, 1, arguments)
            self.assertIn("splitprof", run.stderr)


if __name__ == "__main__":
    harness.main()
