#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Time and memory of compiling unwind rows, one core: tests/bench/unwind_rows.py [--build DIR] [-n N] [FILE...].
Each repeat is a process of its own, with the file in the page cache. Prints a table and writes it into its own section
of docs/benchmarks.md; without FILE it takes what is installed of a few large libraries."""

import argparse
import datetime
import glob
import os
import platform
import re
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECTION = "## Unwind rows"
LARGE = ["/usr/lib/*/libLLVM-14.so.1", "/usr/lib/*/libclang-cpp.so.14", "/usr/lib/*/libwebkit2gtk-4.1.so.0",
         "/usr/lib/*/librustc_driver-*.so", "/usr/bin/node", "/usr/lib/*/libcrypto.so.3"]
LINE = re.compile(r"table: +([\d.]+) ms, ([\d.]+) ms of CPU, (\d+) functions, (\d+) rows, (\d+) merged, .* peak RSS (\d+) KiB, "
                  r"(\d+) bytes in the kernel")


def measure(tool, path, repeats):
    """[(ms, CPU ms, functions, rows, merged, KiB, kernel bytes)], one a process."""
    found = []
    for _ in range(repeats + 1):  # the first one warms the page cache
        run = subprocess.run([tool, "--time", path], capture_output=True, text=True)
        match = LINE.search(run.stdout)
        if not match:
            sys.exit(f"{path}: {run.stderr.strip() or run.stdout}")
        found.append((float(match[1]), float(match[2]), *map(int, match.groups()[2:])))
    return found[1:]


def spread(values):
    return f"{min(values):.1f} / {statistics.median(values):.1f} / {max(values):.1f}"


def write_section(path, lines):
    """Replaces the section, or adds it at the end."""
    text = path.read_text()
    before, found, rest = text.partition(f"{SECTION}\n")
    after = "".join(re.split(r"(?m)^(?=## )", rest)[1:]) if found else ""
    path.write_text(before.rstrip() + "\n\n" + "\n".join(lines) + "\n" + ("\n" + after if after else ""))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("-n", type=int, default=7, help="repeats")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks.md")
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    tool = options.build.resolve() / "tests" / "bin" / "unwind_rows"
    files = options.files or sorted(os.path.realpath(f) for pattern in LARGE for f in glob.glob(pattern))
    idle = statistics.median(one[5] for one in measure(tool, "/bin/true", options.n)) / 1024
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True)
    load = os.getloadavg()[0]
    lines = [SECTION, "",
             f"Written by `tests/bench/unwind_rows.py`; do not edit. Commit {commit.stdout.strip()}, Linux "
             f"{platform.release()}, {datetime.date.today()}, load average before: {load:.1f} on {os.cpu_count()} CPUs.",
             f"n = {options.n}; minimum / median / maximum. One core, a process each, file in the page cache. Memory is the "
             f"process's peak over that of one that", f"compiles `/bin/true` ({idle:.1f} MiB).", "",
             "| file | MB | functions | rows | ms | ms of CPU | MiB over idle | bytes a row in the kernel |",
             "|---|---|---|---|---|---|---|---|"]
    print("\n".join(lines), flush=True)
    for path in files:
        runs = measure(tool, path, options.n)
        _, _, functions, rows, _, _, kernel = runs[0]
        lines.append(f"| {os.path.basename(path)} | {os.path.getsize(path) / 1e6:.0f} | {functions} | {rows} "
                     f"| {spread([r[0] for r in runs])} | {spread([r[1] for r in runs])} | {spread([r[5] / 1024 - idle for r in runs])} "
                     f"| {kernel / rows:.2f} |")
        print(lines[-1], flush=True)
    write_section(options.out, lines)
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
