# SPDX-License-Identifier: Apache-2.0
"""Has another interpreter run a script in a thread, for as many seconds as its argument says; prints when it begins."""

import sys
import threading

try:
    import _interpreters as interpreters  # 3.13 on
except ImportError:
    import _xxsubinterpreters as interpreters

SCRIPT = """
import time
def inner(n):
    return sum(i * i for i in range(n))
def outer():
    end = time.monotonic() + {seconds}
    while time.monotonic() < end:
        inner(1000)
outer()
"""


def run_another():
    print("ready", flush=True)
    interpreters.run_string(interpreters.create(), SCRIPT.format(seconds=sys.argv[1]))


thread = threading.Thread(target=run_another)
thread.start()
thread.join()
