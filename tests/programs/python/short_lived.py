#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Works until the process has used so many milliseconds of CPU time, the interpreter's start included."""

import sys
import time


def work(until):
    while time.process_time() < until:
        for _ in range(50):
            pass


def main():
    work(float(sys.argv[1]) / 1000)


main()
