#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares our lines and inlined functions with llvm-symbolizer's, at random addresses of functions.

compare_symbols.py [--addresses N] [--seed N] [--min-equal PERCENT] [--go PACKAGE] SYMBOLIZE_ADDRESSES FILE...

For each file N addresses are drawn, a random byte of a random function each. Compared are, frame by frame, function,
file, line, column and what is inlined. llvm-symbolizer names the outermost function by the file's symbol table, which
is not what is tested here: it is given a copy whose symbol tables are called something else. --go builds a program of
the Go distribution first. Prints a line a file, and the kinds of difference. Exit status 1 when fewer than --min-equal
percent agree, 77 when there is no llvm-symbolizer, or no go that is needed.
"""

import argparse
import collections
import json
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time

SHOWN = 3  # differences of each kind
MAX_INLINED = 64  # processor/dwarf/limits.h, kMaxInlined
SYMBOL = re.compile(r"^\s*\d+: ([0-9a-f]+)\s+(\d+|0x[0-9a-f]+) FUNC\s+\S+\s+\S+\s+(\w+) ")
OUR_FRAME = re.compile(r"^  (inlined )?([^\t]*)\t(.*):(\d+):(\d+)$")
SHT_PROGBITS, SHT_SYMTAB, SHT_DYNSYM = 1, 2, 11

Frame = collections.namedtuple("Frame", "function file line column")


def functions_of(path):
    """(start, size) of every function with a size, from both symbol tables."""
    text = subprocess.run(["readelf", "--wide", "--symbols", path], capture_output=True, text=True,
                          errors="replace").stdout
    found = set()
    for line in text.splitlines():
        if (match := SYMBOL.match(line)) and int(match[2], 0) != 0:
            found.add((int(match[1], 16), int(match[2], 0)))
    return sorted(found)


def draw(functions, count, seed):
    chooser = random.Random(seed)
    chosen = set()
    for _ in range(count * 3):
        start, size = chooser.choice(functions)
        chosen.add(start + chooser.randrange(size))
        if len(chosen) == count:
            break
    return sorted(chosen)


def without_symbol_tables(path, folder):
    """A copy in which no section has the type of a symbol table."""
    copy = os.path.join(folder, os.path.basename(path))
    shutil.copyfile(path, copy)
    with open(copy, "r+b") as file:
        header = file.read(64)
        headers, size, count = struct.unpack_from("<Q10xHH", header, 40)
        for index in range(count):
            file.seek(headers + index * size + 4)
            if struct.unpack("<I", file.read(4))[0] in (SHT_SYMTAB, SHT_DYNSYM):
                file.seek(-4, os.SEEK_CUR)
                file.write(struct.pack("<I", SHT_PROGBITS))
    return copy


def run(command, addresses):
    """What it printed to stdout and stderr, and what it cost: (seconds, CPU seconds, peak KiB)."""
    with tempfile.TemporaryFile("w+") as stdin, tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        stdin.write("".join(f"{address:#x}\n" for address in addresses))
        stdin.seek(0)
        begin = time.monotonic()
        process = subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=stderr)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status  # it has been waited for
        cost = (time.monotonic() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
        texts = []
        for file in (stdout, stderr):
            file.seek(0)
            texts.append(file.read().decode(errors="surrogateescape"))
    if status != 0:
        raise RuntimeError(f"{command[0]}: {texts[1].strip()}")
    return texts[0], texts[1], cost


def run_llvm(tool, path, addresses):
    """Frames by address, innermost first, and the cost."""
    out, _, cost = run([tool, "--obj=" + path, "--output-style=JSON", "--inlines", "--no-demangle",
                        "--functions=linkage"], addresses)
    frames = {}
    for line in out.splitlines():
        answer = json.loads(line)
        found = [Frame(s["FunctionName"], s["FileName"], s["Line"], s["Column"]) for s in answer.get("Symbol", [])]
        if found and found != [Frame("", "", 0, 0)]:
            frames[int(answer["Address"], 16)] = found
    return frames, cost


def run_ours(tool, path, addresses):
    """Likewise, and what it says of itself."""
    out, counts, cost = run([tool, path], addresses)
    frames, current = {}, None
    for line in out.splitlines():
        if match := OUR_FRAME.match(line):
            current.append(Frame(match[2], match[3], int(match[4]), int(match[5])))
        else:
            current = frames.setdefault(int(line, 16), [])
    return frames, cost, counts.strip()


def difference(ours, theirs):
    """The kind of difference, or None."""
    if ours == theirs:
        return None
    if not ours or not theirs:
        return "only llvm-symbolizer knows it" if theirs else "only we know it"
    if len(theirs) > len(ours) == MAX_INLINED and ours[:-1] == theirs[: len(ours) - 1] and ours[-1] == theirs[-1]:
        return f"more than {MAX_INLINED} frames: our middle is cut out"
    if len(ours) != len(theirs):
        return "another number of inlined functions"
    for kind in Frame._fields:
        if [getattr(frame, kind) for frame in ours] != [getattr(frame, kind) for frame in theirs]:
            return f"another {kind}"
    return "?"


def go_program(package, folder):
    if not package:
        return []
    if not shutil.which("go"):
        print("skipped: go is not installed")
        sys.exit(77)
    program = os.path.join(folder, os.path.basename(package))
    environment = {**os.environ, "GOCACHE": os.path.join(folder, "cache"), "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local"}
    subprocess.run(["go", "build", "-o", program, package], env=environment, cwd=folder, check=True)
    return [program]


def compare(arguments, llvm, path):
    functions = functions_of(path)
    if not functions:
        print(f"{path}: no functions to draw from")
        return False
    addresses = draw(functions, arguments.addresses, arguments.seed)
    try:
        with tempfile.TemporaryDirectory() as folder:
            theirs, their_cost = run_llvm(llvm, without_symbol_tables(path, folder), addresses)
        ours, our_cost, counts = run_ours(arguments.tool, path, addresses)
    except RuntimeError as error:
        print(f"{path}: failed: {error}")
        return False
    kinds = collections.defaultdict(list)
    for address in addresses:
        if kind := difference(ours.get(address, []), theirs.get(address, [])):
            kinds[kind].append(address)
    differ = sum(len(found) for found in kinds.values())
    known = sum(address in theirs for address in addresses)
    inlined = sum(len(frames) > 1 for frames in theirs.values())
    share = 100 * (1 - differ / len(addresses))
    print(f"{os.path.basename(path)[-34:]:<34} {len(addresses):>9} {known:>7} {inlined:>8} {share:>9.3f}")
    for name, (seconds, cpu_seconds, peak_kib) in (("ours", our_cost), ("llvm-symbolizer", their_cost)):
        print(f"    {name}: {seconds:.2f} s, {cpu_seconds:.2f} s of CPU, {cpu_seconds / len(addresses) * 1e6:.1f} us an "
              f"address, peak {peak_kib / 1024:.0f} MiB")
    print(f"    {counts}")
    for kind, found in sorted(kinds.items(), key=lambda item: -len(item[1])):
        print(f"    {kind}: {len(found)}")
        for address in found[:SHOWN]:
            print(f"      {address:#x}\n        ours {ours.get(address)}\n        llvm {theirs.get(address)}")
    sys.stdout.flush()
    # A file of which the oracle knows nothing proves nothing.
    return known > 0 and share >= arguments.min_equal


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--addresses", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--min-equal", type=float, default=99.9)
    parser.add_argument("--go")
    parser.add_argument("tool")
    parser.add_argument("files", nargs="*")
    arguments = parser.parse_args()
    llvm = shutil.which("llvm-symbolizer-14") or shutil.which("llvm-symbolizer")
    if not llvm:
        print("skipped: llvm-symbolizer is not installed")
        sys.exit(77)
    print(f"{'file':<34} {'addresses':>9} {'known':>7} {'inlined':>8} {'% equal':>9}")
    with tempfile.TemporaryDirectory() as folder:
        results = [compare(arguments, llvm, path) for path in [*arguments.files, *go_program(arguments.go, folder)]]
    sys.exit(0 if results and all(results) else 1)


if __name__ == "__main__":
    main()
