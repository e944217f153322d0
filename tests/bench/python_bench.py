# SPDX-License-Identifier: Apache-2.0
"""What Python frames cost: in BPF, in the processor, and in its memory. The part `python` of run.py."""

import collections
import contextlib
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROGRAMS = Path(__file__).resolve().parent / "python"
DEBIAN = Path("/usr/bin/python3")
MIB = 1 << 20
UNNAMED = re.compile(r"^\[cpython: ")
MARKER = re.compile(r"^\[(truncated|gap)")
# With Debian's 3.11 the frames of the start, of 1 callback and of the loops are 17.
STACKS = (("16 Python frames, 1 of them called by C", (16, 1)), ("100 Python frames", (100, 0)),
          ("200 Python frames", (200, 0)), ("900 Python frames", (900, 0)))


def interpreters():
    """Debian's, in which Python calls Python in one C frame, and one in which each call is a C call."""
    if DEBIAN.exists():
        yield f"python {version(DEBIAN)}", DEBIAN
    for python in sorted(Path.home().glob(".pyenv/versions/3.8.*/bin/python3"))[:1]:
        yield "python 3.8", python


def version(python):
    return subprocess.run([python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], capture_output=True,
                          text=True, check=True).stdout.strip()


@contextlib.contextmanager
def programs(*commands, ready=False):
    """Runs them while the block does; `ready`: each says so first."""
    started = [subprocess.Popen([str(a) for a in c], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for c in commands]
    try:
        for process in started if ready else ():
            process.stdout.readline()
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()
            process.stdout.close()


def record(bench, folder, seconds, *arguments):
    """Begins a recording into FOLDER/out.splitprof and out.folded; the caller waits."""
    return subprocess.Popen([bench.build / "bin" / "splitprof", "record", "-q", "-d", f"{seconds}s", "-o", f"{folder}/out.splitprof",
                             "-o", f"{folder}/out.folded", "--summary", f"{folder}/summary.json", *map(str, arguments)],
                            stderr=subprocess.PIPE, text=True)


def finish(recording):
    errors = recording.communicate()[1]
    if recording.returncode != 0:
        sys.exit(f"a recording failed:\n{errors}")


def costs(bench, folder, pids, rounds=0):
    run = subprocess.run([bench.build / "tests" / "bin" / "capture_costs", f"{folder}/out.splitprof", str(rounds),
                          *map(str, pids)], capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit(run.stderr)
    return json.loads(run.stdout.splitlines()[-1])  # lines of the log stand before it


def shares(path, wanted=lambda line: True):
    """Of the samples in a folded file whose line is wanted: how many, per cent that are whole, per cent without a Python
    frame that has no name."""
    total = whole = named = 0
    why_not = collections.Counter()
    for line in Path(path).read_text(errors="replace").splitlines():
        text, count = line.rsplit(" ", 1)
        frames = text.split(";")[1:]
        if not wanted(text):
            continue
        total += int(count)
        whole += 0 if any(MARKER.match(f) for f in frames) else int(count)
        unnamed = next((f for f in frames if UNNAMED.match(f)), None)
        named += 0 if unnamed else int(count)
        if unnamed:
            why_not[unnamed] += int(count)
    if not total:
        sys.exit(f"{path} has no sample of the program")
    return {"samples": total, "whole": 100 * whole / total, "named": 100 * named / total,
            "why_not": ", ".join(f"{n} × {why}" for why, n in why_not.most_common(2))}


def bench_stacks(bench):
    """BPF and processor, per sample and per frame, with stacks of known depth: one program for each CPU."""
    for python_name, python in interpreters():
        slopes = []
        for name, arguments in STACKS:
            walk, processor, per_frame, found = [], [], [], None
            for _ in range(1 if bench.quick else 5):
                with tempfile.TemporaryDirectory(prefix="splitprof-bench-") as folder, \
                     programs(*[[python, PROGRAMS / "stacks.py", *arguments]] * os.cpu_count()) as started:
                    time.sleep(1)
                    pids = [p.pid for p in started]
                    finish(record(bench, folder, 4, "-F", 997, *(f"-p{pid}" for pid in pids)))
                    found = costs(bench, folder, pids, 5)
                    if found["asked_again"]:
                        sys.exit(f"{found['asked_again']} names were asked for again")
                walk.append(found["walk_ns"]["median"] / 1000)
                processor += found["processor_ns_per_sample"]
                per_frame += found["processor_ns_per_frame"]
            remark = (f"{found['python_frames']:.1f} Python, {found['native_frames']:.1f} native, "
                      f"{found['kernel_frames']:.1f} kernel frames")
            bench.add(f"BPF time a sample, {python_name}, {name}", "µs", walk, f"medians of {found['samples']} samples; {remark}")
            bench.add(f"processor, a known sample, {python_name}, {name}", "µs", [ns / 1000 for ns in processor], remark)
            bench.add(f"processor, a known frame, {python_name}, {name}", "ns", per_frame)
            slopes.append((found["python_frames"] + found["native_frames"], statistics.median(walk)))
        for (low, low_us), (high, high_us) in zip(slopes[1:], slopes[2:]):
            bench.add(f"BPF time for one more frame, {python_name}, {low:.0f} to {high:.0f} frames", "ns",
                      [1000 * (high_us - low_us) / (high - low)])


class Memory:
    """`splitprof run` that writes folded stacks; how much memory its processor has, over time."""

    def __init__(self, bench, folder, hz):
        Path(folder).chmod(0o755)
        self.folded = f"{folder}/out.folded"
        configuration = {"receivers": {"profiling": {"samples_per_second": hz}},
                         "exporters": {"file": {"path": self.folded, "format": "folded"}},
                         "service": {"feature_gates": ["service.profilesSupport"],
                                     "pipelines": {"profiles": {"receivers": ["profiling"], "exporters": ["file"]}}}}
        self.log = open(f"{folder}/log", "w+")
        self.began = time.monotonic()
        self.process = subprocess.Popen([bench.build / "bin" / "splitprof", "run", "--config", f"yaml:{json.dumps(configuration)}",
                                         "--no-telemetry", "--state", f"{folder}/state"], stdout=self.log, stderr=self.log)

    def processor(self):
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return next(int(pid) for pid in children if "processor" in Path(f"/proc/{pid}/cmdline").read_text())

    def look(self):
        """(PSS, RSS, seconds of CPU) of the processor."""
        pid = self.processor()
        text = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return int(text["Pss"].split()[0]) / 1024, int(text["Rss"].split()[0]) / 1024, cpu

    def watch(self, seconds):
        """{second: look}, once a second."""
        looks = {}
        for second in range(1, seconds + 1):
            time.sleep(max(0, self.began + second - time.monotonic()))
            if self.process.poll() is not None:
                sys.exit(f"the daemon ended with exit status {self.process.returncode}:\n{Path(self.log.name).read_text()}")
            with contextlib.suppress(OSError, StopIteration):  # it is starting
                looks[second] = self.look()
        return looks

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        finally:
            self.process.kill()
            self.process.wait()
            self.log.close()


def watch_memory(bench, name, hz, seconds, command, wanted):
    with tempfile.TemporaryDirectory(prefix="splitprof-bench-") as folder, \
         programs([a.replace("FOLDER", folder) if isinstance(a, str) else a for a in command]) as (program,):
        program.stdout.readline()
        memory = Memory(bench, folder, hz)
        try:
            looks = memory.watch(seconds)
        finally:
            memory.stop()
        share = shares(memory.folded, wanted)
    moments = [s for s in sorted(looks) if s in (10, 20, 30, 45, 60, 90, 120)]
    course = ", ".join(f"{looks[s][0]:.1f} after {s} s" for s in moments)
    last = [look for s, look in looks.items() if s > seconds * 3 / 4]
    bench.add(f"PSS of the processor, daemon, {hz} Hz, {name}", "MiB", [look[0] for look in last], f"last quarter of {seconds} s; {course}")
    bench.add(f"RSS of the processor, daemon, {hz} Hz, {name}", "MiB", [look[1] for look in last])
    began, ended = min(looks), max(looks)
    bench.add(f"CPU of the processor, daemon, {hz} Hz, {name}", "%", [100 * (looks[ended][2] - looks[began][2]) / (ended - began)])
    bench.add(f"samples in it that are named, {hz} Hz, {name}", "%", [share["named"]],
              f"of {share['samples']}; {share['whole']:.3f} % whole" + (f"; {share['why_not']}" if share["why_not"] else ""))


def bench_memory(bench):
    seconds = 20 if bench.quick else 60
    watch_memory(bench, "16 Python frames", 997, seconds, [DEBIAN, "-u", "-c", f"print('ready'); import sys; sys.argv = ['', '16', '3']; "
                 f"exec(compile(open('{PROGRAMS}/stacks.py').read(), '{PROGRAMS}/stacks.py', 'exec'))"], lambda text: "function_" in text)
    watch_memory(bench, "10,000 functions in 500 files", 997, seconds,
                 [DEBIAN, PROGRAMS / "package.py", "FOLDER/package", "500", "20"], lambda text: "answer_request_" in text or "[cpython: " in text)
    watch_memory(bench, "10,000 functions in 500 files", 20, seconds,
                 [DEBIAN, PROGRAMS / "package.py", "FOLDER/package", "500", "20"], lambda text: "answer_request_" in text or "[cpython: " in text)
    watch_memory(bench, "a million code objects", 997, seconds, [DEBIAN, PROGRAMS / "code_objects_forever.py"],
                 lambda text: "made_" in text or "[cpython: " in text)


def worker(folder, number, pause):
    """A script of ten functions of its own, which pauses so many times as long as it works."""
    path = Path(folder) / f"worker_{number:02}.py"
    text = "import time\n"
    for i in range(8):
        text += f"def step_{number:02}_{i}(n):\n    return step_{number:02}_{i + 1}(n)\n"
    text += f"def step_{number:02}_8(n):\n    return sum(i * i for i in range(n))\n"
    text += f"print('ready', flush=True)\nwhile True:\n    began = time.monotonic()\n    step_{number:02}_0(2000)\n"
    text += f"    time.sleep({pause} * (time.monotonic() - began))\n" if pause else ""
    path.write_text(text)
    return path


def crowd(bench, name, hz, pause):
    """Fifty programs that run when they are met, all at once."""
    lasts, helds, lags, named, whole, cpu = [], [], [], [], [], []
    remark = ""
    for _ in range(1 if bench.quick else 3):
        with tempfile.TemporaryDirectory(prefix="splitprof-bench-") as folder:
            with programs(*[[DEBIAN, worker(folder, number, pause)] for number in range(50)], ready=True) as started:
                pids = [p.pid for p in started]
                finish(record(bench, folder, 10, "-F", hz))
            found = costs(bench, folder, pids)
            share = shares(f"{folder}/out.folded", lambda text: "worker_" in text or "step_" in text or "[cpython" in text)
            summary = json.loads(Path(f"{folder}/summary.json").read_text())
            cpu.append(sum(p["cpu_user_ns"] + p["cpu_system_ns"] for p in summary["processes"]) / 1e6)
            lasts.append(found["last_name_ms"])
            helds.append(found["most_held"])
            lags.append(found["lag_ms"]["p99"])
            named.append(share["named"])
            whole.append(share["whole"])
            remark = f"{found['samples']} samples of them, {found['functions']} functions, {found['samples_held']} samples waited"
    name = f"50 programs met at once, {name}, {hz} Hz"
    bench.add(f"{name}: first sample with Python frames to last name", "ms", lasts, remark)
    bench.add(f"{name}: most samples that waited", "samples", helds)
    bench.add(f"{name}: sample to the tick after it was taken in, 99 %", "ms", lags, "ticks are 100 ms apart")
    bench.add(f"{name}: samples named", "%", named)
    bench.add(f"{name}: samples whole", "%", whole)
    bench.add(f"{name}: CPU time of all processes", "ms", cpu, "10 s")


def bench_crowd(bench):
    crowd(bench, "each busy for 2 % of the time", 997, 49)
    crowd(bench, "each busy all the time", 97, 0)


def bench_threads(bench):
    named, whole, lags, remark = [], [], [], ""
    for _ in range(1 if bench.quick else 3):
        with tempfile.TemporaryDirectory(prefix="splitprof-bench-") as folder, \
             programs([DEBIAN, PROGRAMS / "threads.py", "500"], ready=True) as (program,):
            finish(record(bench, folder, 10, "-F", 997, "-p", program.pid))
            found = costs(bench, folder, [program.pid])
            share = shares(f"{folder}/out.folded")
            named.append(share["named"])
            whole.append(share["whole"])
            lags.append(found["lag_ms"]["p99"])
            remark = f"{found['samples']} samples, {found['functions']} functions, last name after {found['last_name_ms']:.0f} ms"
    bench.add("500 threads in one program, samples named", "%", named, remark)
    bench.add("500 threads in one program, samples whole", "%", whole)
    bench.add("500 threads in one program, sample to the tick after it was taken in, 99 %", "ms", lags)


def bench_names(bench):
    bench.run_program(bench.build / "tests" / "bin" / "python_names_bench")


def run(bench, only=None):
    for part in ("stacks", "names", "memory", "crowd", "threads"):
        if only in (None, part):
            globals()[f"bench_{part}"](bench)
