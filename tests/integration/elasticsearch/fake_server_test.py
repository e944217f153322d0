#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The elasticsearch exporter against a server that misbehaves on demand: fake_server_test.py EXPORT_DRIVER."""

import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

from driver import Driver
from fake_server import FakeServer, basic, tls_context

BINARY = ""
EVENTS, TRACES, FRAMES = "profiling-events-all", "profiling-stacktraces", "profiling-stackframes"
METRICS = "metrics-profilingmetricsconnector.otel-default"


class WithServer(unittest.TestCase):
    def setUp(self):
        self.server = self.start()
        self.folder = tempfile.mkdtemp(prefix="splitprof-es-")

    def tearDown(self):
        self.server.stop()
        shutil.rmtree(self.folder)

    def start(self, **options):
        return FakeServer(**options)

    def drive(self, **options):
        return Driver(BINARY, **{"endpoints": [self.server.url], **options})

    def run_driver(self, **options):
        return self.drive(**options).result()

    def assert_all_there(self, samples, counters):
        """Each sample stands in the full stream once, each document that is written once is there."""
        self.assertEqual(self.server.count(EVENTS), samples)
        self.assertEqual((self.server.count(TRACES), self.server.count(FRAMES)), (50, 51))
        self.assertEqual(counters["samples_delivered"], samples)
        self.assertEqual(self.server.complaints, [])


class Documents(WithServer):
    def test_every_document_is_as_the_mappings_want_it(self):
        for schema, suffix in (("ecs", ""), ("otel", ".otel-default")):
            counters, _ = self.run_driver(batches=3, samples=200, metrics=True, schema=schema, downsampled_events=True)
            self.assertEqual(self.server.complaints, [])
            self.assertEqual(self.server.count(EVENTS + suffix), 600)
            self.assertEqual(self.server.count(TRACES + suffix), 50)
            self.assertEqual(self.server.count("profiling-hosts" + suffix), 1)
            self.assertEqual(counters["items_refused"], 0)
            self.assertTrue(counters["healthy"])
        self.assertEqual(self.server.count("profiling-events-5pow01.otel-default") > 0, True)
        self.assertEqual(self.server.count(METRICS), 6)

    def test_known_documents_are_done_silently(self):
        for _ in range(2):  # the second process does not know what the first one wrote
            counters, said = self.run_driver(batches=2, samples=100)
        self.assertEqual(self.server.count(EVENTS), 400)
        self.assertEqual(self.server.count(TRACES), 50)
        self.assertGreaterEqual(counters["items_known"], 101)
        self.assertNotIn("refused", said)
        self.assertNotIn("warning", said)

    def test_metrics_that_clash_are_said(self):
        self.server.on_item = lambda key, times: 409 if b"metrics-" in key[0] else None
        counters, said = self.run_driver(batches=1, metrics=True)
        self.assertEqual(counters["items_conflicting"], 1)
        self.assertIn("same series and millisecond", said)

    def test_bodies_can_go_uncompressed(self):
        counters, _ = self.run_driver(compression="none")
        self.assertEqual(counters["request_bytes"], counters["request_bytes_uncompressed"])
        self.assert_all_there(100, counters)


