# SPDX-License-Identifier: Apache-2.0
"""What the tests of `splitprof run` share: a mixed load, a real Elasticsearch, and the line that accounts for every
sample."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import harness

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "elasticsearch"))
import elasticsearch_server

GATE = "--feature-gates=service.profilesSupport"
EVENTS = "profiling-events-all"
KIND = "full" if os.environ.get("SPLITPROF_ES_FULL") == "1" else "light"


def start_elasticsearch(data, port=None):
    """Where there can be none: aloud, or a failure when it was required."""
    try:
        return elasticsearch_server.start(harness.BUILD / "elasticsearch", data, KIND, port=port)
    except elasticsearch_server.Cannot as reason:
        if os.environ.get("SPLITPROF_REQUIRE_ELASTICSEARCH") == "1":
            raise
        print(f"SKIPPED: {reason}")
        sys.exit(harness.SKIPPED)


class Load:
    """Native code, an interpreter, files and pipes, short programs: of each kind of frame that is known here."""

    COMMANDS = ([str(harness.PROGRAMS / "native"), "30", "100000", "1"],
                [sys.executable, "-c", "while True: sum(i * i for i in range(10000))"],
                ["sh", "-c", "while :; do cat /usr/bin/* 2>/dev/null | wc -c >/dev/null; done"],
                ["sh", "-c", "while :; do ls -lR /usr/lib >/dev/null; done"])

    def __enter__(self):
        self.processes = [subprocess.Popen(c, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                           start_new_session=True) for c in self.COMMANDS]
        return self

    def __exit__(self, *_):
        for process in self.processes:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class Daemon:
    """`splitprof run` with these arguments; its log goes to a file."""

    def __init__(self, log, *arguments, environment=None):
        self.log_file = open(log, "w+", errors="replace")
        self.process = subprocess.Popen([str(harness.BIN / "splitprof"), "run", *map(str, arguments)],
                                        stderr=self.log_file, stdout=self.log_file, env=environment or os.environ)

    def log(self):
        self.log_file.flush()
        return Path(self.log_file.name).read_text(errors="replace")

    def processor(self):
        """Pid of the processor that it has started."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return next(int(pid) for pid in children if "processor" in Path(f"/proc/{pid}/cmdline").read_text())

    def stop(self, number=signal.SIGTERM, timeout=120):
        """Exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(timeout)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()

    def close(self):
        if self.process.poll() is None:
            self.stop(signal.SIGKILL)
        self.log_file.close()


def balance(log, exporter="elasticsearch"):
    """The line that the processor ends with for this exporter: text, and its figures by name."""
    lines = [line[line.index("samples to"):] for line in log.splitlines() if f"samples to {exporter}: taken" in line]
    if len(lines) != 1:
        raise AssertionError(f"{len(lines)} lines of accounting:\n{log}")
    return lines[0], {name.strip(): int(value) for name, value in re.findall(r"([a-zA-Z ]+?) (\d+)", lines[0])}
