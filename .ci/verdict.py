#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether a green test run means anything: verdict.py [--totals] BUILD_DIR. Fails when no test ran on the live kernel,
when a live test was skipped, or when fewer than 95 % of the demo's samples had names. Prints how many instructions the
kernel's verifier looked at, program by program. With --totals only: the closing line."""

import json
import sys
import xml.etree.ElementTree
from pathlib import Path

LEAST_NAMED_PERCENT = 95
MOST_VERIFIED_INSTRUCTIONS = 400_000  # the verifier gives up at 1,000,000; a kernel may count differently
MOST_LOAD_MS = 500


def results(build):
    for case in xml.etree.ElementTree.parse(build / "results.xml").getroot().iter("testcase"):
        yield case.get("name"), case.get("status")


def judge(build):
    cases = dict(results(build))
    live = {name: status for name, status in cases.items() if name.startswith("live.")}
    if not any(status == "run" for status in live.values()):
        yield "no test ran on the live kernel"
    for name, status in live.items():
        if status != "run":
            yield f"{name} did not run ({status})"
    notes = build / "tests" / "integration" / "results"
    demo = notes / "demo.json"
    if not demo.exists():
        yield "the demo was not profiled"
    else:
        named = json.loads(demo.read_text())["named_percent"]
        print(f"named samples of the demo: {named:.2f} %")
        if named < LEAST_NAMED_PERCENT:
            yield f"only {named:.2f} % of the demo's samples have names: at least {LEAST_NAMED_PERCENT} % should"
    programs = notes / "programs.json"
    if programs.exists():
        for one in json.loads(programs.read_text()):
            print(f"verified: {one['name']}: {one['instructions']} instructions, loaded in {one['load_ms']:.1f} ms")
            if one["instructions"] > MOST_VERIFIED_INSTRUCTIONS or one["load_ms"] > MOST_LOAD_MS:
                yield f"{one['name']} is too much for the verifier of some kernel"


def main():
    arguments = [a for a in sys.argv[1:] if a != "--totals"]
    build = Path(arguments[0] if arguments else "build")
    if not (build / "results.xml").exists():
        print("no results: the tests did not run")
        return 1
    if "--totals" in sys.argv:
        statuses = [status for _, status in results(build)]
        print(f"{statuses.count('run')} passed, {statuses.count('fail')} failed, "
              f"{len(statuses) - statuses.count('run') - statuses.count('fail')} skipped")
        return 0
    problems = list(judge(build))
    for problem in problems:
        print(f"verdict: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