class Overload(WithServer):
    def test_every_third_document_is_refused_for_now(self):
        seen = []

        def third(key, times):
            if times == 1:
                seen.append(key)
            return 429 if times == 1 and len(seen) % 3 == 0 else None

        self.server.on_item = third
        counters, _ = self.run_driver(batches=5, samples=200)
        self.assert_all_there(1000, counters)
        self.assertGreater(counters["items_retried"], 300)
        self.assertLessEqual(max(self.server.times_sent.values()), 3, "1 + max_retries")

    def test_waits_are_those_that_were_configured(self):
        self.server.on_item = lambda key, times: 429 if times <= 2 and EVENTS.encode() in key[0] else None
        counters, _ = self.run_driver(batches=1, samples=10, initial_interval_ms=400, max_interval_ms=10000,
                                      num_consumers=1)
        self.assert_all_there_events(10, counters)
        times = [at for at, path, headers, items in self.server.bulks() if items == 10]
        # A tick and the way to the server come on top, on a machine that may be busy; backoff_test has the exact bounds.
        self.assertTrue(0.2 <= times[1] - times[0] < 0.4 + 1, times)
        self.assertTrue(0.4 <= times[2] - times[1] < 0.8 + 1, times)

    def assert_all_there_events(self, samples, counters):
        self.assertEqual(self.server.count(EVENTS), samples)
        self.assertEqual(counters["samples_delivered"], samples)

    def test_whole_requests_are_refused_for_now(self):
        for status in (429, 502, 503, 504):
            with self.subTest(status):
                self.server.documents.clear()
                base = len(self.server.bulks())
                self.server.on_request = lambda n: ("status", status, {"Retry-After": "0"}) if n - base < 4 else None
                counters, _ = self.run_driver(batches=1, samples=100, backlog=self.folder)
                self.assert_all_there(100, counters)
                self.assertEqual(counters["requests_failed"], 4)

    def test_too_large_requests_are_halved_until_they_fit(self):
        def too_large(number):
            return ("status", 413) if self.server.requests[-1][3] > 30 else None

        self.server.on_request = too_large
        counters, _ = self.run_driver(batches=2, samples=500)
        self.assert_all_there(1000, counters)
        self.assertGreater(counters["requests_split"], 0)

    def test_slow_answers_hold_nothing_up(self):
        self.server.on_request = lambda number: ("slow", 0.5)
        began = time.monotonic()
        counters, _ = self.run_driver(batches=10, samples=100, interval_ms=50)
        self.assert_all_there(1000, counters)
        self.assertLess(time.monotonic() - began, 10, "several requests at a time")


class Broken(WithServer):
    def broken(self, fault, count, **options):
        self.server.on_request = lambda number: fault if number < count else None
        counters, said = self.run_driver(batches=1, samples=100, backlog=self.folder, **options)
        self.assertEqual(counters["samples_delivered"], 100)
        self.assertEqual(counters["samples_given_up"] + counters["samples_refused"], 0)
        return counters, said

    def test_cut_connections(self):
        counters, _ = self.broken(("cut",), 8)
        self.assertGreater(counters["requests_failed"], 0)  # libcurl tries once more by itself where it may
        self.assert_all_there(100, counters)

    def test_answers_that_are_not_json(self):
        counters, said = self.broken(("body", b"<html>busy</html>"), 6)
        self.assertEqual(counters["answers_malformed"], 6)
        self.assertIn("not JSON", said)
        self.assertEqual(self.server.count(TRACES), 50, "documents with ids are stored once")

    def test_answers_that_end_too_early(self):
        self.broken(("truncated",), 6)
        self.assertEqual(self.server.count(TRACES), 50)

    def test_answers_about_more_or_fewer_documents(self):
        for fault in (("items", 0), ("items", 1), ("items", 77)):
            with self.subTest(fault):
                server, self.server = self.server, FakeServer()
                server.stop()
                counters, _ = self.broken(fault, 3)
                self.assertEqual(counters["answers_malformed"], 3)

    def test_a_request_that_takes_too_long(self):
        counters, said = self.broken(("slow", 1.0), 2, timeout_ms=300)
        self.assertIn("timed out", said)
        self.assertGreaterEqual(counters["requests_failed"], 2)


class Refused(WithServer):
    def start(self):
        return FakeServer(authorization="ApiKey c2VzYW1l")

    def test_with_the_key(self):
        counters, said = self.run_driver(api_key="c2VzYW1l")
        self.assert_all_there(100, counters)
        self.assertNotIn("c2VzYW1l", said)

    def test_without_the_key_it_is_unhealthy_and_asks_seldom(self):
        counters, said = self.run_driver(api_key="d3Jvbmc=", backlog=self.folder, require_setup=False,
                                         linger_ms=2000, max_interval_ms=500)
        self.assertFalse(counters["healthy"])
        self.assertEqual(counters["samples_waiting"], 100)
        self.assertEqual(counters["samples_given_up"], 0)
        self.assertLess(counters["requests_sent"], 20)
        self.assertIn("status 401, security_exception", said)
        self.assertNotIn("d3Jvbmc=", said)

    def test_a_password(self):
        self.server.authorization = basic("tester", "pass:word")
        counters, said = self.run_driver(user="tester", password="pass:word")
        self.assert_all_there(100, counters)
        self.assertNotIn("pass:word", said)


