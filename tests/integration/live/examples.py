#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The examples of docs/examples do what they say, with paths and ports of this test: files, metrics only, and one daemon
that sends OTLP to another one, which sends it on to a real Elasticsearch. And the page of counters."""

import json
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import daemon
import elasticsearch_server
import harness
from daemon import EVENTS

SECONDS = 8
EXAMPLES = harness.SOURCES / "docs" / "examples"


class Examples(harness.LiveTest):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="splitprof-examples-")
        cls.folder = Path(cls.scratch.name)
        # The daemon's own user writes what is rotated.
        cls.folder.chmod(0o777)
        cls.server = daemon.start_elasticsearch(cls.folder / "data")
        cls.server.templates()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.scratch.cleanup()

    def start(self, example, *arguments, telemetry=None):
        """`telemetry`: the port of its page."""
        page = [f"--config=yaml:service::telemetry::metrics::address: localhost:{telemetry}"] if telemetry else ["--no-telemetry"]
        run = daemon.Daemon(self.folder / f"{example}.log", "--config", EXAMPLES / f"{example}.yml", *page, *arguments,
                            "--state", self.folder / "state" / example)
        self.addCleanup(run.close)
        return run

    def ended(self, run):
        self.assertEqual(run.stop(), 0, run.log())
        return run.log()

    def get(self, port, path):
        try:
            with urllib.request.urlopen(f"http://localhost:{port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()

    def test_folded_stacks_and_the_page_of_counters(self):
        path, port = self.folder / "profile.folded", elasticsearch_server.free_port()
        with daemon.Load():
            run = self.start("folded", "--set", f"exporters.file.path={path}", telemetry=port)
            time.sleep(SECONDS)
            status, page = self.get(port, "/metrics")
            self.assertEqual(status, 200)
            self.assertEqual(self.get(port, "/healthz")[0], 200, self.get(port, "/healthz"))
            log = self.ended(run)
        line, balance = daemon.balance(log, "file")
        print(f"\n  {line}")
        self.assertEqual(sum(stack.count for stack in harness.read_folded(path)), balance["delivered"])
        self.assertNotIn("not accounted for", line)
        values = dict(row.rsplit(" ", 1) for row in page.splitlines() if row and not row.startswith("#"))
        self.assertGreater(int(values["splitprof_processor_samples_consumed"]), 0)
        self.assertGreater(int(values['splitprof_exporter_samples_received{component="file"}']), 0)
        self.assertGreater(int(values["splitprof_bpf_samples_taken"]), 0)

    def test_lines_of_otlp_json(self):
        path = self.folder / "profiles.json"
        with daemon.Load():
            run = self.start("file-rotated", "--set", f"exporters.file.path={path}")
            time.sleep(SECONDS)
            log = self.ended(run)
        samples = 0
        for line in path.read_text().splitlines():
            for resource in json.loads(line)["resourceProfiles"]:
                for scope in resource["scopeProfiles"]:
                    for profile in scope["profiles"]:
                        samples += sum(len(s.get("timestampsUnixNano", [0])) for s in profile["samples"])
        line, balance = daemon.balance(log, "file")
        print(f"\n  {line}")
        self.assertGreater(samples, 0)
        self.assertEqual(samples, balance["delivered"], line)

    def test_metrics_only(self):
        with daemon.Load():
            run = self.start("metrics-only", "--set", f"exporters.elasticsearch.endpoint={self.server.url}")
            time.sleep(SECONDS)
            self.ended(run)
        self.server.refresh()
        self.assertGreater(self.server.count("metrics-profilingmetricsconnector.otel-default"), 0)

    def test_one_daemon_sends_otlp_to_another_one(self):
        port, before = elasticsearch_server.free_port(), self.server.count(EVENTS)
        with daemon.Load():
            relay = self.start("otlp-relay", "--set", f"receivers.otlp.protocols.http.endpoint=localhost:{port}",
                               "--set", f"exporters.elasticsearch.endpoint={self.server.url}")
            time.sleep(1)
            source = self.start("otlphttp", "--set", f"exporters.otlphttp.endpoint=http://localhost:{port}")
            time.sleep(SECONDS)
            line, balance = daemon.balance(self.ended(source), "otlphttp")
            self.ended(relay)
        print(f"\n  {line}")
        self.assertGreater(balance["delivered"], 0)
        self.assertNotIn("dropped", line)
        self.server.refresh()
        self.assertEqual(self.server.count(EVENTS) - before, balance["delivered"], line)


if __name__ == "__main__":
    harness.main()
