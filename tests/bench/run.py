#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every figure that this project states, by one command: sudo tests/bench/run.py [--quick] [--build DIR] [--out FILE].
Prints a table and writes docs/benchmarks.md. With a part, like `python`, only that; what has a section of its own in
that file is written, too. Figures are minimum / median / maximum of n repeats; CPU is in percent of one core; the loads
are those of tests/programs/ and tests/bench/python/."""

import argparse
import contextlib
import datetime
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import python_bench

ROOT = Path(__file__).resolve().parents[2]
MIB = 1 << 20


class Bench:
    def __init__(self, build, quick):
        self.build, self.quick = build, quick
        self.rows = []

    def program(self, name):
        return str(self.build / "tests" / "programs" / name)

    def add(self, what, unit, values, remark=""):
        values = [v for v in values if v is not None]
        if not values:
            print(f"{what}: not measured {remark}", flush=True)
            return
        row = (what, unit, len(values), min(values), statistics.median(values), max(values), remark)
        self.rows.append(row)
        print("{:<58} {:>8}  n={:<3} {:>10.3g} / {:>10.3g} / {:>10.3g}  {}".format(*row), flush=True)

    def run_program(self, program):
        """A C++ benchmark, which prints name, unit, n, minimum, median, maximum, parted by tabs."""
        out = subprocess.run([program], capture_output=True, text=True)
        if out.returncode != 0:
            sys.exit(f"{program} failed:\n{out.stderr}")
        for line in out.stdout.splitlines():
            fields = line.split("\t")
            if len(fields) == 6:
                name, unit, n, low, median, high = fields
                self.rows.append((name, unit, int(n), float(low), float(median), float(high), program.name))
                print("{:<58} {:>8}  n={:<3} {:>10} / {:>10} / {:>10}  {}".format(name, unit, n, low, median, high, program.name), flush=True)

    def record(self, seconds, *arguments):
        with tempfile.TemporaryDirectory(prefix="splitprof-bench-") as folder:
            run = subprocess.run([self.build / "bin" / "splitprof", "record", "-q", "--duration", f"{seconds}s",
                                  "-o", f"{folder}/out.folded", "--summary", f"{folder}/summary.json", *map(str, arguments)],
                                 capture_output=True, text=True)
            if run.returncode != 0:
                sys.exit(f"a recording failed:\n{run.stderr}")
            return json.loads(Path(f"{folder}/summary.json").read_text())


@contextlib.contextmanager
def running(*commands):
    """The commands run while the block does."""
    started = [subprocess.Popen(c, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
               for c in commands]
    time.sleep(0.5)
    try:
        yield
    finally:
        for process in started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


PYTHON_LOAD = "def f(n):\n return sum(range(300)) if n == 0 else f(n - 1)\nwhile True: f(12)"
NODE_LOAD = "function f(n) { let s = 0; if (n == 0) { for (let i = 0; i < 300; i++) s += i; return s } return f(n - 1) } for (;;) f(12)"
PERL_LOAD = "sub f { my $n = shift; if (!$n) { my $s = 0; $s += $_ for 1..300; return $s } return f($n - 1) } f(12) while 1"


def mixed_load(bench):
    """native30 beside interpreters: whatever of them is installed."""
    loads = {"native30": [bench.program("native"), "26", "100000", "2"]}
    for name, command in (("python", ["python3", "-c", PYTHON_LOAD]), ("node", ["node", "-e", NODE_LOAD]),
                          ("perl", ["perl", "-e", PERL_LOAD])):
        if shutil.which(command[0]):
            loads[name] = command
    return loads


def bench_start_up(bench):
    with running([bench.program("native"), "26", "100000", "2"]):
        times, connected = [], []
        for _ in range(3 if bench.quick else 10):
            start = bench.record(1)["start_up"]
            times.append((start["first_sample_ns"] - start["started_ns"]) / 1e6 if start["first_sample_ns"] else None)
            connected.append((start["connected_ns"] - start["started_ns"]) / 1e6 if start["connected_ns"] else None)
    bench.add("exec of `splitprof record` to connected", "ms", connected)
    bench.add("exec of `splitprof record` to first sample", "ms", times, "native30 already running")


def bench_walk(bench):
    for name, depth in (("native30", 26), ("native200", 194), ("native1000", 994)):
        with running([bench.program("native"), str(depth), "100000", "2"]):
            for hz in (97, 997):
                times, frames = [], []
                for _ in range(2 if bench.quick else 5):
                    summary = bench.record(4, "-F", hz)
                    times.append(summary["bpf"]["ns_per_sample"] / 1000)
                    frames.append(summary["bpf"]["frames_per_sample"])
                bench.add(f"BPF time a sample, {name}, {hz} Hz", "µs", times, f"{statistics.median(frames):.0f} frames")


def bpf_maps():
    """{id: bytes} of every BPF map of the machine, as its kernel accounts them."""
    out = subprocess.run(["bpftool", "-j", "map", "show"], capture_output=True, text=True)
    if out.returncode != 0:
        return None
    return {one["id"]: one.get("bytes_memlock", 0) for one in json.loads(out.stdout)}


def bench_cost(bench):
    loads = mixed_load(bench)
    seconds = 5 if bench.quick else 20
    for load_name, commands in (("idle", {}), ("mixed", loads)):
        with running(*commands.values()):
            for hz in (20, 97):
                cpu, pss, rss, in_kernel = [], [], [], []
                for _ in range(1 if bench.quick else 3):
                    summary = bench.record(seconds, "-F", hz)
                    ns = summary["run"]["duration_ns"]
                    processes = [p for p in summary["processes"] if p["name"] != "launcher"]
                    cpu.append(100 * sum(p["cpu_user_ns"] + p["cpu_system_ns"] for p in processes) / ns)
                    pss.append(sum(p["peak_pss_bytes"] for p in processes) / MIB)
                    rss.append(sum(p["peak_rss_bytes"] for p in processes) / MIB)
                    in_kernel.append(100 * summary["bpf"]["walk_ns"] / ns)
                what = f"{load_name}, {hz} Hz"
                remark = "+".join(commands) if commands else ""
                bench.add(f"CPU of all processes, start-up and symbols included, {what}", "%", cpu, f"{seconds} s {remark}".strip())
                bench.add(f"CPU inside BPF, {what}", "%", in_kernel)
                bench.add(f"PSS of all processes together, peak, {what}", "MiB", pss)
                bench.add(f"RSS of all processes added up, peak, {what}", "MiB", rss)


def family(pid):
    found = []
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            found += [int(child), *family(int(child))]
    return found


def pss_bytes(pids):
    """Of all of them together."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += int(next(line for line in text.splitlines() if line.startswith("Pss:")).split()[1]) * 1024
    return total


