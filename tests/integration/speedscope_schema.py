#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""speedscope_schema.py MAKE_PROFILE FOLDER: what a made-up profile looks like in speedscope's format, held against what
https://www.speedscope.app/file-format-schema.json demands of a file with sampled profiles."""

import json
import subprocess
import sys
from pathlib import Path

NUMBER = (int, float)
UNITS = {"bytes", "microseconds", "milliseconds", "nanoseconds", "none", "seconds"}
# name: (type, required)
FILE = {"$schema": (str, True), "shared": (dict, True), "profiles": (list, True), "name": (str, False),
        "activeProfileIndex": (NUMBER, False), "exporter": (str, False)}
FRAME = {"name": (str, True), "file": (str, False), "line": (NUMBER, False), "col": (NUMBER, False)}
PROFILE = {"type": (str, True), "name": (str, True), "unit": (str, True), "startValue": (NUMBER, True),
           "endValue": (NUMBER, True), "samples": (list, True), "weights": (list, True)}


def fits(value, shape, where):
    assert isinstance(value, dict), f"{where} is no object"
    for key, one in value.items():
        assert key in shape, f"{where} has {key!r}, which the schema does not know"
        assert isinstance(one, shape[key][0]) and not isinstance(one, bool), f"{where}: {key!r} is {one!r}"
    for key, (_, required) in shape.items():
        assert not required or key in value, f"{where} lacks {key!r}"


def check(file):
    fits(file, FILE, "the file")
    assert file["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    fits(file["shared"], {"frames": (list, True)}, "shared")
    frames = file["shared"]["frames"]
    for frame in frames:
        fits(frame, FRAME, f"frame {frame}")
    for profile in file["profiles"]:
        fits(profile, PROFILE, f"profile {profile.get('name')!r}")
        assert profile["type"] == "sampled" and profile["unit"] in UNITS
        assert len(profile["samples"]) == len(profile["weights"]) > 0
        assert all(isinstance(w, NUMBER) for w in profile["weights"])
        for stack in profile["samples"]:
            assert isinstance(stack, list) and all(isinstance(f, int) and 0 <= f < len(frames) for f in stack)
    assert 0 <= file["activeProfileIndex"] < len(file["profiles"])
    return len(frames), len(file["profiles"])


def main():
    folder = Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.argv[1], "2000", folder], check=True, stdout=subprocess.DEVNULL)
    text = (folder / "profile.speedscope.json").read_text(encoding="utf-8")
    frames, profiles = check(json.loads(text))
    print(f"{frames} frames, {profiles} profiles, {len(text)} bytes")
    # The check itself has to be able to fail.
    for spoil in (lambda f: f.pop("shared"), lambda f: f["profiles"][0].update(unit="years"),
                  lambda f: f["profiles"][0]["samples"][0].append(frames), lambda f: f["profiles"][0]["weights"].pop()):
        spoiled = json.loads(text)
        spoil(spoiled)
        try:
            check(spoiled)
        except (AssertionError, KeyError):
            continue
        sys.exit("a file that breaks the schema was not noticed")


if __name__ == "__main__":
    main()
