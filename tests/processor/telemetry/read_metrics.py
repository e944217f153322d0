#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What /metrics serves, read by Prometheus's own Python client: read_metrics.py PRINT_METRICS. Every counter is there
once a component, with its type, sentence and value."""

import subprocess
import sys

try:
    from prometheus_client.parser import text_string_to_metric_families
except ImportError:
    print("skipped: python3-prometheus-client is not installed")
    sys.exit(77)

run = subprocess.run([sys.argv[1]], capture_output=True, text=True, check=True)
families = {family.name: family for family in text_string_to_metric_families(run.stdout)}
wanted = [line.split("\t") for line in run.stderr.splitlines()]
assert len(wanted) > 200, f"only {len(wanted)} counters"
components = {"bpf": [None], "sampler": [None], "processor": [None], "connector": ["profilingmetrics"],
              "exporter": ["elasticsearch/eu", 'otlphttp/a "b" \\ c\nd']}
seen = {}
for place, (group, name, text) in enumerate(wanted, 1):
    family = families[f"splitprof_{group}_{name}"]
    assert family.documentation == text, f"{family.name}: '{family.documentation}' is not '{text}'"
    assert family.type == ("gauge" if text.endswith(", now") else "counter"), f"{family.name} is a {family.type}"
    nth = seen[group, name] = seen.get((group, name), -1) + 1
    samples = {sample.labels.get("component"): sample.value for sample in family.samples}
    assert list(samples) == components[group], f"{family.name}: {samples}"
    assert samples[components[group][nth]] == place, f"{family.name}: {samples}, not {place}"
assert families["splitprof_build_info"].samples[0].labels == {"version": "0.1.0"}
assert len(families) == len(seen) + 1, "families that nobody asked for"
print(f"{len(wanted)} values of {len(families)} families")
