# SPDX-License-Identifier: Apache-2.0
"""Others who say what a Python program's stacks are: py-spy and pystack (PyPI), which stop it and read its memory, and
its interpreter's own faulthandler. A stack is what all of them know: (function without its class, file, line) of each
frame, root first, the line of the innermost one left out, as it may be any."""

import json
import re
import subprocess
import sys

import harness

PACKAGES = ("py-spy==0.4.3", "pystack==1.7.2")
INNERMOST = "burn"  # where the program's time goes; what waits elsewhere is not sampled
FAULTHANDLER_DEPTH = 100  # frames, MAX_FRAME_DEPTH in CPython's Python/traceback.c


def tools():
    """The folder of py-spy and pystack, or None where they cannot be had, which is said."""
    venv = harness.BUILD / "tests" / "python-oracles"
    ready = venv / "-".join(["has", *PACKAGES])
    if not ready.exists():
        try:
            subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True, capture_output=True)
            subprocess.run([venv / "bin" / "python3", "-m", "pip", "install", "-q", *PACKAGES], check=True, capture_output=True,
                           timeout=300)
        except (subprocess.SubprocessError, OSError) as error:
            words = getattr(error, "stderr", None) or getattr(error, "stdout", None) or str(error).encode()
            print(f"  skipped: {', '.join(PACKAGES)} cannot be installed: {words.decode(errors='replace').strip()[-300:]}")
            return None
        ready.touch()
    return venv / "bin"


def stack_of(frames):
    """`frames`: (name, file, line), root first."""
    plain = [(name.rsplit(".", 1)[-1], file, line) for name, file, line in frames]
    return (*plain[:-1], (*plain[-1][:2], 0)) if plain else ()


def only_innermost(stacks):
    return [stack for stack in stacks if stack and stack[-1][0] == INNERMOST]


def py_spy(folder, pid):
    """Stacks of all threads at one moment."""
    run = subprocess.run([folder / "py-spy", "dump", "--json", "--full-filenames", "--pid", str(pid)], capture_output=True,
                         text=True, timeout=60)
    if run.returncode:
        raise RuntimeError((run.stderr.strip() or "no output").splitlines()[0])
    return only_innermost(stack_of([(f["name"], f["filename"], f["line"]) for f in reversed(thread["frames"])])
                          for thread in json.loads(run.stdout))


def pystack(folder, pid):
    run = subprocess.run([folder / "pystack", "remote", str(pid)], capture_output=True, text=True, timeout=60)
    if run.returncode:
        raise RuntimeError((run.stderr.strip() or "no output").splitlines()[-1])
    stacks = [re.findall(r'^    \(Python\) File "(.*)", line (\d+), in (.*)$', thread, re.MULTILINE)
              for thread in run.stdout.split("Traceback for thread")]
    found = only_innermost(stack_of([(name, file, int(line)) for file, line, name in frames]) for frames in stacks)
    # It reads neither names nor files of more than a byte a character.
    return [stack for stack in found if not any(name == "foreign_names" for name, _, _ in stack)]


def faulthandler(text):
    """Stacks of what it wrote, of each at most its FAULTHANDLER_DEPTH innermost frames."""
    stacks = [re.findall(r'^  File "(.*)", line (\d+) in (.*)$', thread, re.MULTILINE)
              for thread in text.split("(most recent call first):")]
    return only_innermost(stack_of([(name, file, int(line)) for file, line, name in reversed(frames)]) for frames in stacks)


def as_faulthandler(stack):
    """What faulthandler would write of it."""
    def escaped(text):
        return text.encode("ascii", "backslashreplace").decode()
    return tuple((escaped(name), escaped(file), line) for name, file, line in stack[-FAULTHANDLER_DEPTH:])
