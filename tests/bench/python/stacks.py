# SPDX-License-Identifier: Apache-2.0
"""stacks.py FRAMES CALLBACKS: stays in a stack of so many Python frames for ever, each of another function. So many of
them are called by C code, functools.reduce, instead of by Python."""

import functools
import sys

TO_PYTHON = """
def function_{0}():
    function_{1}()
"""
TO_C = """
def function_{0}():
    functools.reduce(function_{1}, (1,), 0)
"""
LAST = """
def function_{0}():
    total = 0
    while True:
        total = (total * 5 + 3) & 0xffff
"""

frames, callbacks = int(sys.argv[1]), int(sys.argv[2])
scope = {"functools": functools}
for number in range(1, frames):  # <module> is a frame, too
    text = LAST if number == frames - 1 else TO_C if number <= callbacks else TO_PYTHON
    if 1 < number <= callbacks + 1:
        text = text.replace("():", "(total, item):", 1)
    exec(compile(text.format(number, number + 1), f"/functions/{number}.py", "exec"), scope)
sys.setrecursionlimit(10000)
scope["function_1"]()
