# SPDX-License-Identifier: Apache-2.0
"""A small reader of pprof's format (github.com/google/pprof, proto/profile.proto), written apart from the program's
writer."""

import gzip
from pathlib import Path


def fields(message):
    """(number, value) of each field of a protobuf message; numbers as int, everything else as bytes."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
        else:
            assert key & 7 == 2, f"wire type {key & 7}"
            size = varint()
            yield key >> 3, message[at:at + size]
            at += size


def numbers(packed):
    value = shift = 0
    for byte in packed:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            yield value
            value = shift = 0


class Pprof:
    """profile.proto, as much of it as is asked for here. `samples`: location numbers, leaf first; `counts`: of each;
    `processes`: the name of each; `locations`: (mapping's name, address, [(function, file, line)], innermost first) by number."""

    def __init__(self, data):
        self.strings, self.samples, self.counts, self.locations = [], [], [], {}
        self.processes, functions, mappings, locations, labels = [], {}, {}, [], []
        for number, value in fields(data):
            if number == 2:
                self.samples.append([i for n, v in fields(value) if n == 1 for i in numbers(v)])
                self.counts.append(next(i for n, v in fields(value) if n == 2 for i in numbers(v)))
                labels.append([dict(fields(v)) for n, v in fields(value) if n == 3])
            elif number == 3:
                entry = dict(fields(value))
                mappings[entry[1]] = entry.get(5, 0)
            elif number == 4:
                locations.append(value)
            elif number == 5:
                entry = dict(fields(value))
                functions[entry[1]] = (entry.get(2, 0), entry.get(4, 0))
            elif number == 6:
                self.strings.append(value.decode())
        for entries in labels:
            texts = {self.strings[entry[1]]: self.strings[entry.get(2, 0)] for entry in entries}
            self.processes.append(texts.get("process", ""))
        for value in locations:
            entry, lines = {}, []
            for number, field in fields(value):
                if number == 4:
                    line = dict(fields(field))
                    name, file = functions[line[1]]
                    lines.append((self.strings[name], self.strings[file], line.get(2, 0)))
                else:
                    entry[number] = field
            file = self.strings[mappings.get(entry.get(2, 0), 0)]
            self.locations[entry[1]] = (file, entry.get(3, 0), lines)


def read(path):
    return Pprof(gzip.decompress(Path(path).read_bytes()))
