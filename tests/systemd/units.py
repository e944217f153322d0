#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""systemd accepts the units, and rates how far they are shut in: units.py FOLDER. Exit status 77 where systemd is not
installed."""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# Ten times the largest exposure that `systemd-analyze security` may give. Measured with systemd 252: sampler 2.2,
# processor 1.2; what the sampler scores for is its capabilities, the processor its network.
THRESHOLDS = {"splitprof-sampler.service": 25, "splitprof-processor.service": 14}


def main(folder):
    analyze = shutil.which("systemd-analyze")
    if not analyze:
        print("skipped: systemd-analyze is not installed")
        return 77
    failures = 0
    with tempfile.TemporaryDirectory() as scratch:
        for unit in folder.glob("splitprof-*"):
            # Verification wants the program to exist; the users, made at installation, are not looked for.
            text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text(), flags=re.MULTILINE)
            (Path(scratch) / unit.name).write_text(text)
        units = sorted(str(path) for path in Path(scratch).iterdir())
        verified = subprocess.run([analyze, "verify", "--man=no", "--recursive-errors=no", *units], capture_output=True,
                                  text=True)
        complaints = [line for line in (verified.stdout + verified.stderr).splitlines() if "splitprof" in line]
        print("\n".join(complaints))
        failures += verified.returncode != 0 or bool(complaints)
        for name, threshold in THRESHOLDS.items():
            rated = subprocess.run([analyze, "security", "--offline=true", f"--threshold={threshold}",
                                    str(Path(scratch) / name)], capture_output=True, text=True)
            print((rated.stdout + rated.stderr).strip().splitlines()[-1])
            failures += rated.returncode != 0
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
