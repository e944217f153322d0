# SPDX-License-Identifier: Apache-2.0
"""threads.py COUNT: so many threads, each of which is busy for a while, in functions of its own name, and then sleeps."""

import sys
import threading
import time

TEXT = """
def busy_{0}(depth):
    if depth:
        return busy_{0}(depth - 1)
    total = 0
    for i in range(20000):
        total += i
    return total

def thread_{0}():
    while True:
        busy_{0}(8)
        time.sleep(0.05)
"""

for number in range(int(sys.argv[1])):
    scope = {"time": time}
    exec(compile(TEXT.format(number), f"/threads/{number}.py", "exec"), scope)
    threading.Thread(target=scope[f"thread_{number}"], daemon=True).start()
print("ready", flush=True)
threading.Event().wait()
