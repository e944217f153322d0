# SPDX-License-Identifier: Apache-2.0
"""What a Python program knows about itself, to be compared with what a profiler says: every stack that it can have and
from which line each call was made, as its own interpreter tells a profile function; every code object with its lines."""

import dis
import json
import sys
import threading
import types


def lines_of(code):
    """All lines that an instruction of `code` can belong to; the line of `def`, too, which is that of its first ones."""
    if hasattr(code, "co_lines"):  # 3.10
        lines = {line for _, _, line in code.co_lines()}
    else:
        lines = {line for _, line in dis.findlinestarts(code)}
    return (lines | {code.co_firstlineno}) - {None}


class Oracle:
    """Functions are known by name, file and first line: code that is compiled again is the same function. Stacks are
    nodes of a tree: (parent, function), root first, and the parent's lines from which the function was entered."""

    def __init__(self):
        self.functions = {}  # (name, file, first line): [number, lines]
        self.nodes = {}  # (parent's number, function's number): [number, lines in the parent]
        self.lock = threading.Lock()

    def add_code(self, code):
        """`code` and everything that is defined in it."""
        number = self.function_of(code)
        for constant in code.co_consts:
            if isinstance(constant, type(code)):
                self.add_code(constant)
        return number

    def function_of(self, code):
        name = getattr(code, "co_qualname", code.co_name)  # 3.11
        entry = self.functions.setdefault((name, code.co_filename, code.co_firstlineno), [len(self.functions), set()])
        entry[1] |= lines_of(code)
        return entry[0]

    def on_event(self, frame, event, _):
        if event == "call":
            with self.lock:
                self.add_stack(frame)

    def add_stack(self, frame):
        frames = []
        while frame:
            frames.append(frame)
            frame = frame.f_back
        node, line = -1, 0
        for frame in reversed(frames):
            key = (node, self.function_of(frame.f_code))
            node, lines = self.nodes.setdefault(key, [len(self.nodes), set()])
            lines.add(line)
            line = frame.f_lineno

    def watch(self):
        threading.setprofile(self.on_event)
        sys.setprofile(self.on_event)

    def rest(self):
        sys.setprofile(None)
        threading.setprofile(None)

    def add_all_code(self):
        """That of all functions and methods of all modules."""
        for module in list(sys.modules.values()):
            for thing in list(getattr(module, "__dict__", {}).values()):
                for function in [thing, *(vars(thing).values() if isinstance(thing, type) else ())]:
                    if isinstance(function, property):
                        function = function.fget
                    elif isinstance(function, (classmethod, staticmethod)):
                        function = function.__func__
                    if isinstance(function, types.FunctionType):
                        self.add_code(function.__code__)

    def write(self, path, **more):
        self.add_all_code()
        functions = [dict(name=name, file=file, first_line=first_line, lines=sorted(lines))
                     for (name, file, first_line), (_, lines) in self.functions.items()]
        nodes = [dict(parent=parent, function=function, lines=sorted(lines - {None}))
                 for (parent, function), (_, lines) in self.nodes.items()]
        with open(path, "w") as out:
            json.dump(dict(more, functions=functions, nodes=nodes), out)