class NotSetUp(WithServer):
    def start(self):
        return FakeServer(set_up=False)

    def test_profiles_wait_and_metrics_go_out(self):
        counters, said = self.run_driver(metrics=True, backlog=self.folder, linger_ms=500)
        self.assertEqual(self.server.count(EVENTS), 0)
        self.assertEqual(self.server.count(METRICS), 1)
        self.assertEqual(counters["samples_waiting"], 100)
        self.assertIn("not set up", said)

    def test_they_are_sent_where_no_set_up_is_required(self):
        counters, _ = self.run_driver(require_setup=False)
        self.assert_all_there(100, counters)


class Outage(WithServer):
    def test_a_server_that_comes_back_gets_everything(self):
        port = self.server.port
        driver = self.drive(batches=40, samples=50, interval_ms=50, backlog=self.folder, max_interval_ms=200)
        time.sleep(0.5)
        self.server.stop()  # connections that are open live on: a server's end cuts them
        before, documents = self.server, self.server.documents
        before.on_request = lambda number: ("cut",)
        time.sleep(0.8)
        self.server = FakeServer(port)
        self.server.documents = documents
        counters, _ = driver.result()
        self.assert_all_there(2000, counters)
        self.assertGreater(counters["backlog_written"], 0)

    def test_a_killed_process_loses_nothing_that_was_on_disk(self):
        self.server.on_request = lambda number: ("status", 503)
        driver = self.drive(batches=20, samples=50, interval_ms=20, backlog=self.folder, linger_ms=30000)
        self.wait_until_written()
        driver.kill()
        self.server.on_request = lambda number: None
        counters, said = self.run_driver(batches=0, backlog=self.folder, linger_ms=3000)
        self.assertEqual(counters["samples_left_before"], 1000, said)
        self.assert_all_there(1000, counters)

    def wait_until_written(self):
        """The folder has not changed for two seconds."""
        before, since = None, time.monotonic()
        while before in (None, []) or time.monotonic() - since < 2:
            now = sorted((str(path), path.stat().st_size) for path in Path(self.folder).glob("profiles/*.seg"))
            if now != before:
                before, since = now, time.monotonic()
            time.sleep(0.1)

    def test_the_end_does_not_wait_for_back_offs(self):
        self.server.on_request = lambda number: ("status", 503)
        counters, _ = self.run_driver(backlog=self.folder, initial_interval_ms=30000, max_interval_ms=60000, linger_ms=300)
        self.assertTrue(counters["finished"])
        self.assertLess(counters["stopping_ms"], 3000)
        self.assertEqual(counters["samples_waiting"], 100)

    def test_a_dead_endpoint_is_passed_over(self):
        with socket.socket() as unused:  # bound, not listening
            unused.bind(("127.0.0.1", 0))
            dead = f"http://127.0.0.1:{unused.getsockname()[1]}"
            counters, _ = self.run_driver(endpoints=[dead, self.server.url], batches=5, samples=100)
        self.assert_all_there(500, counters)


