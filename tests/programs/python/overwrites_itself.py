# SPDX-License-Identifier: Apache-2.0
"""A real interpreter that lies: a second thread writes over the code object of the function that runs, its names, first
line, table of lines and type, for as long as it lives. All names that are ever there begin with own_. CPython 3.11."""

import ctypes
import struct
import sys
import threading

# Offsets in PyCodeObject of 3.11: co_firstlineno, co_name, co_qualname, co_linetable; ob_type of any object.
FIRST_LINE, NAME, QUALIFIED_NAME, LINES, TYPE = 72, 120, 128, 136, 8
ROUNDS = 1 << 62


def own_work():
    for _ in range(20000):
        pass


def own_caller():
    while True:
        own_work()


def own_overwrite(code, names, tables):
    type_address = id(type(code))
    for i in range(ROUNDS):
        text = struct.pack("<Q", id(names[i % len(names)]))
        for offset, value in ((TYPE, struct.pack("<Q", type_address if i % 8 else 0)),
                              (FIRST_LINE, struct.pack("<i", i % 1000000)), (NAME, text), (QUALIFIED_NAME, text),
                              (LINES, struct.pack("<Q", id(tables[i % len(tables)])))):
            ctypes.memmove(id(code) + offset, value, len(value))
        ctypes.memmove(id(code) + TYPE, struct.pack("<Q", type_address), 8)


if sys.version_info[:2] != (3, 11):
    sys.exit(77)
with open("/proc/self/comm", "w") as own_name:
    own_name.write("overwrites")
NAMES = ["own_other", "own_\u00fcber", "own_\u4e2d", "own_\0\x1b[2J", "own_" + "long" * 1000]
TABLES = [b"", b"\xff" * 100, b"\x80" * 5000, own_work.__code__.co_linetable]
sys.setswitchinterval(1e-4)
threading.Thread(target=own_overwrite, args=(own_work.__code__, NAMES, TABLES), daemon=True).start()
print("ready", flush=True)
own_caller()
