#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A program with a known call tree, for CPython 3.6 and later: each branch reaches burn(), the one place where CPU time
goes, by another way that Python has of calling. It does what stdin says, a line at a time, and answers with the same
line: `rehearse SECONDS` and `run SECONDS` take the branches in turn (the first under the eyes of own_oracle.py), `dump
SECONDS FILE` lets faulthandler look on, `report FILE` writes what is true: stacks, lines, each branch's CPU time."""

import asyncio
import contextlib
import faulthandler
import functools
import gc
import re
import signal
import sys
import threading
import time

import own_oracle

try:
    import ctypes
except ImportError:  # an interpreter that was built without libffi
    ctypes = None

process_time = time.process_time
SLICE_SECONDS = 0.02  # of a branch, in each turn: some 20 samples at 997 Hz
DEPTH = 900
ITEMS = list(range(8))
LONG = "_".join(["a_name_of_more_than_two_hundred_characters"] * 6)
IMPORT_SECONDS, KEPT = [0.0], []
ORACLE = own_oracle.Oracle()


def burn(seconds):
    """What the CPU's time is spent on."""
    until = process_time() + seconds
    while process_time() < until:
        for _ in range(50):
            pass


def burn_and_return(seconds, value=None):
    burn(seconds)
    return value


def executed(source, file):
    """What `source` defines as `function`; its code is the oracle's, too."""
    code = compile(source, file, "exec")
    ORACLE.add_code(code)
    names = {"burn": burn}
    exec(code, names)
    return names["function"]


def recursion(seconds):
    descend(DEPTH, seconds)


def descend(depth, seconds):
    if depth:
        descend(depth - 1, seconds)
    else:
        burn(seconds)


def closures(seconds):
    def outer(part):
        def inner():
            burn(seconds * part)
        return inner
    outer(0.5)()
    outer(0.5)()


def sorting(seconds):
    def sort_key(item):
        burn(seconds / len(ITEMS))
        return -item
    sorted(ITEMS, key=sort_key)


def reducing(seconds):
    def combine(total, item):
        burn(seconds / len(ITEMS))
        return total + item
    functools.reduce(combine, ITEMS, 0)


def mapping_and_filtering(seconds):
    def mapped(item):
        burn(seconds / len(ITEMS) / 2)
        return item

    def is_wanted(item):
        burn(seconds / len(ITEMS) / 2)
        return item % 2
    list(filter(is_wanted, map(mapped, ITEMS)))


def substituting(seconds):
    def replacement(match):
        burn(seconds / 4)
        return match.group().upper()
    re.sub("[a-d]", replacement, "a-b-c-d")


def foreign_callback(seconds):
    def compare(left, right):
        burn(seconds / 4)
        return left[0] - right[0]
    integers = (ctypes.c_int * 4)(4, 3, 2, 1)
    pointer = ctypes.POINTER(ctypes.c_int)
    LIBC.qsort(integers, 4, ctypes.sizeof(ctypes.c_int), ctypes.CFUNCTYPE(ctypes.c_int, pointer, pointer)(compare))


def extremes(seconds):
    def extreme_key(item):
        burn(seconds / len(ITEMS) / 2)
        return item
    min(ITEMS, key=extreme_key)
    max(ITEMS, key=extreme_key)


def generators(seconds):
    def numbers():
        for item in ITEMS:
            burn(seconds / len(ITEMS) / 2)
            yield item

    def delegating():
        yield from numbers()

    def delegating_again():
        yield from delegating()
    for _ in delegating_again():
        pass
    sum(delegating_again())


def comprehensions(seconds):
    part = seconds / len(ITEMS) / 4
    [burn_and_return(part, item) for item in (burn_and_return(part, item) for item in ITEMS)]
    {burn_and_return(part, item): item for item in ITEMS}
    {item for item in ITEMS if burn_and_return(part, True)}


def coroutines(seconds):
    async def counting(stop):
        for item in range(stop):
            burn(seconds / 8)
            await asyncio.sleep(0)
            yield item

    async def innermost():
        async for _ in counting(2):
            burn(seconds / 8)

    async def inner():
        await innermost()

    async def outermost():
        await asyncio.gather(inner(), inner())
    LOOP.run_until_complete(outermost())


def threads(seconds):
    until = process_time() + seconds  # of the whole process, which is all threads together

    def thread_body():
        burn(until - process_time())
    some = [threading.Thread(target=thread_body) for _ in range(3)]
    for thread in some:
        thread.start()
    for thread in some:
        thread.join()


def exceptions(seconds):
    def raising():
        try:
            burn(seconds / 4)
            raise ValueError("meant")
        finally:
            burn(seconds / 4)
    try:
        raising()
    except ValueError:
        burn(seconds / 4)
        try:
            raise KeyError from None
        except KeyError:
            burn(seconds / 4)


def class_bodies(seconds):
    class Outer:
        burn(seconds / 2)

        class Inner:
            burn(seconds / 2)
    return Outer.Inner


def code_of_its_own_file(seconds):
    EXECUTED(seconds)


def lambdas(seconds):
    (lambda: (lambda part: burn(part))(seconds))()


def decorator(function):
    @functools.wraps(function)
    def wrapper(*arguments, **keywords):
        return function(*arguments, **keywords)
    return wrapper


@decorator
@decorator
def decorated(seconds):
    burn(seconds)


