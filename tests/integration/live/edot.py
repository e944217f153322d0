#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The documented configurations of a collector's user, unchanged, under a mixed load against a real Elasticsearch:
`splitprof run` with one document and a second one that holds only the exporter. Everything that was sampled arrives, and
metrics and events say the same. SPLITPROF_EDOT_SECONDS: how long each runs (10; the figures of docs/status.md: 60).
SPLITPROF_ES_FULL=1: the server that has scripts."""

import os
import tempfile
import time
from pathlib import Path

import daemon
import harness
from daemon import EVENTS, GATE, KIND

SECONDS = int(os.environ.get("SPLITPROF_EDOT_SECONDS", 10))
EXAMPLES = harness.SOURCES / "docs" / "examples"
METRICS = "metrics-profilingmetricsconnector.otel-default"
NAMES = [f"{kind}.count" for kind in ("beam", "cpython", "dotnet", "go", "jvm", "kernel", "native", "perl", "php", "ruby",
                                      "rust", "user", "v8js")] + ["classification", "custom_aggregation", "frame_type"]


class Edot(harness.LiveTest):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="splitprof-edot-")
        Path(cls.scratch.name).chmod(0o755)
        cls.server = daemon.start_elasticsearch(cls.scratch.name + "/data")
        cls.server.templates()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.scratch.cleanup()

    def setUp(self):
        self.began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self.state = tempfile.mkdtemp(dir=self.scratch.name)
        time.sleep(1.1)  # the time above has whole seconds

    def since_begin(self):
        return {"range": {"@timestamp": {"gte": self.began}}}

    def count(self, index):
        """Documents; of those that have a time only this test's."""
        timed = index.startswith(("profiling-events", "metrics"))
        return self.server.count(index, self.since_begin() if timed else None)

    def aggregate(self, index, aggregations):
        _, answer = self.server.request("POST", f"/{index}/_search", {
            "size": 0, "query": self.since_begin(), "aggs": aggregations})
        return answer["aggregations"]

    def exporter(self):
        """A document that holds nothing but the exporter."""
        path = Path(self.scratch.name) / "exporter.yml"
        path.write_text(f"exporters:\n  elasticsearch:\n    endpoint: {self.server.url}\n")
        return path

    def run(self, result=None):
        with daemon.Load():
            return super().run(result)

    def start(self, *configs, gate=(GATE,), seconds=SECONDS, environment=None):
        """Exit status and log of so many seconds."""
        arguments = [part for config in configs for part in ("--config", config)]
        run = daemon.Daemon(Path(self.state) / "log", *arguments, *gate, "--state", self.state, "--no-telemetry",
                            environment=environment)
        self.addCleanup(run.close)
        time.sleep(seconds)
        return run.stop(), run.log()

    def run_documents(self, *configs, **how):
        status, log = self.start(*configs, **how)
        self.assertEqual(status, 0, log)
        self.server.refresh()
        return log

    def check_profiles(self, log):
        counts = {index: self.count(index) for index in (
            EVENTS, "profiling-events-5pow01", "profiling-stacktraces", "profiling-stackframes",
            "profiling-executables", "profiling-hosts")}
        line, balance = daemon.balance(log)
        print(f"\n  {counts}\n  {line}")
        self.assertGreater(counts[EVENTS], 20 * SECONDS, log)
        # Executables are updated by a script. Where there are none, later batches create them: a long run has some.
        executables = 5 if KIND == "full" else 0
        for index, least in (("profiling-stacktraces", 20), ("profiling-stackframes", 50),
                             ("profiling-executables", executables), ("profiling-hosts", 1)):
            self.assertGreaterEqual(counts[index], least, index)
        self.assertNotIn("not accounted for", line)
        self.assertEqual(counts[EVENTS], balance["delivered"], line)

    def check_metrics(self, *names):
        sums = {name: int(found["value"]) for name, found in self.aggregate(METRICS, {
            name: {"sum": {"field": f"metrics.samples.{name}"}} for name in NAMES}).items() if found["value"]}
        print(f"\n  {self.count(METRICS)} documents of metrics: {sums}")
        for name in names:
            self.assertGreater(sums.get(name, 0), 0, name)
        return sums

    def test_profiles_of_9_3(self):
        self.check_profiles(self.run_documents(EXAMPLES / "edot-profiles-9.3.yml", self.exporter()))

    def test_profiles_of_9_2(self):
        self.check_profiles(self.run_documents(EXAMPLES / "edot-profiles-9.2.yml", self.exporter()))
        # From the documents, since the templates of older servers do not know the field.
        events = self.server.search(EVENTS, self.since_begin()).values()
        rates = {event.get("Stacktrace.sampling_frequency") or event["Stacktrace"]["sampling_frequency"]
                 for event in events}
        self.assertEqual({int(rate) for rate in rates}, {19})

    def test_metrics_of_9_3(self):
        self.run_documents(EXAMPLES / "edot-metrics-9.3.yml", self.exporter())
        self.check_metrics("user.count", "kernel.count", "native.count")

    def test_metrics_of_9_2(self):
        self.run_documents(EXAMPLES / "edot-metrics-9.2.yml", self.exporter())
        self.check_metrics("user.count", "kernel.count", "native.count", "frame_type")

    def test_metrics_and_events_say_the_same(self):
        both = Path(self.scratch.name) / "both.yml"
        both.write_text((EXAMPLES / "edot-metrics-9.3.yml").read_text().replace(
            "exporters: [ profilingmetrics ]", "exporters: [ elasticsearch, profilingmetrics ]"))
        self.check_profiles(self.run_documents(both, self.exporter()))
        sums = self.check_metrics("user.count", "kernel.count")
        self.assertEqual(sums["user.count"] + sums["kernel.count"], self.count(EVENTS))

    def test_without_the_gate_the_collectors_refusal(self):
        status, log = self.start(EXAMPLES / "edot-profiles-9.3.yml", self.exporter(), gate=(), seconds=1)
        self.assertEqual(status, 1)
        self.assertIn("service.profilesSupport", log)

    def test_an_exporter_that_no_file_defines_is_an_error_unless_the_environment_does(self):
        environment = {k: v for k, v in os.environ.items() if k != "ELASTICSEARCH_URL"}
        status, log = self.start(EXAMPLES / "edot-profiles-9.3.yml", seconds=1, environment=environment)
        self.assertEqual(status, 1)
        self.assertIn("elasticsearch", log)
        environment["ELASTICSEARCH_URL"] = self.server.url
        self.check_profiles(self.run_documents(EXAMPLES / "edot-profiles-9.3.yml", environment=environment))


if __name__ == "__main__":
    harness.main()
