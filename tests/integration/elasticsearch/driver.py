# SPDX-License-Identifier: Apache-2.0
"""Runs export_driver with options given as a dictionary."""

import json
import subprocess
import tempfile


class Driver:
    """One run. What it is not told is set for tests: short waits, every document at once, no downsampling."""

    DEFAULTS = {"initial_interval_ms": 40, "max_interval_ms": 400, "timeout_ms": 10000, "flush_timeout_ms": 10,
                "min_size": 1, "linger_ms": 20000, "downsampled_events": False}

    def __init__(self, binary, **options):
        self.file = tempfile.NamedTemporaryFile("w", suffix=".json")
        json.dump({**self.DEFAULTS, **options}, self.file)
        self.file.flush()
        self.process = subprocess.Popen([binary, self.file.name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True)

    def result(self, timeout=90):
        """Its counters, and everything that it said."""
        said, _ = self.process.communicate(timeout=timeout)
        self.file.close()
        if self.process.returncode != 0:
            raise RuntimeError(f"export_driver ended with {self.process.returncode}: {said}")
        *lines, last = said.splitlines()
        counters, said = json.loads(last), "\n".join(lines)
        left = counters["samples_received"] + counters["samples_left_before"]
        right = sum(counters[name] for name in (
            "samples_without_document", "samples_delivered", "samples_refused", "samples_given_up",
            "samples_backlog_dropped", "samples_backlog_damaged", "samples_waiting"))
        assert left == right, f"the accounting does not balance: {left} != {right}: {counters}"
        return counters, said

    def kill(self):
        self.process.kill()
        self.process.communicate()
        self.file.close()
