#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/counters.md from the lists of counters: counters_page.py [--write]. Without --write it only says whether the
page is what the lists give; exit status 1 if not."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "counters.md"

# One counter: the macro, a number of its own, its name, its sentence in one or more pieces.
COUNTER = re.compile(r'^(SP_\w+)\(\s*(?:(\d+)\s*,\s*)?(\w+)\s*,\s*((?:"(?:[^"\\]|\\.)*"\s*)+)\)', re.M)
HEADING = re.compile(r"^(?:/\*|//) (.+?)\.?(?: \*/)?$")

HEAD = """# Counters

Written by `tests/tidy/counters_page.py --write` from the lists that the code is made of; do not edit.

`/metrics` shows each as `splitprof_GROUP_NAME`, with `component="elasticsearch/eu"` where there may be several, in
Prometheus's text format 0.0.4; `/healthz` answers 200 and `ok`, or 503 and why, as JSON. Both are on
`http://localhost:8888` unless the configuration says otherwise. Counters only grow, from 0 when the process starts;
gauges are what is now.
"""

WHAT = {
    "bpf": "What the kernel's part counts.",
    "sampler": "What `splitprof-sampler` counts.",
    "processor": "What `splitprof-processor` counts on its main thread.",
    "exporter": "For each exporter: what became of the samples and documents that it was handed.",
    "connector": "For each connector.",
    "receiver": "For each receiver.",
    "http_server": "For each server of its own: telemetry, and receivers of OTLP.",
}


# What is counted without a line of a list.
MORE = {"sampler": ("table_arena_bytes", "gauge", "bytes", "bytes of unwind tables in the kernel, now")}


def lists():
    """(group, file) of every list."""
    yield "bpf", ROOT / "bpf" / "counters.def"
    yield "sampler", ROOT / "sampler" / "counters.def"
    yield "processor", ROOT / "processor" / "telemetry" / "metrics.def"
    for path in sorted((ROOT / "processor" / "telemetry").glob("*_metrics.def")):
        yield path.name.removesuffix("_metrics.def"), path


def unit_of(group, number, name, text):
    if "bytes" in re.split("_", name):
        return "bytes"
    if name.endswith("_ns"):
        return "ns"
    if group == "bpf" and number is not None and number < 32:
        return "samples"  # each is a reason for which the walk of a sample ended
    noun = text.removeprefix("of those: ").split()[0].rstrip(":,")
    if noun in ("user", "kernel", "unwind", "mapping", "process", "file", "debug", "separate", "mapped", "executable",
                "data", "exec"):
        noun = text.removeprefix("of those: ").split()[1].rstrip(":,")
    return noun if noun.endswith("s") else "events"


def rows_of(group, path):
    """(heading, [(name, kind, unit, sentence)]) in the order of the file."""
    text = path.read_text()
    sections, end = [("", [])], 0
    for found in COUNTER.finditer(text):
        between = text[end:found.start()]
        end = found.end()
        headings = [HEADING.match(line) for line in between.splitlines()]
        headings = [h[1] for h in headings if h and "SPDX" not in h[1] and len(h[1]) < 60]
        if headings:
            sections.append((headings[-1], []))
        number = int(found[2]) if found[2] else None
        sentence = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', found[4]))
        kind = "gauge" if sentence.endswith(", now") else "counter"
        sections[-1][1].append((found[3], kind, unit_of(group, number, found[3], sentence), sentence))
    # Another macro than those above would be left out of the page.
    counted = len(re.findall(r"^SP_\w+\(", text, re.M))
    if counted != sum(len(rows) for _, rows in sections):
        sys.exit(f"{path}: {counted} counters, but not all of them could be read")
    if group in MORE:
        sections[-1][1].append(MORE[group])
    return [(heading, rows) for heading, rows in sections if rows]


def page():
    out = [HEAD]
    for group, path in lists():
        sections = rows_of(group, path)
        if not sections:
            sys.exit(f"{path}: no counters found")
        out.append(f"## {group}\n\n" + f"{WHAT.get(group, '')} From `{path.relative_to(ROOT)}`.\n".lstrip())
        for heading, rows in sections:
            if heading:
                out.append(f"### {heading}\n")
            out.append("| name | kind | unit | what it counts |\n|---|---|---|---|")
            out.append("".join(f"| `{name}` | {kind} | {unit} | {sentence} |\n" for name, kind, unit, sentence in rows))
    return "\n".join(out).rstrip("\n") + "\n"


def main():
    text = page()
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(text)
    elif not PAGE.exists() or PAGE.read_text() != text:
        sys.exit("docs/counters.md is not what the lists of counters give: run tests/tidy/counters_page.py --write")


if __name__ == "__main__":
    main()