def bench_daemon(bench):
    """Memory of `splitprof run` that sends profiles and metrics to a real Elasticsearch, and of one that cannot."""
    sys.path.insert(0, str(ROOT / "tests" / "integration" / "elasticsearch"))
    import elasticsearch_server
    warm_up, looks = (10, 5) if bench.quick else (30, 15)
    with tempfile.TemporaryDirectory(prefix="splitprof-bench-") as folder, running(*mixed_load(bench).values()):
        try:
            server = elasticsearch_server.start(bench.build / "elasticsearch", folder + "/data")
        except elasticsearch_server.Cannot as reason:
            print(f"memory of the daemon: not measured: {reason}")
            return
        server.templates()
        Path(folder).chmod(0o755)  # the daemon's user has a folder of its own in it
        before = bpf_maps()
        examples = ROOT / "docs" / "examples"
        run = subprocess.Popen([bench.build / "bin" / "splitprof", "run", "--config", examples / "edot-metrics-9.3.yml",
                                f"--config=yaml:exporters::elasticsearch::endpoint: {server.url}",
                                "--set", "service.pipelines.profiles.exporters=[elasticsearch, profilingmetrics]",
                                "--feature-gates=service.profilesSupport", "--state", folder + "/state"],
                               stderr=subprocess.DEVNULL)
        try:
            for what in ("sending", "the server away"):
                time.sleep(warm_up)
                if run.poll() is not None:
                    sys.exit(f"the daemon ended with exit status {run.returncode}")
                values = []
                for _ in range(looks):
                    time.sleep(1)
                    values.append(pss_bytes([run.pid, *family(run.pid)]) / MIB)
                bench.add(f"PSS of all processes, daemon, mixed, {what}", "MiB", values, f"after {warm_up} s")
                if what == "sending":
                    during = bpf_maps()
                    if during is not None and before is not None:
                        maps = sum(b for i, b in during.items() if i not in before) / MIB
                        bench.add("BPF maps, daemon, mixed", "MiB", [maps], "bytes_memlock of bpftool")
                    server.stop()
        finally:
            run.send_signal(signal.SIGTERM)
            run.wait()
            server.stop()


