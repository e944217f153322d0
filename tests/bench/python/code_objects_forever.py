# SPDX-License-Identifier: Apache-2.0
"""Makes one code object after another, runs each once and forgets it: no two have the same name. Prints every second
how many there were so far."""

import time

TEXT = """
def made_{0}(n):
    total = 0
    for i in range(n):
        total += i
    return total
made_{0}(150)
"""

made, printed = 0, time.monotonic()
while True:
    exec(compile(TEXT.format(made), f"/made/up/{made % 1000}.py", "exec"), {})
    made += 1
    if made % 256 == 0 and time.monotonic() > printed + 1:
        printed = time.monotonic()
        print(2 * made, flush=True)  # a module and a function
