# SPDX-License-Identifier: Apache-2.0
#
# Says what a reader of its memory has to find: version, thread, and the code objects of a known stack. Then waits for a
# line with the GIL released, says so, and spins with it. Runs on CPython 3.6 and later.
import sys
import threading


def spin():
    print("spinning", flush=True)
    while True:
        pass


def middle():
    sys.stdin.readline()
    spin()


def main():
    version = ".".join(map(str, sys.version_info[:3]))
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        version += "t"
    codes = [function.__code__ for function in (spin, middle, main)]
    print(version, threading.get_ident(), *map(id, codes), flush=True)
    middle()


main()