def make_certificates(folder):
    """An authority of our own, a server's and a client's certificate."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=authority", "-keyout", "ca.key",
            "-out", "ca.pem")
    for name, subject, alternative in (("server", "/CN=es.example", "DNS:es.example,IP:127.0.0.1"),
                                       ("client", "/CN=splitprof", "DNS:client"), ("other", "/CN=x", "DNS:other.example")):
        Path(folder, name + ".ext").write_text(f"subjectAltName={alternative}\n")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", subject, "-keyout", name + ".key", "-out", name + ".csr")
        openssl("x509", "-req", "-days", "2", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-in",
                name + ".csr", "-extfile", name + ".ext", "-out", name + ".pem")


@unittest.skipUnless(shutil.which("openssl"), "there is no openssl command to make certificates with")
class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="splitprof-tls-")
        make_certificates(cls.folder)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def path(self, name):
        return str(Path(self.folder, name))

    def sent(self, certificate="server", client_authority=None, linger_ms=5000, **tls):
        """How many samples arrived, and what was said."""
        server = FakeServer(tls=tls_context(self.path(certificate + ".pem"), self.path(certificate + ".key"),
                                            client_authority))
        try:
            _, said = Driver(BINARY, endpoints=[server.url], tls=tls, linger_ms=linger_ms, max_retries=0).result()
            return server.count(EVENTS), said
        finally:
            server.stop()

    def test_an_authority_of_ones_own(self):
        self.assertEqual(self.sent(ca_file=self.path("ca.pem"))[0], 100)

    def test_the_systems_authorities_do_not_know_it(self):
        count, said = self.sent(linger_ms=300)
        self.assertEqual(count, 0)
        self.assertIn("certificate", said)

    def test_verification_can_be_switched_off(self):
        self.assertEqual(self.sent(insecure_skip_verify=True)[0], 100)

    def test_a_certificate_for_another_name_is_refused(self):
        self.assertEqual(self.sent("other", ca_file=self.path("ca.pem"), linger_ms=300)[0], 0)

    def test_the_name_can_be_overridden(self):
        self.assertEqual(self.sent("other", ca_file=self.path("ca.pem"), server_name_override="other.example")[0], 100)
        self.assertEqual(self.sent("other", ca_file=self.path("ca.pem"), server_name_override="third.example",
                                   linger_ms=300)[0], 0)

    def test_a_certificate_of_the_client(self):
        authority = self.path("ca.pem")
        self.assertEqual(self.sent(client_authority=authority, ca_file=authority, linger_ms=300)[0], 0)
        self.assertEqual(self.sent(client_authority=authority, ca_file=authority, cert_file=self.path("client.pem"),
                                   key_file=self.path("client.key"))[0], 100)

    def test_a_key_that_does_not_belong_is_refused_at_the_start(self):
        with self.assertRaisesRegex(RuntimeError, "does not belong to the certificate"):
            self.sent(cert_file=self.path("client.pem"), key_file=self.path("server.key"))

    def test_the_oldest_version_can_be_chosen(self):
        self.assertEqual(self.sent(ca_file=self.path("ca.pem"), min_version="1.3")[0], 100)


class Proxy(WithServer):
    """A proxy for CONNECT and for whole URLs, in a few lines."""

    def setUp(self):
        super().setUp()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.heads = []
        threading.Thread(target=self.accept, daemon=True).start()

    def tearDown(self):
        self.listener.close()
        super().tearDown()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            more = client.recv(65536)
            if not more:
                return
            head += more
        self.heads.append(head.split(b"\r\n\r\n")[0].decode())
        upstream = socket.create_connection(("127.0.0.1", self.server.port))
        self.addCleanup(upstream.close)
        self.addCleanup(client.close)
        upstream.sendall(head.replace(self.server.url.encode(), b"", 1))

        def copy(source, target):
            try:
                while data := source.recv(65536):
                    target.sendall(data)
                target.shutdown(socket.SHUT_WR)
            except OSError:
                pass

        threading.Thread(target=copy, args=(upstream, client), daemon=True).start()
        copy(client, upstream)

    def test_requests_go_through_it(self):
        port = self.listener.getsockname()[1]
        counters, said = self.run_driver(proxy_url=f"http://joe:sesame@127.0.0.1:{port}", api_key="a2V5")
        self.assert_all_there(100, counters)
        self.assertTrue(all("Proxy-Authorization: " + basic("joe", "sesame") in head for head in self.heads))
        self.assertNotIn("sesame", said)


if __name__ == "__main__":
    BINARY = sys.argv.pop(1)
    unittest.main()
