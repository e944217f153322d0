#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares our unwind rows with readelf's, row for row: CFA, frame pointer and return address of every FDE,
in .eh_frame and .debug_frame.

compare_rows.py UNWIND_ROWS FILE...: prints one line a file; exit status 1 when a row differs, 77 when no file exists.
"""

import itertools
import os
import re
import subprocess
import sys

RECORD = re.compile(r"^([0-9a-f]+) [0-9a-f]+ [0-9a-f]+ (CIE|FDE)(?: cie=([0-9a-f]+) pc=([0-9a-f]+)\.\.([0-9a-f]+))?")
FRAMES = re.compile(r"Contents of the \.(eh_frame|z?debug_frame) section")
ROW = re.compile(r"^[0-9a-f]{16} ")
REGISTER = re.compile(r"r\d+ \((\w+)\)")  # a register's number and its name, of which we print the name
FP_NAMES = ("rbp", "x29")
SHOWN = 10


def readelf_fdes(path):
    """Yields (offset, start, end, rows), in the order of the section; a row is (address, CFA, fp, ra)."""
    command = ["readelf", "--wide", "--debug-dump=frames-interp", path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        fde, rows, columns, cies, in_frames = None, [], [], {}, False
        for line in process.stdout:
            if line.startswith("Contents of the"):
                if fde:
                    yield finished(fde, rows, cies)
                fde, cies = None, {}
                in_frames = FRAMES.match(line)
            if not in_frames:
                continue
            if match := RECORD.match(line):
                if fde:
                    yield finished(fde, rows, cies)
                fde, rows = None, []
                offset = int(match[1], 16)
                if match[2] == "CIE":
                    cies[offset] = rows
                else:
                    fde = (offset, *(int(match[i], 16) for i in (3, 4, 5)))
            elif line.startswith("   LOC"):
                columns = line.split()
            elif ROW.match(line):
                row = dict(zip(columns, REGISTER.sub(r"\1", line).split(), strict=True))
                fp = next((row[name] for name in FP_NAMES if name in row), "u")
                rows.append((int(row["LOC"], 16), row["CFA"], fp, row.get("ra", "u")))
        if fde:
            yield finished(fde, rows, cies)


def finished(fde, rows, cies):
    """readelf prints no row for an FDE without instructions: what its CIE says holds. It prints a row for an advance
    by nothing, too: what holds is the last one of an address; and one at the very end, which holds nowhere."""
    offset, cie, start, end = fde
    if not rows and cies[cie]:
        rows = [(start, *cies[cie][-1][1:])]
    return offset, start, end, list({row[0]: row for row in rows if row[0] < end}.values())


def our_fdes(tool, path):
    with subprocess.Popen([tool, path], stdout=subprocess.PIPE, text=True) as process:
        fde = None
        for line in process.stdout:
            words = line.split()
            if words[0] == "FDE":
                if fde:
                    yield fde
                fde = (*(int(word, 16) for word in words[1:]), [])
            else:
                fde[3].append((int(words[0], 16), *words[1:]))
        if fde:
            yield fde
    if process.returncode != 0:
        raise RuntimeError(f"exit status {process.returncode}")


def compare(tool, path):
    fdes = rows = differences = 0
    theirs = (fde for fde in readelf_fdes(path) if fde[1] != fde[2])  # an empty function has no row of ours
    for expected, got in itertools.zip_longest(theirs, our_fdes(tool, path)):
        if expected is None or got is None or expected[:3] != got[:3]:
            print(f"  FDEs differ: readelf {expected and expected[:3]}, ours {got and got[:3]}")
            return fdes, rows, differences + 1
        fdes += 1
        rows += len(expected[3])
        for pair in itertools.zip_longest(expected[3], got[3]):
            if pair[0] != pair[1]:
                differences += 1
                if differences <= SHOWN:
                    print(f"  FDE {expected[1]:#x}: readelf {pair[0]}, ours {pair[1]}")
    return fdes, rows, differences


def main():
    tool, files = sys.argv[1], sys.argv[2:]
    print(f"{'file':<28} {'FDEs':>8} {'rows':>9} {'differences':>11}")
    compared = differences = 0
    for file in files:
        path = os.path.realpath(file)
        if not os.path.exists(path):
            print(f"{os.path.basename(file):<28} skipped: not installed")
            continue
        try:
            result = compare(tool, path)
        except RuntimeError as error:
            print(f"{os.path.basename(file):<28} failed: {error}")
            differences += 1
            continue
        print(f"{os.path.basename(file):<28} {result[0]:>8} {result[1]:>9} {result[2]:>11}", flush=True)
        compared += result[0]
        differences += result[2]
    if compared == 0 and differences == 0:
        sys.exit(77)
    sys.exit(differences != 0)


if __name__ == "__main__":
    main()
