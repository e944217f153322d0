# SPDX-License-Identifier: Apache-2.0
"""A few functions of each kind for six tenths of a second: what a capture of a Python program is made of."""

import functools
import time


def leaf(n):
    total = 0
    for i in range(n):
        total += i
    return total


def key(x):
    return leaf(150) + x


class Work:
    def fold(self):
        return functools.reduce(lambda a, b: a + leaf(60), range(20))


def recurse(n):
    return leaf(400) if n == 0 else recurse(n - 1)


def größe():
    return sum(leaf(40) for _ in range(20))


end = time.process_time() + 0.6
while time.process_time() < end:
    sorted(range(12), key=key)
    Work().fold()
    recurse(30)
    größe()
