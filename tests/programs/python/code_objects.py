#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes code objects of every kind and prints, as one line of JSON, where each is in memory and what Python itself says
of it: name, file, first line, and the line of every position. Then waits for the end of its input, so that somebody can
read its memory. Runs on CPython 3.6 and newer."""

import ast
import dis
import gc
import json
import os
import random
import sys
import types
import weakref

VERSION = sys.version_info[:2]
kept = []  # every code object that is printed


def shown(text):
    """As the profiler shows a text: what is invisible, reorders text or is half a character is escaped."""
    def is_harmless(c):
        hidden = [(0, 0x1f), (0x7f, 0x9f), (0xad, 0xad), (0x61c, 0x61c), (0x200b, 0x200f), (0x2028, 0x202e),
                  (0x2060, 0x206f), (0xd800, 0xdfff), (0xfeff, 0xfeff), (0xe0000, 0xe0fff)]
        return not any(first <= c <= last for first, last in hidden)

    def escaped(c):
        return "\\x%02x" % c if c < 0x100 else "\\u%04x" % c if c < 0x10000 else "\\U%08x" % c
    return "".join(c if is_harmless(ord(c)) else escaped(ord(c)) for c in text)


def cut(text, most):
    return shown(text) if len(text) <= most else shown(text[:most]) + "…"


def line_runs(code):
    """[position, line] wherever the line changes, and how many positions there are; line 0: none."""
    if VERSION < (3, 10):
        positions = len(code.co_code)
        starts = dict(dis.findlinestarts(code))
        lines, line = [], code.co_firstlineno
        for position in range(positions):
            line = starts.get(position, line)
            lines.append(line)
    else:
        positions = len(code.co_code) // 2
        lines = [0] * positions
        for start, end, line in code.co_lines():
            for position in range(start // 2, end // 2):
                lines[position] = line or 0
        if VERSION >= (3, 11):  # the other way to ask must not disagree
            assert lines == [p[0] or 0 for p in code.co_positions()], code
    return [[p, lines[p]] for p in range(positions) if p == 0 or lines[p] != lines[p - 1]], positions


def keep(code):
    """The code object and all those inside."""
    kept.append(code)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            keep(constant)
    return code


def keep_source(source, file="made.py", mode="exec"):
    try:
        return keep(compile(source, file, mode))
    except SyntaxError:  # newer than this Python
        return None


def with_name(code, name, file=None):
    """The same code under another name, as nobody could write it in a source."""
    if VERSION >= (3, 11):
        return code.replace(co_name=name, co_qualname=name, co_filename=file or code.co_filename)
    if VERSION >= (3, 8):
        return code.replace(co_name=name, co_filename=file or code.co_filename)
    return types.CodeType(code.co_argcount, code.co_kwonlyargcount, code.co_nlocals, code.co_stacksize, code.co_flags,
                          code.co_code, code.co_consts, code.co_names, code.co_varnames, file or code.co_filename, name,
                          code.co_firstlineno, code.co_lnotab, code.co_freevars, code.co_cellvars)


KINDS = [
    "",
    "pass",
    "\n\n\nx = 1\n",
    "def empty(): pass\ndef documented():\n    'words'\n",
    "def outer():\n    def middle():\n        def inner():\n            return lambda: [x for x in (y for y in ())]\n"
    "        return inner\n    return middle\n",
    "class Outer:\n    '''documented'''\n    x = 1\n    class Inner:\n        def method(self, *a, **k):\n"
    "            return super().method()\n        @property\n        def p(self):\n            return 1\n"
    "        @staticmethod\n        def s(): return {k: v for k, v in {}}\n    y = [z for z in range(3)]\n",
    "def decorate(f):\n    return f\n@decorate\n@decorate\n\n\ndef decorated(\n        a=1,\n        b=2,\n):\n    return a\n"
    "@decorate\nclass Decorated:\n    pass\n",
    "def generator(n):\n    for i in range(n):\n        try:\n            got = yield i\n        finally:\n            print(i)\n"
    "    yield from generator(n - 1)\n",
    "async def coroutine(a):\n    async with a as b:\n        async for c in b:\n            await c\n"
    "    return [d async for d in a]\nasync def asynchronous_generator():\n    yield 1\n",
    "def exceptions(a):\n    try:\n        a()\n    except ValueError as e:\n        raise KeyError from e\n    except (OSError,\n"
    "            TypeError):\n        return 1\n    else:\n        return 2\n    finally:\n        if a:\n            a.close()\n"
    "    with a as b, \\\n            b as c:\n        return c\n",
    "def calls(f):\n    return f(\n        1,\n        f(\n            2),\n        *[3,\n          4],\n        k=f)(\n        5)\n",
    "def loops(a):\n    while a:\n        if a == 1: continue\n        a -= 1\n        if a == 3:\n            break\n    else:\n"
    "        a = 7\n    for i in a:\n        for j in i:\n            if i and j or not (i and\n                               j):\n"
    "                del i\n    assert a, (\n        'text')\n",
    "def text(a):\n    return f'{a}' \\\n        f'{a + 1}' + '''\n\n\n''' + f'''{\na}'''\n",
    "def walrus(a):\n    while (b := a()):\n        print(b)\n",
    "def positional(a, /, b, *, c): return a\n",
    "def matching(a):\n    match a:\n        case [1, 2]:\n            return 1\n        case {'k': v} if v:\n            return v\n"
    "        case _:\n            return 3\n",
    "def groups(a):\n    try:\n        a()\n    except* ValueError:\n        pass\n",
    "def typed[T: int](a: T) -> T:\n    return a\nclass Typed[T]:\n    type Alias = list[T]\n",
    "a = 1; b = 2; c = lambda: 3; d = lambda x: (lambda: x)\n",
    "def statements():" + "; ".join(" a = %d" % i for i in range(40)) + "\n",
]

NAMES = ["na\u00efve", "\u00ff" * 3, "\u65e5\u672c\u8a9e", "\U00020000", "x\U00020000\u65e5\u00e9", "n" * 127, "n" * 200, "n" * 255,
         "n" * 1023, "n" * 1024, "n" * 1025, "n" * 3000, "\u00e9" * 1024, "\u65e5" * 1500, "\U00020000" * 1500]
ODD_NAMES = ["\udcff", "a\ud800b", "\udc80\U00020000", "line\nbreak", "\x1b[31mred", "nul\0nul", "\u202egnp.exe", "\ufeff", "\x7f\x80\x9f",
             "\xad", "\u200b", "\U000e0041", "\uffff\ufffe", "\U0010ffff", "back\\slash", "semi;colon", " ", "a b", "<lambda>", "\t"]
FILES = ["/usr/lib/python3/dist-packages/x.py", "", "<string>", "<stdin>", "relative/x.py", "/\u00e9t\u00e9.py", "/\u65e5\u672c/\u8a9e.py",
         "/\U0001f600.py", "/not-utf8-\udcff\udc80.py", "/" + "d" * 255 + "/" + "f" * 255, "/" + "p" * 4094, "/" + "p" * 4095, "/" + "p" * 4096,
         "/" + "p" * 9000, "\U0001f600" * 4096, "\u65e5" * 5000]


def far_lines():
    """Lines that jump forth and back, by more than fits in a byte, and instructions that go on for longer than that."""
    keep_source("def far(f):\n    return f(\n" + "\n" * 130 + "f(\n" + "\n" * 300 + "f)," + "\n" * 127 + "f," + "\n" * 128 + "f)\n")
    keep_source("\n" * 100000 + "def late():\n    pass\n\n\nlate()\n")
    keep_source("def wide(a):\n    return [" + ", ".join("a + %d" % i for i in range(400)) + ",\n" * 2 + "a]\n"
                .replace(",\n,\n", ",\n\n"))
    keep_source("def big(a):\n" + "".join("    a = a + %d\n" % i for i in range(5000)))
    keep_source("def gaps(a):\n" + "".join("    a = (a +\n" + "\n" * (i * 7 % 300) + "    %d)\n" % i for i in range(300)))
    keep_source("def long_jump(a):\n    while a:\n" + "        a = a.b.c.d\n" * 300 + "        if a: continue\n    return a\n")
    rng = random.Random(1)
    for farthest in (3, 126, 129, 1000, 70000, 2 ** 31 - 10):
        if farthest > 70000 and VERSION < (3, 11):
            continue  # lnotab would need millions of pairs
        tree = ast.parse("def random_lines(a, b):\n" + "    a = a + b\n    if b: a(b)\n" * 60)
        function = tree.body[0]
        for statement in function.body:
            at = rng.randint(2, farthest)
            for node in ast.walk(statement):
                if hasattr(node, "lineno"):
                    node.lineno = node.end_lineno = at
        function.end_lineno = 2 ** 31 - 5
        keep(compile(tree, "random_lines_%d.py" % farthest, "exec"))


def odd_names():
    for name in NAMES:
        tree = ast.parse("def placeholder():\n    def inner():\n        return lambda: 1\n    return inner\n")
        tree.body[0].name = name
        keep(compile(tree, "names.py", "exec"))
    code = compile("def f(a):\n    return a\n", "odd.py", "exec").co_consts[0]
    for name in NAMES + ODD_NAMES:
        keep(with_name(code, name))
    keep(with_name(code, ""))

    class Text(str):
        pass
    for file in FILES:
        keep_source("def f():\n    return 1\n", file)
        keep_source("class C:\n    def f(self):\n        return 1\n", Text(file))
    keep(with_name(code, "nul_in_file", "a\0b\n.py"))
    if VERSION >= (3, 8):
        keep(code.replace(co_firstlineno=0))
        keep(code.replace(co_firstlineno=2 ** 31 - 100))


def of_modules():
    """Code that people wrote, and code that lies in the interpreter's own data (frozen modules)."""
    import argparse
    import importlib
    import textwrap
    import typing
    bootstraps = [importlib._bootstrap, importlib._bootstrap_external]
    for module in bootstraps + [argparse, textwrap, typing, os, json.decoder, ast, dis]:
        found = [v for v in vars(module).values() if isinstance(v, (types.FunctionType, type)) and v.__module__ == module.__name__]
        for value in found[:40]:
            functions = [value] if isinstance(value, types.FunctionType) else \
                [f for f in vars(value).values() if isinstance(f, types.FunctionType)]
            for function in functions[:20]:
                kept.append(function.__code__)


