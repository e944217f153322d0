#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The processor is killed -9 twenty times under load: sampling goes on, and not one sample is unaccounted for."""

import re
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import harness

KILLS = 20


class Restarts(harness.LiveTest):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="splitprof-restarts-")
        self.addCleanup(self.folder.cleanup)
        Path(self.folder.name).chmod(0o755)
        self.socket = f"{self.folder.name}/sampler.sock"
        self.sampler_log = open(f"{self.folder.name}/sampler.log", "w+", errors="replace")
        self.addCleanup(self.sampler_log.close)
        self.start_sampler()
        self.load = subprocess.Popen([harness.PROGRAMS / "native", "30", "120", "2"])
        self.addCleanup(self.end_load)

    def start_sampler(self):
        """Until it listens: the socket of one that was killed is still there, and refuses."""
        before = self.log().count("ready:")
        self.sampler = subprocess.Popen([harness.BIN / "splitprof-sampler", "--socket", self.socket],
                                        stderr=self.sampler_log, stdout=self.sampler_log)
        deadline = time.monotonic() + 10
        while self.log().count("ready:") == before and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(self.log().count("ready:"), before + 1, self.log())

    def end_load(self):
        self.load.kill()
        self.load.wait()

    def log(self):
        self.sampler_log.flush()
        return Path(self.sampler_log.name).read_text(errors="replace")

    def start_processor(self, summary=None):
        line = [harness.BIN / "splitprof-processor", "--sampler", self.socket, "--hz", "997"]
        if summary:
            line += ["--summary-fd", str(summary.fileno())]
        return subprocess.Popen(line, stderr=subprocess.DEVNULL, pass_fds=[summary.fileno()] if summary else [])

    def equations(self):
        found = re.findall(r"accounting: (.*)", self.log())
        self.assertTrue(found, self.log())
        values = {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", found[-1])}
        print(f"  {values}")
        taken = values["samples_taken"]
        accounted = sum(values.get(n, 0) for n in ("ring_lost", "no_client", "shared_ring_full", "odd_bpf_records", "published"))
        self.assertEqual(taken, accounted, values)
        self.assertEqual(values["published"], values["consumed"] + values["abandoned"], values)
        return values

    def test_killed_processors_cost_no_accounting(self):
        for round_ in range(KILLS):
            processor = self.start_processor()
            time.sleep(0.4 + 0.05 * round_)
            self.assertIsNone(processor.poll(), f"round {round_}: the processor ended by itself")
            processor.kill()
            processor.wait()
            self.assertIsNone(self.sampler.poll(), f"round {round_}: the sampler ended\n{self.log()}")
        # The last one works to its end, so sampling went on for it.
        with tempfile.TemporaryFile() as summary:
            processor = self.start_processor(summary)
            time.sleep(3)
            processor.send_signal(signal.SIGINT)
            self.assertEqual(processor.wait(timeout=60), 0)
            summary.seek(0)
            self.assertIn(b'"accounting"', summary.read())
        self.sampler.terminate()
        self.assertEqual(self.sampler.wait(timeout=20), 0, self.log())
        values = self.equations()
        self.assertGreater(values["published"], 997)
        self.assertGreater(values["consumed"], 0)
        self.assertIn("abandoned", values)

    def test_sampler_can_be_started_again(self):
        self.sampler.kill()
        self.sampler.wait()
        self.start_sampler()
        processor = self.start_processor()
        time.sleep(2)
        processor.send_signal(signal.SIGINT)
        self.assertEqual(processor.wait(timeout=60), 0)
        self.sampler.terminate()
        self.assertEqual(self.sampler.wait(timeout=20), 0, self.log())
        self.assertGreater(self.equations()["consumed"], 0)

    def tearDown(self):
        harness.stop(self.sampler)


if __name__ == "__main__":
    harness.main()
