#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make.py BUILD_DIR [NAME…]: records tests/data/captures anew, as root. Small programs, built without debug information and
(but for the one with a PLT) statically, run from a folder that names no machine; then the captures are reduced. Rewrite
the golden files afterwards: SPLITPROF_UPDATE_GOLDEN=1 ctest --test-dir BUILD_DIR -R captures_test."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[1] / "programs"
CAPTURES = Path(__file__).resolve().parents[1] / "data" / "captures"
FOLDER = Path("/tmp/splitprof-programs")  # the paths that will stand in the captures
FLAGS = ["-O2", "-fomit-frame-pointer", "-fno-optimize-sibling-calls", "-pthread"]
STATIC = ["-static", "-Wl,--gc-sections", "-ffunction-sections"]

# Name: sources, how it is linked, arguments, rate.
RECORDINGS = {
    "native": (["native.cc"], STATIC, ["26", "2", "1"], 499),
    "threads": (["native.cc"], STATIC, ["60", "2", "3"], 199),
    "signal-handler": (["signal_handler.cc"], STATIC, ["2"], 499),
    "plt": (["plt_calls.cc"], ["-fplt", "-Wl,-z,lazy", "-L.", "-ltiny_functions", "-Wl,-rpath,$ORIGIN"], ["2"], 499),
    "short-lived": (["short_lived.cc"], STATIC, ["2", "5", f"{FOLDER}/short-lived"], 997),
    "python": (["python/small_tree.py"], None, [], 199),  # with Debian 12's interpreter
}


def main():
    build = Path(sys.argv[1]).resolve()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(mode=0o755)
    CAPTURES.mkdir(exist_ok=True)
    subprocess.run(["c++", *FLAGS, "-fPIC", "-shared", "-nostdlib", "-o", "libtiny_functions.so", SOURCES / "tiny_functions.cc"],
                   check=True, cwd=FOLDER)
    with tempfile.TemporaryDirectory() as scratch:
        for name, (sources, link, arguments, rate) in RECORDINGS.items():
            if sys.argv[2:] and name not in sys.argv[2:]:
                continue
            program = FOLDER / name
            if link is None:
                script = shutil.copy(SOURCES / sources[0], FOLDER)
                command = ["/usr/bin/python3", script, *arguments]
            else:
                subprocess.run(["c++", *FLAGS, *[SOURCES / s for s in sources], *link, "-Wl,--as-needed", "-o", program],
                               check=True, cwd=FOLDER)
                command = [program, *arguments]
            whole = f"{scratch}/{name}.splitprof"
            subprocess.run([build / "bin/splitprof", "record", "-q", "-F", str(rate), "-o", whole, "--", *command],
                           check=True, cwd="/")
            os.umask(0o022)
            subprocess.run([build / "tests/bin/reduce_capture", whole, CAPTURES / f"{name}.splitprof"], check=True)
            os.chmod(CAPTURES / f"{name}.splitprof", 0o644)
            replayed = []
            for capture in (whole, CAPTURES / f"{name}.splitprof"):
                out = f"{scratch}/out.folded"
                subprocess.run([build / "bin/splitprof", "report", "-q", capture, "-o", out], check=True)
                replayed.append(Path(out).read_bytes())
            print(f"{name}: {os.stat(whole).st_size} bytes, reduced to {os.stat(CAPTURES / f'{name}.splitprof').st_size}; "
                  f"{'the same stacks' if replayed[0] == replayed[1] else 'OTHER STACKS'}")


if __name__ == "__main__":
    main()
