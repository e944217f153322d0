# SPDX-License-Identifier: Apache-2.0
"""A real Elasticsearch on loopback, for tests: start(folder) fetches it by Maven the first time, and runs it in a
virtual machine of 256 MB. `light` has everything but scripts and `GET /`; `full` (1 GB to fetch) has those, too.
Cannot(…) says why there can be none here; with SPLITPROF_REQUIRE_ELASTICSEARCH=1 callers should fail then."""

import glob
import json
import os
import re
import select
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
OLD_VERSION = "8.19.21"  # runs on Java 17, which is what Debian 12 has
LUCENE = "org.apache.lucene.core/org.apache.lucene"


class Cannot(Exception):
    pass


def find_java():
    """Home and version of the newest Java development kit, or of the one that ES_JAVA_HOME names."""
    chosen = os.environ.get("ES_JAVA_HOME")
    homes = [chosen] if chosen else sorted(glob.glob("/usr/lib/jvm/*")) + [os.environ.get("JAVA_HOME", "")]
    found = []
    for home in homes:
        if not os.access(home + "/bin/javac", os.X_OK):
            continue
        said = subprocess.run([home + "/bin/javac", "-version"], capture_output=True, text=True)
        version = re.search(r"javac (\d+)", said.stdout + said.stderr)
        if version and int(version[1]) >= 17:
            found.append((int(version[1]), home))
    if not found:
        raise Cannot("there is no Java development kit of version 17 or newer (Debian: openjdk-17-jdk-headless)")
    version, home = max(found, key=lambda one: one[0])
    return home, version


def unpacked(kind, java_version, folder):
    """The server's folder, fetched and unpacked when it is not there."""
    if kind == "full" and java_version < 21:
        raise Cannot("the full server needs Java 21 or newer")
    name = kind if java_version >= 21 else kind + "-" + OLD_VERSION
    into = Path(folder, name)
    done = into / "complete"
    if not done.exists():
        if not shutil.which("mvn"):
            raise Cannot("there is no Maven to fetch Elasticsearch with (Debian: maven)")
        shutil.rmtree(into, ignore_errors=True)
        command = ["mvn", "-q", "-B", "-f", str(HERE / "server/pom.xml"), "generate-resources", f"-Dinto={into}"]
        command += ["-Pfull"] if kind == "full" else []
        command += [f"-Darchive.version={OLD_VERSION}"] if java_version < 21 else []
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode != 0:
            raise Cannot("Maven could not fetch Elasticsearch: " + (run.stdout + run.stderr)[-1000:])
        done.touch()
    modules = glob.glob(f"{into}/*/modules") + glob.glob(f"{into}/*/elasticsearch/modules")
    return str(Path(modules[0]).parent)


class Server:
    """Running; stop() ends it. `url` is where."""

    def __init__(self, process, url, home):
        self.process, self.url, self.home = process, url, home

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()

    def request(self, method, path, body=None, headers=None):
        """Status and answer."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json", **(headers or {})},
                                         method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as refused:
            return refused.code, json.loads(refused.read() or b"null")

    def put(self, path, body):
        status, answer = self.request("PUT", path, body)
        if status != 200:
            raise RuntimeError(f"PUT {path}: {status} {answer}")

    def refresh(self):
        self.request("POST", "/_refresh")

    def count(self, index, query=None):
        status, answer = self.request("POST", f"/{index}/_count", {"query": query or {"match_all": {}}})
        return answer["count"] if status == 200 else 0

    def search(self, index, query=None, size=100):
        """Sources by id."""
        _, answer = self.request("POST", f"/{index}/_search", {"query": query or {"match_all": {}}, "size": size})
        return {hit["_id"]: hit["_source"] for hit in answer["hits"]["hits"]}

    def templates(self):
        """What Kibana's set-up of Universal Profiling makes, from the templates inside of the server, and a template
        for metrics as the server's own, of which the cut-down servers lack a part."""
        with zipfile.ZipFile(glob.glob(self.home + "/modules/x-pack-core/x-pack-template-resources-*.jar")[0]) as jar:
            for name in sorted(jar.namelist()):
                found = re.fullmatch(r"profiling/(component|index)-template/(profiling-[a-z-]+)\.json", name)
                if not found or re.search("symbols|returnpads|metrics", found[2]):
                    continue
                text = re.sub(r"/\*.*?\*/", "", jar.read(name).decode(), flags=re.S)
                self.put(f"/_{found[1]}_template/{found[2]}", reduced(json.loads(re.sub(r"\$\{[^}]*\}", "1", text))))
        for stem in ("stacktraces", "stackframes", "executables"):
            self.put(f"/.profiling-{stem}-v001-000001", {"aliases": {f"profiling-{stem}": {"is_write_index": True}}})
        for stem in ("sq-executables", "sq-leafframes"):
            self.put(f"/.profiling-{stem}-v001", {"aliases": {f"profiling-{stem}": {}}})
        self.put("/_index_template/metrics-otel@template", metrics_template())


