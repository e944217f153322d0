#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Source lines and inlined functions of a running program, in the recording itself: every place of the program in the
pprof output is asked of llvm-symbolizer, too. Prints what looking them up costs."""

import json
import os
import re
import subprocess
import tempfile
from pathlib import Path

import harness
import pprof

LEAST_EQUAL_PERCENT = 99.0


def places_of(profile, program):
    """{(address to look up, lines)} of all frames in `program`: the instruction before where a call returns to."""
    found = {}
    for sample in profile.samples:
        exact = True
        for location in sample:
            file, address, lines = profile.locations[location]
            if file == program:
                found[address if exact else address - 1] = lines
            exact = file.startswith("[") and file != "[vdso]"  # where the kernel was entered
    return found


def symbolizer(program, addresses):
    """What llvm-symbolizer says: (function without parameters, file, line) of each, innermost first."""
    text = "".join(f"0x{address:x}\n" for address in addresses)
    run = subprocess.run(["llvm-symbolizer", "--inlines", "--output-style=JSON", "--no-demangle", "-e", program], input=text,
                         capture_output=True, text=True, check=True)
    entries = [json.loads(line) for line in run.stdout.splitlines()]
    raw = sorted({frame["FunctionName"] for entry in entries for frame in entry["Symbol"]})
    names = subprocess.run(["c++filt", "-p"], input="\n".join(raw), capture_output=True, text=True, check=True)
    readable = dict(zip(raw, names.stdout.splitlines()))
    return {int(entry["Address"], 16): [(readable[frame["FunctionName"]], plain(frame["FileName"]), frame["Line"])
                                        for frame in entry["Symbol"] if frame["FunctionName"]] for entry in entries}


def plain(path):
    return os.path.normpath(path) if path else ""


def compile_recursion(program):
    source = Path(__file__).resolve().parents[2] / "programs" / "native.cc"
    subprocess.run(["g++", "-std=c++20", "-O2", "-g", "-fomit-frame-pointer", "-pthread", "-Wl,--build-id=none", "-o", program,
                    source], check=True)


class Lines(harness.LiveTest):
    def assert_equal_lines(self, places, wanted):
        """Of LEAST_EQUAL_PERCENT of the places; says how many have inlined functions."""
        self.assertGreater(len(places), 50)
        equal, examples = 0, []
        for address, lines in places.items():
            # Where nothing has a name, the output says which file and where.
            ours = [(name, plain(file), line) for name, file, line in lines if "+0x" not in name]
            equal += ours == wanted[address]
            if ours != wanted[address] and len(examples) < 5:
                examples.append(f"{address:x}: {ours} is {wanted[address]}")
        percent = 100 * equal / len(places)
        inlined = sum(len(lines) > 1 for lines in places.values())
        print(f"  {len(places)} places, {inlined} with inlined functions, {percent:.2f} % as llvm-symbolizer has them", *examples,
              sep="\n  ")
        self.assertGreaterEqual(percent, LEAST_EQUAL_PERCENT, examples)
        self.assertGreater(inlined, 10)
        return {"places": len(places), "inlined": inlined, "equal_percent": percent}

    def test_pprof_has_the_lines_and_inlined_functions_of_llvm_symbolizer(self):
        with tempfile.TemporaryDirectory(prefix="splitprof-lines-") as folder:
            program = f"{folder}/recursion"
            compile_recursion(program)
            recording = harness.record("-F", 97, "-o", f"{folder}/out.pb.gz", command=[program, 26, 10, 2])
            self.assert_good(recording)
            places = places_of(pprof.read(f"{folder}/out.pb.gz"), program)
            figures = self.assert_equal_lines(places, symbolizer(program, places))
            cost = subprocess.run([harness.BUILD / "tests" / "bin" / "name_addresses", program, "--time", "3"],
                                  input="".join(f"{address:x}\n" for address in places), capture_output=True, text=True)
        counters = recording.summary["counters"]
        print("  looked up in " + ", then ".join(re.findall("[0-9.]+ ms", cost.stderr)) +
              f"; the whole recording: {counters['processor.addresses_asked']} addresses, "
              f"{counters['processor.addresses_named']} with a name, {counters['processor.addresses_with_line']} with a line, "
              f"in {counters['processor.symbol_batches']} batches")
        harness.note("lines", figures | {"looked_up": re.findall("[0-9.]+ ms", cost.stderr)})
        self.assertTrue(any(frame.endswith("_[i]") for stack in recording.of("recursion") for frame in stack.frames))

    def test_a_stripped_program_that_runs_has_the_lines_of_its_debug_file(self):
        with tempfile.TemporaryDirectory(prefix="splitprof-lines-") as folder:
            os.chmod(folder, 0o755)
            full, debug, stripped = f"{folder}/full", f"{folder}/.debug/recursion.debug", f"{folder}/recursion"
            compile_recursion(full)
            os.mkdir(f"{folder}/.debug")
            subprocess.run(["objcopy", "--only-keep-debug", full, debug], check=True)
            subprocess.run(["objcopy", "--strip-all", f"--add-gnu-debuglink={debug}", full, stripped], check=True)
            with subprocess.Popen([stripped, "26", "30", "2"]) as running:
                recording = harness.record("-F", 97, "-o", f"{folder}/out.pb.gz", "-p", running.pid, seconds=6)
                running.kill()
            self.assert_good(recording)
            places = places_of(pprof.read(f"{folder}/out.pb.gz"), stripped)
            self.assert_equal_lines(places, symbolizer(full, places))


if __name__ == "__main__":
    harness.main()
