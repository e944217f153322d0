#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks of the repository itself: tidy.py CHECK SOURCE_DIR. Prints every offence; exit status 1 if there is one, 77
where a check cannot run."""

import os
import re
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

CODE = {".c", ".cc", ".h", ".def"}
SCRIPTS = {".py", ".sh"}
# Inputs and expected outputs are data: they carry no licence line and may hold any word.
DATA = ("tests/data/", "tests/golden/", "tests/fuzz/corpus/")
IGNORED_FOLDERS = {".git", "__pycache__", "quickstart-output"}


def files(root):
    """Paths of the repository's files, relative to it: what git knows, or everything where there is no git."""
    git = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True)
    if git.returncode == 0:
        return [Path(line) for line in git.stdout.splitlines() if (root / line).is_file()]
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [f for f in folders if f not in IGNORED_FOLDERS and not f.startswith("build")]
        found += [(Path(folder) / name).relative_to(root) for name in names]
    return sorted(found)


def is_data(path):
    return str(path).startswith(DATA)


def check_licences(root):
    """An SPDX line stands among the first three lines of every file that can hold a comment."""
    no_comments = {".md", ".json", ".txt", ".svg", ".png"}
    for path in files(root):
        if is_data(path) or path.name in ("LICENSE", ".gitignore", "COPYING"):
            continue
        if path.suffix in no_comments and path.name != "CMakeLists.txt":
            continue
        head = "\n".join((root / path).read_text(errors="replace").splitlines()[:3])
        wanted = "GPL-2.0-only OR BSD-2-Clause" if path.parts[0] == "bpf" else "Apache-2.0"
        if f"SPDX-License-Identifier: {wanted}" not in head:
            yield f"{path}: no line 'SPDX-License-Identifier: {wanted}'"


def check_format(root):
    """clang-format changes nothing."""
    tool = shutil.which("clang-format-14") or shutil.which("clang-format")
    if not tool:
        print("skipped: clang-format is not installed")
        sys.exit(77)
    # Lists of macros are tables; kernel types are kept as bpftool prints them.
    sources = [str(p) for p in files(root)
               if p.suffix in {".c", ".cc", ".h"} and not is_data(p) and "vmlinux" not in str(p)]
    run = subprocess.run([tool, "--dry-run", *sources], cwd=root, capture_output=True, text=True)
    offenders = sorted({line.split(":")[0] for line in run.stderr.splitlines() if "-Wclang-format" in line})
    for offender in offenders:
        yield f"{offender}: run clang-format -i on it"


