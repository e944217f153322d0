#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A server that goes away, a processor that is killed meanwhile, and what the next one makes of it: every sample that
had reached the disk arrives, exactly once. SPLITPROF_OUTAGE_SECONDS: how long the server is away from each of the two
processors (10; the figures of docs/status.md: 30)."""

import json
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import daemon
import harness
from daemon import EVENTS, GATE

SECONDS = int(os.environ.get("SPLITPROF_OUTAGE_SECONDS", 10))


class Outage(harness.LiveTest):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="splitprof-outage-")
        self.addCleanup(self.scratch.cleanup)
        self.folder = Path(self.scratch.name)
        self.folder.chmod(0o755)
        self.start_server()
        self.server.templates()
        self.config = self.folder / "config.yml"
        self.config.write_text(f"""
receivers:
  profiling:
    reporter_interval: 1s
exporters:
  elasticsearch:
    endpoint: {self.server.url}
    flush: {{interval: 1s}}
    retry: {{max_interval: 2s}}
service:
  pipelines:
    profiles: {{receivers: [profiling], exporters: [elasticsearch]}}
""")

    def start_server(self, port=None):
        self.server = daemon.start_elasticsearch(self.folder / "data", port)
        self.addCleanup(self.server.stop)
        self.port = int(self.server.url.rsplit(":", 1)[1])

    def start_daemon(self, name):
        run = daemon.Daemon(self.folder / name, "--config", self.config, GATE, "--state", self.folder / "state",
                            "--no-telemetry")
        self.addCleanup(run.close)
        return run

    def events(self):
        self.server.refresh()
        return self.server.count(EVENTS)

    def backlog(self):
        """Samples that `splitprof backlog` finds on disk."""
        said = subprocess.run([harness.BIN / "splitprof", "backlog", "--json",
                               self.folder / "state/backlog/elasticsearch/profiles"], capture_output=True, text=True)
        self.assertEqual(said.returncode, 0, said.stdout + said.stderr)
        return json.loads(said.stdout)["waiting"]

    def wait_for_events(self, least, seconds=60):
        deadline = time.monotonic() + seconds
        while self.events() < least and time.monotonic() < deadline:
            time.sleep(0.5)
        self.assertGreaterEqual(self.events(), least)

    def test_what_was_kept_on_disk_arrives_exactly_once(self):
        with daemon.Load():
            first = self.start_daemon("first.log")
            self.wait_for_events(50)
            self.server.stop()
            time.sleep(SECONDS)
            os.kill(first.processor(), signal.SIGKILL)
            self.assertNotEqual(first.stop(), 0, "the launcher says that the processor was killed")
            kept = self.backlog()
            # With nobody who sends: what had arrived before.
            self.start_server(self.port)
            arrived = self.events()
            self.server.stop()

            second = self.start_daemon("second.log")
            time.sleep(SECONDS)
            self.start_server(self.port)
            self.wait_for_events(arrived + kept["samples"])
            time.sleep(3)
            status = second.stop()
        self.assertEqual(status, 0, second.log())
        line, balance = daemon.balance(second.log())
        print(f"\n  {arrived} events had arrived, {kept['samples']} samples were on disk when the processor was killed"
              f"\n  {line}\n  {self.events()} events in the end")
        self.assertGreater(kept["samples"], 0)
        self.assertEqual(balance["left by an earlier process"], kept["samples"], line)
        self.assertNotIn("not accounted for", line)
        self.assertNotIn("dropped", line)
        self.assertEqual(self.events(), arrived + balance["delivered"], line)


if __name__ == "__main__":
    harness.main()