def reduced(value):
    """Without what the cut-down servers lack: index lifecycles, two field types, many shards."""
    if isinstance(value, list):
        return [reduced(one) for one in value]
    if not isinstance(value, dict):
        return value
    value = {key: reduced(one) for key, one in value.items() if key not in ("lifecycle", "lifecycle.rollover_alias")}
    if "number_of_shards" in value:
        value["number_of_shards"] = 1
    if value.get("type") in ("version", "unsigned_long"):
        value["type"] = "keyword" if value["type"] == "version" else "long"
    return value


def metrics_template():
    def stamp(seconds):
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))

    def passthrough(priority):
        return {"type": "passthrough", "dynamic": True, "priority": priority, "time_series_dimension": True}

    keyword, now = {"type": "keyword"}, time.time()
    numbers = [{f"{kind}_{number}": {"mapping": {"type": number, "time_series_metric": kind}}}
               for kind in ("gauge", "counter") for number in ("long", "double")]
    strings = [{"strings": {"match_mapping_type": "string", "mapping": {"type": "keyword", "ignore_above": 1024}}}]
    return {"index_patterns": ["metrics-*.otel-*"], "data_stream": {}, "priority": 120, "template": {
        "settings": {"index.mode": "time_series", "index.mapping.source.mode": "synthetic",
                     "index.routing_path": ["attributes.*", "resource.attributes.*", "scope.attributes.*", "unit",
                                            "_metric_names_hash"],
                     # The window that the server's own module for data streams would keep up to date.
                     "index.time_series.start_time": stamp(now - 7200), "index.time_series.end_time": stamp(now + 1800)},
        "mappings": {"dynamic": False, "dynamic_templates": numbers + strings, "properties": {
            "@timestamp": {"type": "date"}, "start_timestamp": {"type": "date_nanos"},
            "_metric_names_hash": {**keyword, "time_series_dimension": True},
            "unit": {**keyword, "time_series_dimension": True},
            "data_stream": {"properties": {"type": keyword, "dataset": keyword, "namespace": keyword}},
            "metrics": {"type": "passthrough", "dynamic": True, "priority": 1},
            "attributes": passthrough(30), "resource": {"properties": {"attributes": passthrough(20)}},
            "scope": {"properties": {"name": keyword, "version": keyword, "attributes": passthrough(10)}}}}}}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(folder, data, kind="light", settings=(), prepare=None, timeout=120, port=None):
    """A server whose files are kept in `folder`, with its node in `data`: a new one when that is empty. `prepare` is
    called with the folder of its configuration before it starts."""
    java, version = find_java()
    home = unpacked(kind, version, folder)
    classes = Path(home).parent / "classes"
    native = "org.elasticsearch.nativeaccess,org.apache.lucene.core,ALL-UNNAMED"
    if glob.glob(home + "/lib/elasticsearch-foreign-library-*.jar"):
        native += ",org.elasticsearch.foreign"
    subprocess.run([java + "/bin/javac", "-d", str(classes), "-cp", home + "/lib/*", str(HERE / "server/Main.java")],
                   check=True, capture_output=True)
    data = Path(data)
    (data / "tmp").mkdir(parents=True, exist_ok=True)
    (data / "config").mkdir(exist_ok=True)
    if prepare:
        prepare(data / "config")
    port = port or free_port()
    command = [java + "/bin/java", "-Xms256m", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
               f"-Des.path.home={home}", "-Des.distribution.type=zip", f"-Djava.io.tmpdir={data / 'tmp'}",
               "-Dlog4j2.disable.jmx=true", "-Dlog4j.shutdownHookEnabled=false", "-Dio.netty.noUnsafe=true"]
    if version >= 21:
        command += [f"--enable-native-access={native}", f"--add-opens={LUCENE}.codecs.lucene99=org.elasticsearch.server",
                    f"--add-opens={LUCENE}.codecs.hnsw=org.elasticsearch.server",
                    f"--add-opens={LUCENE}.internal.vectorization=org.elasticsearch.server"]
    # The server loads its modules as layers: its libraries have to be on the module path.
    command += ["--module-path", home + "/lib", "--add-modules=jdk.net,jdk.management.agent,ALL-MODULE-PATH",
                "-cp", str(classes), "Main", str(port), str(data), *settings]
    with open(data / "stderr.log", "wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
    scheme = "https" if "xpack.security.http.ssl.enabled=true" in settings else "http"
    server = Server(process, f"{scheme}://127.0.0.1:{port}", home)
    ready, _, _ = select.select([process.stdout], [], [], timeout)
    if not ready or process.stdout.readline().strip() != b"READY":
        server.stop()
        logs = [(data / name).read_text(errors="replace")[-2000:] for name in ("stderr.log", "server.log")
                if (data / name).exists()]
        raise RuntimeError("Elasticsearch did not start: " + "\n".join(logs))
    return server
