#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for Elasticsearch, for what a real one will not do on demand: documents refused for now, requests refused,
slow and broken answers. Takes documents as strictly as it can: known actions, keys and fields only. On loopback; a
thread for each connection. As a program: fake_server.py [--port N] [--not-set-up]; prints "READY URL"."""

import argparse
import base64
import gzip
import json
import re
import socket
import ssl
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TEXT, NUMBER, DATE, TEXTS, NUMBERS, OBJECT = "text", "number", "date", "texts", "numbers", "object"
ECS = {"ecs.version": TEXT}
QUEUED = {**ECS, "Time.created": DATE, "Symbolization.time.next": DATE, "Symbolization.retries": NUMBER}
EVENT = {**ECS, "@timestamp": DATE, "host.id": TEXT, "Stacktrace.id": TEXT, "orchestrator.resource.name": TEXT,
         "container.id": TEXT, "container.name": TEXT, "k8s.namespace.name": TEXT, "process.thread.name": TEXT,
         "process.executable.name": TEXT, "service.name": TEXT, "Stacktrace.sampling_frequency": NUMBER,
         "Stacktrace.count": NUMBER, "profiling.project.id": NUMBER, "host.name": TEXT}
OTEL = {"@timestamp": DATE, "resource": OBJECT}
# Name: fields (None: any), those that must be there, whether it is a data stream.
INDICES = [
    (r"profiling-events-(all|5pow\d\d)", EVENT, ["@timestamp", "Stacktrace.id", "Stacktrace.count"], True),
    (r"profiling-hosts", None, ["@timestamp", "host.id"], True),
    (r"profiling-stacktraces", {**ECS, "Stacktrace.frame.ids": TEXT, "Stacktrace.frame.types": TEXT},
     ["Stacktrace.frame.ids", "Stacktrace.frame.types"], False),
    (r"profiling-stackframes", {**ECS, "Stackframe.file.name": TEXTS, "Stackframe.function.name": TEXTS,
                                "Stackframe.line.number": NUMBERS, "Stackframe.function.offset": NUMBERS}, [], False),
    (r"profiling-executables", {**ECS, "@timestamp": NUMBER, "Executable.build.id": TEXT, "Executable.file.name": TEXT},
     ["@timestamp", "Executable.file.name"], False),
    (r"profiling-sq-executables", {**QUEUED, "Executable.file.id": TEXTS}, ["Executable.file.id"], False),
    (r"profiling-sq-leafframes", {**QUEUED, "Stacktrace.frame.id": TEXTS}, ["Stacktrace.frame.id"], False),
    (r"profiling-events-(all|5pow\d\d)\.otel-default", {**OTEL, "stacktrace.id": TEXT, "sampling_frequency": NUMBER,
                                                       "count": NUMBER}, ["@timestamp", "stacktrace.id"], True),
    (r"profiling-stacktraces\.otel-default", {"@timestamp": DATE, "frame.ids": TEXT, "frame.types": TEXT},
     ["@timestamp", "frame.ids"], True),
    (r"profiling-stackframes\.otel-default", {"@timestamp": DATE, "function.filename": TEXTS, "function.name": TEXTS,
                                              "line.number": NUMBERS, "function.offset": NUMBERS}, ["@timestamp"], True),
    (r"profiling-(executables|hosts)\.otel-default", {**OTEL, "@timestamp": NUMBER}, ["@timestamp", "resource"], True),
    (r"metrics-.*\.otel-.*", {"@timestamp": NUMBER, "start_timestamp": NUMBER, "unit": TEXT, "data_stream": OBJECT,
                              "attributes": OBJECT, "resource": OBJECT, "scope": OBJECT, "metrics": OBJECT,
                              "_metric_names_hash": TEXT},
     ["@timestamp", "resource", "scope", "metrics", "_metric_names_hash"], True),
]
TEMPLATES = {"gauge_long", "gauge_double", "counter_long", "counter_double", "histogram", "summary"}
ACTION_KEYS = {"_id", "_index", "pipeline", "dynamic_templates", "require_data_stream"}
UNIX_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")


def fits(value, kind):
    if kind == TEXT:
        return isinstance(value, str)
    if kind == NUMBER:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == DATE:
        return isinstance(value, str) and UNIX_DATE.fullmatch(value) is not None
    if kind == OBJECT:
        return isinstance(value, dict)
    return isinstance(value, list) and all(fits(one, TEXT if kind == TEXTS else NUMBER) for one in value)


class Refused(Exception):
    """A document, or a whole request, that is refused: status and error.type."""

    def __init__(self, status, kind, reason=""):
        super().__init__(reason or kind)
        self.status, self.kind = status, kind


class FakeServer:
    """Settings may be changed while it runs. on_request(number) may return a fault for the whole request: ("status",
    CODE, HEADERS), ("cut",), ("slow", SECONDS), ("body", BYTES), ("truncated",), ("items", N: that many outcomes);
    on_item(line, times) a status for a document that is being sent for the times-th time."""

    def __init__(self, port=0, set_up=True, tls=None, authorization=None):
        self.set_up, self.authorization = set_up, authorization
        self.on_request = lambda number: None
        self.on_item = lambda line, times: None
        self.documents = {}  # index: {id: document}
        self.times_sent = {}  # action and document: how often it came
        self.requests = []  # (time, path, headers, number of documents)
        self.complaints = []  # what was not as it should be
        self.lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 60

            def do_GET(self):
                outer.handle(self)

            do_POST = do_PUT = do_GET

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_):
                pass  # a client that went away, or refused our certificate

        self.http = Server(("127.0.0.1", port), Handler)
        self.http.daemon_threads = True
        if tls:
            self.http.socket = tls.wrap_socket(self.http.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.http.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self):
        self.http.shutdown()
        self.http.server_close()

    def count(self, index):
        with self.lock:
            return len(self.documents.get(index, {}))

    def bulks(self):
        with self.lock:
            return [one for one in self.requests if "/_bulk" in one[1]]

    # ---- requests ----

    def handle(self, call):
        try:
            body = call.rfile.read(int(call.headers.get("Content-Length", 0)))
            status, headers, answer = self.answer(call, body)
        except (ConnectionError, socket.timeout):
            call.close_connection = True
            return
        if status is None:  # cut
            call.close_connection = True
            call.connection.shutdown(socket.SHUT_RDWR)
            return
        call.send_response(status)
        call.send_header("X-Elastic-Product", "Elasticsearch")
        call.send_header("Content-Type", "application/json")
        # A truncated answer promises more than it has.
        truncated = headers.pop("truncated", 0)
        call.send_header("Content-Length", str(len(answer) + truncated))
        for name, value in headers.items():
            call.send_header(name, value)
        call.end_headers()
        try:
            call.wfile.write(answer)
        except ConnectionError:
            pass
        if truncated:
            call.close_connection = True

    def answer(self, call, body):
        parts = urllib.parse.urlsplit(call.path)
        if self.authorization and call.headers.get("Authorization") != self.authorization:
            return 401, {}, error(401, "security_exception")
        if not parts.path.endswith("/_bulk"):
            with self.lock:
                self.requests.append((time.monotonic(), call.path, dict(call.headers), 0))
            return self.answer_check(parts.path)
        try:
            text = gzip.decompress(body) if call.headers.get("Content-Encoding") == "gzip" else body
        except OSError:
            return 400, {}, error(400, "not_x_content_exception")
        lines = text.split(b"\n")
        if text[-1:] != b"\n" or len(lines) % 2 == 0:
            return 400, {}, error(400, "illegal_argument_exception")
        items = [(lines[i], lines[i + 1]) for i in range(0, len(lines) - 1, 2)]
        with self.lock:
            number = len([one for one in self.requests if "/_bulk" in one[1]])
            self.requests.append((time.monotonic(), call.path, dict(call.headers), len(items)))
            self.check_headers(call, items, text)
            fault = self.on_request(number) or ("none",)
            if fault[0] == "cut":
                return None, {}, b""
            if fault[0] == "status":
                return fault[1], dict(fault[2]) if len(fault) > 2 else {}, error(fault[1], "injected")
        if fault[0] == "slow":
            time.sleep(fault[1])
        query = dict(urllib.parse.parse_qsl(parts.query))
        with self.lock:
            outcomes = [self.take(action, document, query) for action, document in items]
        if fault[0] == "items":
            outcomes = (outcomes * 2)[:fault[1]]
        answer = fault[1] if fault[0] == "body" else json.dumps(
            filtered({"took": 1, "errors": False, "items": outcomes}, query.get("filter_path"))).encode()
        if fault[0] == "truncated":
            return 200, {"truncated": 100}, answer[:len(answer) // 2]
        return 200, {}, answer

    def answer_check(self, path):
        if path.endswith("/_profiling/status"):
            return 200, {}, json.dumps({"profiling": {"enabled": True}, "resource_management": {"enabled": True},
                                        "resources": {"created": self.set_up, "pre_8_9_1_data": False,
                                                      "has_data": False}}).encode()
        if "/_index_template/" in path:
            return 200, {}, b'{"index_templates":[]}'
        if path.endswith("/"):
            return 200, {}, json.dumps({"name": "fake", "version": {"number": "9.6.0"}, "tagline": "none"}).encode()
        return 400, {}, error(400, "illegal_argument_exception")

    def check_headers(self, call, items, text):
        for name, wanted in (("X-Elastic-Event-Count", len(items)),
                             ("X-Elastic-Uncompressed-Request-Length", len(text))):
            if call.headers.get(name) != str(wanted):
                self.complaints.append(f"{name} is {call.headers.get(name)}, not {wanted}")
        if call.headers.get("Content-Type") != "application/x-ndjson":
            self.complaints.append(f"Content-Type is {call.headers.get('Content-Type')}")

    # ---- documents ----

    def take(self, action_line, document_line, query):
        key = (action_line, document_line)
        self.times_sent[key] = self.times_sent.get(key, 0) + 1
        action, index = "create", None
        try:
            (action, meta), = json.loads(action_line).items()
            index = meta["_index"]
            if action not in ("create", "update") or not set(meta) <= ACTION_KEYS:
                raise Refused(400, "illegal_argument_exception", f"action {action_line}")
            injected = self.on_item(key, self.times_sent[key])
            if injected:
                raise Refused(injected, "es_rejected_execution_exception" if injected == 429 else "injected")
            status = self.store(action, meta, json.loads(document_line), query)
            return {action: {"_index": index, "status": status, "failure_store": "not_enabled"}}
        except Refused as refused:
            if refused.status == 400 and refused.kind != "injected":
                self.complaints.append(f"{index}: {refused}: {document_line[:200]}")
            return {action: {"_index": index, "status": refused.status,
                             "error": {"type": refused.kind, "reason": str(refused)}}}
        except (ValueError, KeyError) as broken:
            self.complaints.append(f"{broken!r}: {action_line[:200]} {document_line[:200]}")
            return {action: {"_index": index, "status": 400, "error": {"type": "document_parsing_exception"}}}

    def store(self, action, meta, document, query):
        index = meta["_index"]
        known = [(fields, needed, stream) for pattern, fields, needed, stream in INDICES if re.fullmatch(pattern, index)]
        required = query.get("require_data_stream") == "true"
        if not known:
            raise Refused(404, "index_not_found_exception")
        fields, needed, is_stream = known[0]
        if required and not is_stream:
            raise Refused(404, "resource_not_found_exception")
        if not required and is_stream and "hosts" not in index:
            self.complaints.append(f"{index} without require_data_stream")
        stored = self.documents.setdefault(index, {})
        if action == "update":
            if is_stream:
                raise Refused(400, "illegal_argument_exception", "update of a data stream")
            parameters = document["script"]["params"]
            if document["upsert"] or not document["scripted_upsert"] or "source" not in document["script"]:
                raise Refused(400, "document_parsing_exception", "not a scripted upsert")
            document = {"@timestamp": parameters["timestamp"], "Executable.build.id": parameters["buildid"],
                        "Executable.file.name": parameters["filename"], "ecs.version": parameters["ecsversion"]}
        for name, value in document.items():
            if fields is not None and (name not in fields or not fits(value, fields[name])):
                raise Refused(400, "strict_dynamic_mapping_exception", f"field {name}")
        for name in needed:
            if name not in document:
                raise Refused(400, "document_parsing_exception", f"no {name}")
        identity = meta.get("_id")
        if index.startswith("metrics-"):
            identity = self.identity_of_metrics(meta, document)
        if identity is None:
            identity = len(stored)
        if action == "update":
            before = stored.get(identity)
            stored[identity] = document
            return 201 if before is None else 200
        if identity in stored:
            raise Refused(409, "version_conflict_engine_exception")
        stored[identity] = document
        return 201

    @staticmethod
    def identity_of_metrics(meta, document):
        """The series and the time; also checks what a time-series index would."""
        if "_id" in meta:
            raise Refused(400, "document_parsing_exception", "metrics with an id")
        if abs(time.time() * 1000 - document["@timestamp"]) > 1800 * 1000:
            raise Refused(400, "timestamp_error")
        names = {f"metrics.{name}" for name in document["metrics"]}
        if set(meta.get("dynamic_templates", {})) != names or not set(meta["dynamic_templates"].values()) <= TEMPLATES:
            raise Refused(400, "document_parsing_exception", "dynamic templates")
        return json.dumps([document.get(one) for one in ("@timestamp", "attributes", "resource", "scope", "unit",
                                                         "_metric_names_hash")], sort_keys=True)


def error(status, kind):
    return json.dumps({"error": {"type": kind, "reason": "why"}, "status": status}).encode()


def filtered(answer, filter_path):
    """Of an answer to a bulk request, what the filter leaves: paths items.*.FIELD and items.*.FIELD.FIELD."""
    if not filter_path:
        return answer
    kept = {"items": []}
    for item in answer["items"]:
        (action, outcome), = item.items()
        rest = {}
        for path in filter_path.split(","):
            names = path.split(".")[2:]
            if len(names) == 1 and names[0] in outcome:
                rest[names[0]] = outcome[names[0]]
            if len(names) == 2 and names[1] in outcome.get(names[0], {}):
                rest.setdefault(names[0], {})[names[1]] = outcome[names[0]][names[1]]
        kept["items"].append({action: rest})
    return kept


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def tls_context(certificate, key, client_authority=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if client_authority:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_authority)
    return context


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--not-set-up", action="store_true")
    options = parser.parse_args()
    server = FakeServer(options.port, set_up=not options.not_set_up)
    print("READY", server.url, flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        server.stop()


if __name__ == "__main__":
    main()