def bench_steady(bench):
    """CPU once everything is known: the daemons' own time over a window that begins 10 s after the start."""
    ticks = os.sysconf("SC_CLK_TCK")

    def spent(pids):
        total = 0
        for pid in pids:
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                total += int(fields[11]) + int(fields[12])
        return total / ticks

    window, warm_up = (5, 4) if bench.quick else (20, 10)
    for load_name, commands in (("idle", {}), ("mixed", mixed_load(bench))):
        with running(*commands.values()):
            for hz in (20, 97):
                values, maps = [], []
                for _ in range(1 if bench.quick else 3):
                    before_maps = bpf_maps()
                    with tempfile.TemporaryDirectory() as folder:
                        run = subprocess.Popen([bench.build / "bin" / "splitprof", "record", "-q", "-F", str(hz),
                                                "-o", f"{folder}/out.folded"], stderr=subprocess.DEVNULL)
                        time.sleep(warm_up)
                        pids = family(run.pid)
                        began, before = time.monotonic(), spent(pids)
                        time.sleep(window)
                        values.append(100 * (spent(pids) - before) / (time.monotonic() - began))
                        during = bpf_maps()
                        if during is not None and before_maps is not None:
                            maps.append(sum(b for i, b in during.items() if i not in before_maps) / MIB)
                        run.send_signal(signal.SIGINT)
                        run.wait()
                bench.add(f"CPU of all processes, steady, {load_name}, {hz} Hz", "%", values, f"{window} s after {warm_up} s")
                bench.add(f"BPF maps, {load_name}, {hz} Hz", "MiB", maps, "bytes_memlock of bpftool")


def bench_programs(bench):
    for program in sorted((bench.build / "tests" / "bin").glob("*_bench")):
        if program.name != "python_names_bench":  # stands in the section of Python
            bench.run_program(program)


def describe_machine(build):
    git = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True)
    model = next((l.split(":", 1)[1].strip() for l in Path("/proc/cpuinfo").read_text().splitlines()
                  if l.startswith("model name")), platform.machine())
    cache = (build / "CMakeCache.txt").read_text()
    kind = next((l.split("=", 1)[1] for l in cache.splitlines() if l.startswith("CMAKE_BUILD_TYPE")), "?")
    load = os.getloadavg()[0]
    return [f"commit {git.stdout.strip() or 'unknown'}, {kind}", f"Linux {platform.release()} {platform.machine()}",
            f"{os.cpu_count()} × {model}", f"{datetime.date.today()}, load average before: {load:.1f}"]


def table(rows):
    lines = ["| what | unit | n | min | median | max | |", "|---|---|---|---|---|---|---|"]
    for what, unit, n, low, median, high, remark in rows:
        lines.append(f"| {what} | {unit} | {n} | {low:.3g} | {median:.3g} | {high:.3g} | {remark} |")
    return lines


def split_sections(path):
    """The text before the first section, and the sections by title; a section begins with its title's line."""
    head, *sections = (path.read_text() if path.exists() else "").split("\n## ")
    return head, {text.split("\n", 1)[0]: text for text in sections}


def join_sections(path, head, sections):
    path.write_text("\n## ".join([head.rstrip("\n") + "\n", *(text.rstrip("\n") + "\n" for text in sections.values())]))


def write(bench, machine, path):
    lines = ["# Benchmarks", "", "Written by `sudo tests/bench/run.py`; do not edit. " + "; ".join(machine) + ".", "",
             "Minimum / median / maximum of n repeats. CPU is in percent of one core. Figures from a busy or virtual machine",
             "are noisy: compare only what one run of this command printed.", "", *table(bench.rows)]
    join_sections(path, "\n".join(lines), split_sections(path)[1])  # other commands wrote the sections


def write_section(bench, machine, path, title, command):
    head, sections = split_sections(path)
    lines = [title, "", f"Written by `{command}`; do not edit. " + "; ".join(machine) + ".", "", *table(bench.rows)]
    sections[title] = "\n".join(lines)
    join_sections(path, head, sections)


PARTS = ("start_up", "walk", "steady", "cost", "daemon", "programs")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="?", choices=(*PARTS, "python"), help="only this (default: all)")
    parser.add_argument("--only", help="of python: stacks, names, memory, crowd or threads; writes nothing")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--quick", action="store_true", help="few repeats: to see that it works")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks.md")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("profiling needs root: sudo tests/bench/run.py")
    bench = Bench(options.build.resolve(), options.quick)
    machine = describe_machine(bench.build)
    print("\n".join(machine), flush=True)
    for part in PARTS:
        if options.part in (None, part):
            globals()[f"bench_{part}"](bench)
    if options.part is None:
        write(bench, machine, options.out)
    if options.part in (None, "python"):
        bench.rows = []
        python_bench.run(bench, options.only)
        if options.only is None:
            write_section(bench, machine, options.out, "Python", "sudo tests/bench/run.py python")


if __name__ == "__main__":
    main()
