#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every place that names and lines can come from, on real files made here: symbol_sources.py NAME_ADDRESSES FOLDER.
The oracle of C is addr2line, of Go its own addr2line. Exit status 77 where a tool is missing that another test needs,
too: then it says which."""

import json
import lzma
import os
import random
import shutil
import struct
import subprocess
import sys
from pathlib import Path

C_PROGRAM = r"""
static volatile int sink;
static inline __attribute__((always_inline)) int innermost(int n) {
  sink += n;
  return sink * n;
}
static inline __attribute__((always_inline)) int middle(int n) { return innermost(n) + 1; }
static __attribute__((noinline)) int hidden(int n) {
  int sum = 0;
  for (int i = 0; i < n; ++i)
    sum += middle(i);
  return sum;
}
__attribute__((noinline)) int shown(int n) { return hidden(n) + hidden(n + 1); }
int main(int argc, char **argv) {
  (void)argv;
  return shown(argc) == 7;
}
"""

GO_PROGRAM = """package main

import "fmt"

func leaf(n int) int { return n*n + 1 }

func middle(n int) int { return leaf(n) + leaf(n+1) }

//go:noinline
func busy(n int) int {
	s := 0
	for i := 0; i < n; i++ {
		s += middle(i)
	}
	return s
}

func main() { fmt.Println(busy(1000)) }
"""

failures = 0


def check(condition, what):
    global failures
    print(("ok      " if condition else "FAILED  ") + what)
    failures += not condition


def run(*command, text=None, ok=(0,), **more):
    done = subprocess.run([str(word) for word in command], input=text, capture_output=True, text=True, **more)
    if done.returncode not in ok:
        sys.exit(f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


def name(addresses, *arguments):
    text = "".join(f"{address:x}\n" for address in addresses)
    out = run(tool, *arguments, text=text).stdout
    return {entry["address"]: entry["frames"] for entry in map(json.loads, out.splitlines())}


def facts(*arguments):
    return json.loads(run(tool, *arguments, text="").stdout)


def functions_of(path):
    """Name to (start, size) by nm."""
    found = {}
    for line in run("nm", "-S", path).stdout.splitlines():
        words = line.split()
        if len(words) == 4 and words[2] in "tTwW":
            found[words[3]] = (int(words[0], 16), int(words[1], 16))
    return found


def addr2line(path, addresses):
    """What binutils says: (function, file, line) of each, innermost first."""
    text = "".join(f"{address:x}\n" for address in addresses)
    lines = run("addr2line", "-i", "-f", "-a", "-e", path, text=text).stdout.splitlines()
    found, chain = {}, None
    i = 0
    while i < len(lines):
        if lines[i].startswith("0x"):
            chain = found.setdefault(int(lines[i], 16), [])
            i += 1
            continue
        file, line = lines[i + 1].split(" (")[0].rsplit(":", 1)
        chain.append((lines[i], os.path.normpath(file), int(line) if line.isdigit() else 0))
        i += 2
    return found


def chains(named):
    return {address: [(frame["function"], os.path.normpath(frame["file"]) if frame["file"] else "", frame["line"])
                      for frame in frames] for address, frames in named.items()}


def only_names(named):
    return {address: frames[-1]["function"] if frames else "" for address, frames in named.items()}


def test_c(folder):
    source = folder / "program.c"
    source.write_text(C_PROGRAM)
    for version in (4, 5):
        plain = folder / f"plain{version}"
        run("gcc", "-O2", f"-gdwarf-{version}", "-Wl,--build-id=sha1", "-o", plain, source)
        functions = functions_of(plain)
        inside = [start + i for f in ("hidden", "shown", "main") for start, size in [functions[f]] for i in range(size)]
        wanted = addr2line(plain, inside)
        named = name(inside, plain)
        check(chains(named) == wanted, f"DWARF {version}: {len(inside)} addresses as addr2line -i has them")
        check(any(len(frames) == 3 and frames[0]["inlined"] and not frames[2]["inlined"] for frames in named.values()),
              f"DWARF {version}: inlined functions are chains of three")
    return plain, functions, inside, wanted


def test_compressed(folder, plain, inside, wanted):
    for way in ("zlib", "zlib-gnu", "zstd"):
        packed = folder / f"packed-{way}"
        run("objcopy", f"--compress-debug-sections={way}", plain, packed)
        headers = run("readelf", "-SW", packed).stdout
        check(" C " in headers or "zdebug" in headers, f"{way}: sections are compressed")
        check(chains(name(inside, packed)) == wanted, f"{way}: the same names and lines")


def test_debug_file(folder, plain, inside, wanted, functions):
    debug, stripped = folder / "program.debug", folder / "stripped"
    run("objcopy", "--only-keep-debug", plain, debug)
    run("objcopy", "--strip-all", f"--add-gnu-debuglink={debug}", plain, stripped)
    found = facts(stripped)
    check(found["wants_debug_file"] and found["debug_link"] == "program.debug", f"a debug link is read: {found}")
    check(chains(name(inside, stripped, "--debug", debug)) == wanted, "debug file: the same names and lines")
    without = only_names(name(inside, stripped))
    check("hidden" not in without.values(), "stripped: without it, nobody knows them")
    other = folder / "other.debug"
    run("gcc", "-O1", "-g", "-Wl,--build-id=sha1", "-o", other, folder / "program.c")
    check(run(tool, stripped, "--debug", other, text="", ok=(3,)).returncode == 3, "another build id is refused")

    # Without build ids the checksum decides.
    bare, bare_debug, bare_stripped = folder / "bare", folder / "bare.debug", folder / "bare.stripped"
    run("gcc", "-O2", "-g", "-Wl,--build-id=none", "-o", bare, folder / "program.c")
    run("objcopy", "--only-keep-debug", bare, bare_debug)
    run("objcopy", "--strip-all", f"--add-gnu-debuglink={bare_debug}", bare, bare_stripped)
    check("hidden" in only_names(name([functions["hidden"][0]], bare_stripped, "--debug", bare_debug)).values(),
          "the checksum of .gnu_debuglink fits")
    damaged = folder / "damaged.debug"
    damaged.write_bytes(bare_debug.read_bytes() + b"\0")
    check(run(tool, bare_stripped, "--debug", damaged, text="", ok=(3,)).returncode == 3, "a changed file is refused")


def test_debugdata(folder, plain, functions):
    """As Fedora does it: symbols that .dynsym lacks, in an ELF file of their own, xz, inside the executable."""
    mini, packed, shipped = folder / "mini", folder / "mini.xz", folder / "with-debugdata"
    run("objcopy", "-S", "--remove-section", ".gdb_index", "--remove-section", ".comment",
        *[f"--keep-symbol={symbol}" for symbol in functions], plain, mini)
    packed.write_bytes(lzma.compress(mini.read_bytes()))
    run("objcopy", "--strip-all", "--add-section", f".gnu_debugdata={packed}", plain, shipped)
    start, size = functions["hidden"]
    named = only_names(name([start, start + size - 1], shipped))
    check(set(named.values()) == {"hidden"}, f".gnu_debugdata names what .dynsym lacks: {named}")


def test_dwz(folder):
    """Two programs whose common DWARF was moved into a third file."""
    if not shutil.which("dwz"):
        sys.exit(77)
    source = folder / "common.c"
    fields = "\n".join(f"  struct {{ int a{i}; long b{i}; }} member_{i};" for i in range(200))
    source.write_text(f"struct common {{\n{fields}\n}};\n" + C_PROGRAM + "struct common some; int use(struct common *c) "
                      "{ return c->member_7.a7; }\n")
    programs = [folder / "dwz-one", folder / "dwz-two"]
    for number, program in enumerate(programs):
        run("gcc", "-O2", "-gdwarf-4", f"-DNUMBER={number}", "-Wl,--build-id=sha1", "-o", program, source)
    start, size = functions_of(programs[0])["hidden"]
    inside = list(range(start, start + size))
    wanted = addr2line(programs[0], inside)
    shared = folder / "shared.dwz"
    run("dwz", "-m", shared, "-M", "/usr/lib/debug/.dwz/some/shared.dwz", *programs)
    found = facts(programs[0])
    check(found["alternate_link"] == "some/shared.dwz", f".gnu_debugaltlink is read: {found['alternate_link']}")
    check(chains(name(inside, programs[0], "--alternate", shared)) == wanted, "dwz: the same names and lines")
    check(run(tool, programs[0], "--alternate", programs[1], text="", ok=(3,)).returncode == 3,
          "dwz: another file is refused")


def test_without_section_headers(folder, functions):
    bare = folder / "libplain.so"
    run("gcc", "-O2", "-shared", "-fPIC", "-o", bare, folder / "program.c")
    start, _ = functions_of(bare)["shown"]
    bytes_ = bytearray(bare.read_bytes())
    struct.pack_into("<Q", bytes_, 40, 0)  # e_shoff
    struct.pack_into("<HH", bytes_, 60, 0, 0)  # e_shnum, e_shstrndx
    stripped = folder / "no-headers.so"
    stripped.write_bytes(bytes_)
    check(only_names(name([start], stripped)) == {start: "shown"}, "names without section headers")


def go_build(go, folder, output, *flags):
    environment = dict(os.environ, GO111MODULE="off", GOCACHE=str(folder / "gocache"), GOFLAGS="", GOTOOLCHAIN="local")
    run(go, "build", "-o", output, *flags, folder / "main.go", env=environment)


def test_go(folder, go):
    version = run(go, "version").stdout.split()[2]
    (folder / "main.go").write_text(GO_PROGRAM)
    full, stripped, pie = folder / f"{version}-full", folder / f"{version}-stripped", folder / f"{version}-pie"
    go_build(go, folder, full)
    go_build(go, folder, stripped, "-ldflags=-s -w")
    go_build(go, folder, pie, "-buildmode=pie", "-ldflags=-s -w")
    check(facts(stripped)["symbols"] == 0, f"{version}: stripped, without any symbol")

    functions = {f: place for f, place in functions_of(full).items() if not f.startswith("_") and place[1] > 0}
    random.seed(1)
    inside = sorted({start + random.randrange(size) for start, size in random.choices(list(functions.values()), k=3000)})
    out = run(go, "tool", "addr2line", full, text="".join(f"0x{address:x}\n" for address in inside)).stdout.splitlines()
    wanted = {address: (out[2 * i], *out[2 * i + 1].rsplit(":", 1)) for i, address in enumerate(inside)}
    named = name(inside, stripped)
    equal, examples = 0, []
    for address in inside:
        frames = named[address]
        ours = (frames[-1]["function"], frames[0]["file"], str(frames[0]["line"])) if frames else None
        # Go's addr2line knows no inlined functions: the outermost name and the innermost line.
        if ours == wanted[address]:
            equal += 1
        elif len(examples) < 5:
            examples.append(f"{address:x}: {wanted[address]} is {ours}")
    share = equal / len(inside)
    print(f"        {version}: {equal} of {len(inside)} addresses as `go tool addr2line` has them", *examples, sep="\n  ")
    check(share >= 0.999, f"{version}: at least 99.9 %")

    # The stripped program has the same text; DWARF of the other one says what was inlined where.
    start, size = functions["main.busy"]
    by_dwarf, by_table = name(range(start, start + size), full), name(range(start, start + size), stripped)
    longest = max(by_table.values(), key=len)
    check([f["function"] for f in longest] == ["main.leaf", "main.middle", "main.busy"] and longest[0]["inlined"],
          f"{version}: inlined calls of the stripped program: {[f['function'] for f in longest]}")
    same = sum([(f["function"], f["line"]) for f in by_dwarf[a]] == [(f["function"], f["line"]) for f in by_table[a]]
               for a in by_dwarf)
    print(f"        {version}: {same} of {size} addresses of main.busy as its DWARF has them")
    every = {frame["function"] for frames in name(range(start - 2048, start + 2048), pie).values() for frame in frames}
    check({"main.leaf", "main.middle", "main.busy"} <= every, f"{version}: position-independent and stripped, too")


def main():
    folder = Path(sys.argv[2]).resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for needed in ("gcc", "objcopy", "addr2line", "nm", "go", "dwz"):
        if not shutil.which(needed):
            print(f"skipped: {needed} is not installed")
            return 77
    plain, functions, inside, wanted = test_c(folder)
    test_compressed(folder, plain, inside, wanted)
    test_debug_file(folder, plain, inside, wanted, functions)
    test_debugdata(folder, plain, functions)
    test_dwz(folder)
    test_without_section_headers(folder, functions)
    compilers = {Path(path).resolve() for path in ("/usr/bin/go", shutil.which("go")) if Path(path).exists()}
    for go in sorted(compilers):
        test_go(folder, go)
    return failures != 0


tool = sys.argv[1]
sys.exit(main())