# Which folder may include which; the longest key that fits decides. Every folder may include its own files, and
# everybody may include what stands under "*".
EVERYBODY = ("shared/",)
OPEN_TELEMETRY = ("processor/otel/", "processor/config/", "processor/pipelines/", "processor/telemetry/")
ALLOWED = {
    "bpf": ("vmlinux/",),
    "schema": (),
    "shared": ("schema/",),
    "sampler": ("bpf/", "schema/"),
    "sampler/privileges": (),
    "sampler/opener": ("sampler/privileges/privileges.h",),
    "sampler/tables": ("bpf/", "sampler/limits.h"),
    "sampler/start": ("sampler/opener/deny.h", "bpf/abi.h"),
    "processor": ("processor/", "schema/", "bpf/abi.h", "bpf/counters.def"),
    "processor/elf": ("processor/ingest/input.h", "processor/ingest/runtime_value.h"),
    # The kernel's unwinder is compiled for the host, too: there is no second one.
    "processor/unwind": ("processor/elf/", "processor/ingest/input.h", "processor/ingest/runtime_value.h", "bpf/abi.h", "bpf/walk.h", "bpf/env.bpf.h",
                         "bpf/runtimes.bpf.h"),
    # Each runtime's list of what BPF has to be told, and the check word that both sides make.
    "processor/runtimes": ("processor/elf/", "processor/unwind/", "processor/ingest/input.h",
                           "processor/ingest/runtime_value.h", "processor/telemetry/", "processor/export/utf8.h",
                           "bpf/"),
    "processor/dwarf": ("processor/elf/", "processor/ingest/input.h"),
    "processor/symbols": ("processor/runtimes/functions.h", "bpf/abi.h", "bpf/runtimes.def", "processor/dwarf/", "processor/elf/", "processor/dwarf/", "processor/traces/", "processor/ingest/input.h"),
    "processor/traces": ("bpf/abi.h", "bpf/counters.def"),
    "processor/export": ("processor/traces/", "bpf/abi.h", "bpf/counters.def"),
    "processor/ingest": ("processor/elf/local_file.h", "processor/telemetry/", "schema/", "bpf/abi.h",
                         "bpf/counters.def", "bpf/runtimes.def"),
    "processor/processes": ("processor/elf/", "processor/runtimes/", "bpf/runtimes.def", "processor/unwind/", "processor/symbols/", "processor/ingest/",
                            "processor/traces/", "processor/telemetry/", "bpf/abi.h"),
    "processor/capture": ("processor/elf/", "processor/ingest/", "processor/telemetry/"),
    "processor/config": (),
    # Names and sentences of the other process, which are text.
    "processor/telemetry": ("processor/http/server.h", "bpf/counters.def", "sampler/counters.def"),
    # OpenTelemetry's side: one model, and what reads, makes and sends it. Nothing here knows of BPF or the sampler.
    "processor/otel": (),
    "processor/http": ("processor/config/", "processor/telemetry/"),
    "processor/backlog": ("processor/pipelines/message.h", "processor/telemetry/", "processor/elf/bytes.h"),
    "processor/metrics": (*OPEN_TELEMETRY, "processor/traces/index_table.h"),
    "processor/elasticsearch": (*OPEN_TELEMETRY, "processor/http/", "processor/backlog/", "processor/export/utf8.h"),
    "processor/otlp": (*OPEN_TELEMETRY, "processor/http/", "processor/backlog/", "processor/export/utf8.h"),
    "processor/receivers": (*OPEN_TELEMETRY, "processor/traces/", "processor/elf/", "processor/ingest/",
                            "processor/export/printable.h", "bpf/counters.def"),
    # The launcher links neither daemon. The list of capabilities is text, and the summary is a plain value; it checks
    # configurations and lists backlogs, which administrators own.
    "processor/command": ("processor/export/summary.h", "sampler/privileges/capabilities.def", "processor/config/",
                          "processor/backlog/", "processor/telemetry/"),
}


# Of these folders only a part is meant for others in the same program.
NARROW = {"sampler/opener/": ("sampler/opener/zygote.h", "sampler/opener/deny.h")}
# What opens targets knows nothing of BPF, of RPC and of the event loop, what writes tables nothing of the latter two, of
# which the sampler's allowance would be silent.
FORBIDDEN_LIBRARIES = {"sampler/opener": ("bpf/", "linux/bpf.h", "capnp/", "kj/async"),
                       "sampler/tables": ("capnp/", "kj/async")}


def allowed_for(folder):
    for length in range(len(folder.parts), 0, -1):
        key = "/".join(folder.parts[:length])
        if key in ALLOWED:
            return (key + "/", *ALLOWED[key], *EVERYBODY)
    return None  # tests may include everything


def check_includes(root):
    """Includes go downward: the sampler never includes the processor, exporters never parsers, and so on."""
    include = re.compile(r'^\s*#\s*include\s+"([^"]+)"')
    library = re.compile(r"^\s*#\s*include\s+<([^>]+)>")
    for path in files(root):
        allowed = allowed_for(path.parent)
        if path.suffix not in CODE or allowed is None:
            continue
        for number, line in enumerate((root / path).read_text(errors="replace").splitlines(), 1):
            used = library.match(line)
            if used and used[1].startswith(FORBIDDEN_LIBRARIES.get(str(path.parent), ())):
                yield f"{path}:{number}: {path.parent} may not include <{used[1]}>"
            found = include.match(line)
            if not found or "/" not in found[1]:
                continue  # a neighbour, as BPF C includes its own
            if not found[1].startswith(allowed):
                yield f"{path}:{number}: {path.parent} may not include {found[1]}"
            for folder, meant in NARROW.items():
                if found[1].startswith(folder) and str(path.parent) + "/" != folder and found[1] not in meant:
                    yield f"{path}:{number}: {found[1]} is nothing for others than {folder}"