def run_some():
    """Code that has run is rewritten in memory (3.11 on: specialised; 3.12 on: instrumented)."""
    names = {}
    exec(keep_source("def hot(n):\n    total = 0\n    for i in range(n):\n        total += (lambda x:\n                  x + 1)(i)\n"
                     "    return total\ndef traced(a):\n    b = a\n    return [\n        b]\n", "hot.py"), names)
    names["hot"](20000)

    def tracer(frame, event, argument):
        return tracer
    sys.settrace(tracer)
    names["traced"](1)
    sys.settrace(None)


def freed():
    """Addresses at which code objects were."""
    count = 300
    codes = [with_name(compile("def f():\n    return %d\n" % i, "freed_%d.py" % i, "exec").co_consts[0], "freed_%d" % i)
             for i in range(count)]
    addresses = [id(code) for code in codes]
    watches = [weakref.ref(code) for code in codes]
    del codes[::3], codes[:]
    for _ in range(4):
        gc.collect()
    return [address for address, watch in zip(addresses, watches) if watch() is None]


def main():
    for source in KINDS:
        keep_source(source)
    keep_source("1 + 1", "<eval>", "eval")
    keep_source("if 1:\n    print(2)\n", "<stdin>", "single")
    far_lines()
    odd_names()
    of_modules()
    run_some()
    functions = []
    for code in kept:
        runs, positions = line_runs(code)
        name = code.co_qualname if VERSION >= (3, 11) else code.co_name
        functions.append({"address": id(code), "name": cut(name, 1024), "file": cut(code.co_filename, 4096),
                          "first_line": code.co_firstlineno, "lines": runs, "positions": positions})
    live = {id(code) for code in kept}
    facts = {"pid": os.getpid(), "version": list(sys.version_info[:3]),
             "free_threaded": not getattr(sys, "_is_gil_enabled", lambda: True)(), "code_type": id(types.CodeType),
             "functions": functions}
    text = json.dumps(facts)
    gone = [address for address in freed() if address not in live]
    sys.stdout.write(text[:-1] + ', "freed": [' + ",".join(map(str, gone)) + "]}\n")
    sys.stdout.flush()
    sys.stdin.read()


main()