class Thing:
    """Methods of every kind, those that C calls for an operator or when an object ends among them."""

    def __init__(self, part):
        self.part = part
        burn(part)

    def __del__(self):
        burn(self.part)

    def __call__(self):
        burn(self.part)

    def __getattr__(self, name):
        burn(self.part)
        return name

    def __eq__(self, other):
        burn(self.part)
        return self is other

    def __hash__(self):
        burn(self.part)
        return 1

    def method(self):
        burn(self.part)

    @property
    def a_property(self):
        return burn(self.part)

    @staticmethod
    def static_method(part):
        burn(part)

    @classmethod
    def class_method(cls, part):
        burn(part)


class Child(Thing):
    def method(self):
        super().method()


def objects(seconds):
    part = seconds / 11
    thing = Child(part)
    thing.method()
    thing()
    thing.a_property
    thing.no_such_attribute
    thing.static_method(part)
    thing.class_method(part)
    {thing: 1}
    thing == 1
    del thing
    with managed(part):
        burn(part)


@contextlib.contextmanager
def managed(part):
    burn(part / 2)
    yield
    burn(part / 2)


def long_names(seconds):
    LONG_NAMED(seconds)


def foreign_names(seconds):
    for function in FOREIGN_NAMED:
        function(seconds / len(FOREIGN_NAMED))


def far_lines(seconds):
    FAR(seconds)


def calls_of_many_lines(seconds):
    part = seconds / 4
    functools.partial(
        burn_and_return,
        part,
    )(
        burn_and_return(
            part),
    )
    burn_and_return(part, value=[
        burn_and_return(part, 1),
        2,
    ])


def large_body(seconds):
    LARGE(seconds)


def imports(seconds):
    IMPORT_SECONDS[0] = seconds
    sys.modules.pop("imported_module", None)
    import imported_module
    return imported_module


BRANCHES = [closures, sorting, reducing, mapping_and_filtering, substituting, extremes, generators, comprehensions,
            coroutines, threads, exceptions, recursion, class_bodies, code_of_its_own_file, lambdas, decorated, objects,
            long_names, foreign_names, far_lines, calls_of_many_lines, large_body, imports]
if ctypes:
    BRANCHES.append(foreign_callback)
    LIBC = ctypes.CDLL(None)
LOOP = asyncio.new_event_loop()
EXECUTED = executed("text = compile('burn(seconds)', 'evaluated', 'eval')\n"
                    "function = lambda seconds: eval(text, globals(), locals())\n", "<executed>")
LONG_NAMED = executed("def function(seconds):\n class NAME:\n  def NAME(): burn(seconds)\n NAME.NAME()\n".replace("NAME", LONG),
                      LONG + ".py")
# One name for each width in which CPython keeps text: Latin-1, two bytes, four bytes.
FOREIGN_NAMED = [executed("def %s(seconds):\n burn(seconds)\nfunction = %s\n" % (name, name), name + "/" + name + ".py")
                 for name in ("d\u00e9j\u00e0_vu", "\u0444\u0443\u043d\u043a\u0446\u0438\u044f_\u95a2\u6570",
                              "\U00010330\U00010331_four")]
# Lines of more than one byte's distance, forwards and backwards, and beyond 16 bits.
FAR = executed("def function(seconds):\n for i in range(2):\n  burn(seconds / 6)" + "\n" * 300 + "  burn(seconds / 6)" +
               "\n" * 70000 + "  burn(\nseconds / 6)\n", "far.py")
# More than 65,536 code units.
LARGE = executed("def function(seconds):\n x = 1\n" + (" burn(seconds / 3)\n" + " x = x + 1000 - x\n" * 8000) * 3, "large.py")


def take_turns(seconds, spent):
    """Every branch, again and again, for so many seconds of CPU time, at least once; `spent` on each is added up."""
    began = process_time()
    part = min(SLICE_SECONDS, seconds / len(BRANCHES))
    while True:
        for branch in BRANCHES:
            before = process_time()
            branch(part)
            spent[branch.__name__] = spent.get(branch.__name__, 0) + process_time() - before
        if process_time() - began >= seconds:
            break


def main():
    ORACLE.add_code(sys._getframe(1).f_code)
    gc.disable()  # what ends, ends where it is: no finalizer runs in the middle of something else
    sys.setrecursionlimit(4 * DEPTH)
    spent = {}
    while True:
        words = sys.stdin.buffer.readline().decode().split()
        if not words:
            break
        if words[0] == "report":
            has_gil = getattr(sys, "_is_gil_enabled", lambda: True)()  # 3.13
            ORACLE.write(words[1], version=sys.version.split()[0], free_threaded=not has_gil,
                         absent=[] if ctypes else ["foreign_callback"], seconds=spent)
        else:
            spent = {}
            if words[0] == "rehearse":
                ORACLE.watch()
            elif words[0] == "dump":
                # Of the thread that runs, by itself: no other thread reads what changes at this moment.
                faulthandler.register(signal.SIGPROF, file=open(words[2], "w"), all_threads=False)
                signal.setitimer(signal.ITIMER_PROF, 0.03, 0.03)
            take_turns(float(words[1]), spent)
            ORACLE.rest()
            signal.setitimer(signal.ITIMER_PROF, 0)
            faulthandler.unregister(signal.SIGPROF)
        sys.stdout.write(" ".join(words) + "\n")
        sys.stdout.flush()
    LOOP.close()


if __name__ == "__main__":
    main()