def check_words(root):
    """Nothing names a developer's machine or the circumstances of the writing."""
    # Written in pieces, or this file would be an offence.
    words = [r"(?<![\w.$}-])/" + r"work\b", r"\.\./" + "shared", r"/tmp/" + r"(wt|prompts|land)\b", r"\banch" + r"or('s)?\b",
             r"\bissue " + r"#?\d", r"\b[Cc]laude\b"]
    pattern = re.compile("|".join(words))
    for path in files(root):
        if is_data(path) or (root / path).stat().st_size > 4 << 20:
            continue
        for number, line in enumerate((root / path).read_text(errors="replace").splitlines(), 1):
            found = pattern.search(line)
            if found:
                yield f"{path}:{number}: mentions '{found[0]}'"


COUNTER = re.compile(r'^\s*(SP_\w*COUNTER|SP_METRIC\w*|\w*METRIC\w*|COUNTER)\s*\(\s*(?:(\d+)\s*,\s*)?(\w+)\s*,(.*)$')


def check_counters(root):
    """Every counter has a name of its own, a sentence that says what it counts, and a place that counts it."""
    code = {path: (root / path).read_text(errors="replace") for path in files(root)
            if path.suffix in {".c", ".cc", ".h"} and not is_data(path)}
    everything = "\n".join(code.values())
    names = {}
    for path in files(root):
        if path.suffix != ".def" or path.name not in ("counters.def", "metrics.def"):
            continue
        numbers = set()
        text = (root / path).read_text()
        lines = text.splitlines()
        for at, line in enumerate(lines):
            found = COUNTER.match(line)
            if not found:
                continue
            number, name, rest = found[2], found[3], found[4]
            sentence = rest if '"' in rest else (lines[at + 1] if at + 1 < len(lines) else "")
            if not re.search(r'"[^"]{12,}', sentence):
                yield f"{path}: {name} does not say what it counts"
            if name in names:
                yield f"{path}: {name} is in {names[name]} too"
            if number is not None and number in numbers:
                yield f"{path}: number {number} is used twice"
            numbers.add(number)
            names[name] = path
            if not re.search(rf"(SP_COUNT_|::|\.|->)?\b(SP_COUNT_)?{name}\b", everything):
                yield f"{path}: nothing counts {name}"
    if not names:
        yield "no counters found: has the macro's name changed?"
    print(f"{len(names)} counters")


# Each part of the sampler can be read in one sitting: lines that are neither blank nor comment.
SAMPLER_PARTS = {"event loop": ("sampler", 2500), "opener": ("sampler/opener", 2500),
                 "tables": ("sampler/tables", 800), "start-up": ("sampler/start", 500),
                 "privileges": ("sampler/privileges", 500)}


def lines_of_code(path):
    return sum(bool(line.strip()) and not line.strip().startswith("//") for line in path.read_text().splitlines())


def check_sizes(root):
    """Each part of the sampler can be read in one sitting, and a file is one idea."""
    lines = {path: len((root / path).read_text(errors="replace").splitlines()) for path in files(root)
             if path.suffix in {".c", ".cc", ".h"} and not is_data(path) and path.parts[0] != "tests"
             and "vmlinux" not in str(path)}
    largest = max(lines, key=lines.get)
    print(f"{sum(lines.values())} lines in {len(lines)} files, median {statistics.median(lines.values()):.0f}, "
          f"largest {largest} with {lines[largest]}")
    for name, (folder, most) in SAMPLER_PARTS.items():
        code = sum(lines_of_code(root / path) for path in files(root)
                   if str(path.parent) == folder and path.suffix in CODE)
        print(f"sampler, {name} ({folder}/): {code} lines without blanks and comments")
        if not 0 < code <= most:
            yield f"{folder}/: {code} lines of code; {most} can be read in one sitting"
    for path, count in lines.items():
        if count > 600:
            yield f"{path}: {count} lines are more than one idea"


def main():
    check, root = sys.argv[1], Path(sys.argv[2]).resolve()
    offences = list(globals()[f"check_{check}"](root))
    for offence in offences:
        print(offence)
    sys.exit(1 if offences else 0)


if __name__ == "__main__":
    main()
