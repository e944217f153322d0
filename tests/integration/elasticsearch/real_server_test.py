#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The elasticsearch exporter against a real Elasticsearch: real_server_test.py EXPORT_DRIVER CACHE_FOLDER. Skipped
(exit status 77) where there can be none, but fails there with SPLITPROF_REQUIRE_ELASTICSEARCH=1. With
SPLITPROF_ES_FULL=1 the server that has scripts, too; it is a gigabyte to fetch."""

import os
import shutil
import sys
import tempfile
import time
import unittest
from pathlib import Path

import elasticsearch_server
from driver import Driver
from fake_server_test import make_certificates

BINARY, CACHE = "", ""
KIND = "full" if os.environ.get("SPLITPROF_ES_FULL") == "1" else "light"
METRICS = "metrics-profilingmetricsconnector.otel-default"


class Plain(unittest.TestCase):
    """One server for all of it: it takes its time to start. Each test continues where the one before it ended."""

    @classmethod
    def setUpClass(cls):
        cls.data = tempfile.mkdtemp(prefix="splitprof-es-")
        cls.server = elasticsearch_server.start(CACHE, cls.data, KIND)
        cls.server.templates()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        shutil.rmtree(cls.data, ignore_errors=True)

    def drive(self, **options):
        counters, said = Driver(BINARY, endpoints=[self.server.url], downsampled_events=True, **options).result()
        self.server.refresh()
        return counters, said

    def test_1_documents_arrive_and_can_be_read_back(self):
        counters, said = self.drive(batches=4, samples=100, metrics=True, interval_ms=4000)
        print(said)
        self.assertEqual(counters["samples_delivered"], 400)
        self.assertEqual(self.server.count("profiling-events-all"), 400)
        self.assertEqual(self.server.count("profiling-stacktraces"), 50)
        self.assertEqual(self.server.count("profiling-stackframes"), 51)
        self.assertEqual(self.server.count("profiling-hosts"), 1)
        self.assertEqual(self.server.count("profiling-sq-executables"), 1)
        self.assertGreater(self.server.count("profiling-events-5pow01"), 0)
        # Refused as an update where there are no scripts, and created by the batch after the answer.
        self.assertEqual(self.server.count("profiling-executables"), 1)
        self.assertEqual(counters["items_refused"] > 0, KIND != "full")

        events = self.server.search("profiling-events-all")
        traces = self.server.search("profiling-stacktraces")
        frames = self.server.search("profiling-stackframes")
        for event in events.values():
            event = nested(event)
            self.assertEqual(event["host"]["name"], "node-7")
            self.assertEqual(event["service"]["name"], "checkout")
            self.assertEqual(event["Stacktrace"]["sampling_frequency"], 19)
            self.assertIn(event["Stacktrace"]["id"], traces)
        for identity, trace in traces.items():
            self.assertEqual(len(identity), 22)
            ids = nested(trace)["Stacktrace"]["frame"]["ids"]
            self.assertEqual(len(ids), 3 * 32)
            # The two Python frames have names; the native one waits for a symbolizer.
            self.assertIn(ids[:32], frames)
            self.assertIn(ids[32:64], frames)
        names = {name for frame in frames.values() for name in nested(frame)["Stackframe"]["function"]["name"]}
        self.assertIn("main", names)
        executables = self.server.search("profiling-executables")
        self.assertEqual(list(executables), ["ABEiM0RVZneImaq7zN3u_w"])
        self.assertEqual(nested(*executables.values())["Executable"]["file"]["name"], "libexample.so.1")

    def test_2_metrics_can_be_queried_by_their_short_names(self):
        self.assertEqual(self.server.count(METRICS), 4)
        self.assertEqual(self.server.count(METRICS, {"range": {"samples.user.count": {"gte": 42}}}), 4)
        self.assertEqual(self.server.count(METRICS, {"term": {"host.name": "node-7"}}), 4)
        status, answer = self.server.request("POST", f"/{METRICS}/_search",
                                             {"size": 0, "aggs": {"n": {"sum": {"field": "samples.cpython.count"}}}})
        self.assertEqual((status, answer["aggregations"]["n"]["value"]), (200, 168))

    def test_3_what_another_process_wrote_is_known_and_not_spoken_of(self):
        counters, said = self.drive(batches=1, samples=100, seed=2)
        self.assertEqual(self.server.count("profiling-events-all"), 500)
        self.assertEqual(self.server.count("profiling-stacktraces"), 50)
        self.assertGreaterEqual(counters["items_known"], 101)
        self.assertNotIn("version_conflict", said)

    def test_4_a_data_stream_without_a_template_is_refused_with_a_hint(self):
        counters, said = self.drive(batches=1, samples=50, schema="otel")
        self.assertGreaterEqual(counters["items_refused"], 101)  # stacks and frames; events fit a template of ecs
        self.assertEqual(self.server.count("profiling-stacktraces.otel-default"), 0)
        self.assertIn("index_not_found_exception; there is no template", said)


class Secured(unittest.TestCase):
    """TLS with an authority of our own, and a password."""

    @classmethod
    def setUpClass(cls):
        cls.data = tempfile.mkdtemp(prefix="splitprof-es-")
        make_certificates(cls.data)

        def prepare(config):
            for name in ("server.pem", "server.key"):
                shutil.copy(Path(cls.data, name), config)
            (config / "users").write_text("tester:plain-password\n")
            (config / "users_roles").write_text("superuser:tester\n")

        cls.server = elasticsearch_server.start(CACHE, Path(cls.data, "node"), KIND, prepare=prepare, settings=[
            "xpack.security.enabled=true", "xpack.security.http.ssl.enabled=true",
            "xpack.security.http.ssl.key=server.key", "xpack.security.http.ssl.certificate=server.pem"])

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        shutil.rmtree(cls.data, ignore_errors=True)

    def drive(self, **options):
        return Driver(BINARY, endpoints=[self.server.url], tls={"ca_file": str(Path(self.data, "ca.pem"))},
                      **options).result()

    def test_the_password_lets_it_in(self):
        counters, said = self.drive(user="tester", password="plain-password")
        # The server is not set up: what makes its index by itself is stored all the same.
        self.assertGreaterEqual(counters["items_delivered"], 100, said)
        self.assertTrue(counters["healthy"])
        self.assertNotIn("plain-password", said)

    def test_a_wrong_password_does_not(self):
        counters, said = self.drive(user="tester", password="wrong-password", linger_ms=6000, require_setup=False)
        self.assertEqual(counters["items_delivered"], 0)
        self.assertFalse(counters["healthy"])
        self.assertIn("status 401, security_exception", said)
        self.assertNotIn("wrong-password", said)


def nested(document):
    """With dotted names taken apart: indices with synthetic source answer so, others as documents were sent."""
    out = {}
    for name, value in document.items():
        at = out
        *folders, last = name.split(".")
        for folder in folders:
            at = at.setdefault(folder, {})
        if isinstance(value, dict) and isinstance(at.get(last), dict):
            at[last].update(nested(value))
        else:
            at[last] = nested(value) if isinstance(value, dict) else value
    return out


def main():
    global BINARY, CACHE
    BINARY, CACHE = sys.argv[1:3]
    try:
        java, version = elasticsearch_server.find_java()
        began = time.monotonic()
        elasticsearch_server.unpacked(KIND, version, CACHE)
        print(f"{KIND} server, Java {version}, there after {time.monotonic() - began:.0f} s", flush=True)
    except elasticsearch_server.Cannot as reason:
        print(f"skipped: {reason}")
        sys.exit(1 if os.environ.get("SPLITPROF_REQUIRE_ELASTICSEARCH") == "1" else 77)
    unittest.main(argv=sys.argv[:1])


if __name__ == "__main__":
    main()
