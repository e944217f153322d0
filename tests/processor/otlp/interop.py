#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Our OTLP against another implementation, PyPI's opentelemetry-proto (generated code of Google's protobuf): it reads
what we write and we read what it writes, profiles and metrics, protobuf and JSON, compared field by field.

interop.py CONVERT VENV: the program otlp_convert, and where to make the virtual environment. Exit status 77 where the
package cannot be had."""

import base64
import json
import os
import random
import subprocess
import sys
from pathlib import Path

PACKAGE = "opentelemetry-proto==1.45.2"
SEEDS = 40


def enter_venv(venv):
    """Goes on in a Python that has the package."""
    python = venv / "bin" / "python3"
    ready = venv / f"has-{PACKAGE}"
    if not ready.exists():
        try:
            subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True, capture_output=True)
            subprocess.run([python, "-m", "pip", "install", "-q", PACKAGE], check=True, capture_output=True, timeout=300)
        except (subprocess.SubprocessError, OSError) as error:
            words = getattr(error, "stderr", None) or str(error).encode()
            print(f"skipped: {PACKAGE} cannot be installed: {words.decode(errors='replace').strip()[-500:]}")
            sys.exit(77)
        ready.touch()
    if Path(sys.prefix).resolve() != venv.resolve():
        os.execv(python, [python, *sys.argv])


if len(sys.argv) != 3:
    sys.exit(__doc__)
CONVERT = Path(sys.argv[1]).resolve()
enter_venv(Path(sys.argv[2]))

from google.protobuf import json_format  # noqa: E402
from google.protobuf.descriptor import FieldDescriptor  # noqa: E402
from opentelemetry.proto.metrics.v1 import metrics_pb2  # noqa: E402
from opentelemetry.proto.profiles.v1development import profiles_pb2  # noqa: E402

FAILURES = []
# Bytes that OTLP JSON writes in hexadecimal.
IDS = {"traceId", "spanId", "profileId"}
# What the model of processor/otel has no place for.
NOT_KEPT = {"opentelemetry.proto.resource.v1.Resource.entity_refs"}
# Read as the text that they refer to; see check_references.
REFERENCES = {"opentelemetry.proto.common.v1.AnyValue.string_value_strindex",
              "opentelemetry.proto.common.v1.KeyValue.key_strindex"}


def ours(*arguments, stdin=b""):
    run = subprocess.run([CONVERT, *map(str, arguments)], input=stdin, capture_output=True)
    if run.returncode != 0:
        raise RuntimeError(run.stderr.decode(errors="replace"))
    return run.stdout


def with_ids(node, change):
    if isinstance(node, dict):
        return {key: change(value) if key in IDS else with_ids(value, change) for key, value in node.items()}
    return [with_ids(value, change) for value in node] if isinstance(node, list) else node


def from_json(text, message):
    """json_format takes all bytes in base64."""
    node = with_ids(json.loads(text), lambda value: base64.b64encode(bytes.fromhex(value)).decode())
    return json_format.ParseDict(node, message)


def to_json(message):
    node = json_format.MessageToDict(message, use_integers_for_enums=True)
    return json.dumps(with_ids(node, lambda value: base64.b64decode(value).hex())).encode()


def is_repeated(field):
    return field.is_repeated if hasattr(field, "is_repeated") else field.label == FieldDescriptor.LABEL_REPEATED


def plain(message):
    """A message as a dict, None if nothing is set: a message that is absent and an empty one mean the same in OTLP."""
    out = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        inner = field.type == FieldDescriptor.TYPE_MESSAGE
        if is_repeated(field):
            value = [plain(entry) if inner else entry for entry in value]
        elif field.containing_oneof:
            value = ("chosen", plain(value) if inner else value) if message.HasField(field.name) else None
        elif inner:
            value = plain(value) if message.HasField(field.name) else None
        if value:
            out[field.name] = value
    return out or None


def difference(one, other, path=""):
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            found = difference(one.get(key), other.get(key), f"{path}.{key}")
            if found:
                return found
        return None
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)) and len(one) == len(other):
        for i, (a, b) in enumerate(zip(one, other)):
            found = difference(a, b, f"{path}[{i}]")
            if found:
                return found
        return None
    return None if one == other else f"{path}: {str(one)[:200]} is not {str(other)[:200]}"


def expect_same(what, one, other):
    found = difference(plain(one), plain(other))
    if found:
        FAILURES.append(f"{what}: {found}")


def fill(message, dice, depth=0):
    """Every field of every message, by chance."""
    for oneof in message.DESCRIPTOR.oneofs:
        choices = [f for f in oneof.fields if f.full_name not in REFERENCES and (depth < 9 or not f.message_type)]
        if choices and dice.random() < 0.9:
            set_field(message, dice.choice(choices), dice, depth)
    for field in message.DESCRIPTOR.fields:
        if field.containing_oneof or field.full_name in NOT_KEPT | REFERENCES or dice.random() < 0.15:
            continue
        set_field(message, field, dice, depth)


def set_field(message, field, dice, depth):
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        if depth > 10:
            return
        for _ in range(dice.randrange(4) if is_repeated(field) else 1):
            inner = getattr(message, field.name)
            inner = inner.add() if is_repeated(field) else inner
            inner.SetInParent()
            fill(inner, dice, depth + 1)
    elif is_repeated(field):
        getattr(message, field.name).extend(scalar(field, dice) for _ in range(dice.randrange(4)))
    else:
        setattr(message, field.name, scalar(field, dice))


def scalar(field, dice):
    kinds = FieldDescriptor
    if field.type == kinds.TYPE_STRING:
        return dice.choice(["", "main", 'a"b\\c\n\x01', "übermäßig", "日本語", "😀"])
    if field.type == kinds.TYPE_BYTES:
        sizes = {"trace_id": [16], "span_id": [8], "profile_id": [16]}
        return dice.randbytes(dice.choice(sizes.get(field.name, [0, 1, 2, 3, 50])))
    if field.type == kinds.TYPE_BOOL:
        return dice.random() < 0.5
    if field.type == kinds.TYPE_DOUBLE:
        return dice.choice([0.0, -1.5, 1e300, float("inf"), dice.random()])
    bits = 64 if field.type in (kinds.TYPE_INT64, kinds.TYPE_UINT64, kinds.TYPE_FIXED64, kinds.TYPE_SFIXED64) else 32
    if field.type in (kinds.TYPE_INT64, kinds.TYPE_INT32, kinds.TYPE_SFIXED64):
        return dice.choice([0, 1, -1, -2 ** (bits - 1), 2 ** (bits - 1) - 1, dice.randrange(1000)])
    return dice.choice([0, 1, 2**bits - 1, dice.randrange(1000)])


def check_written():
    """What we write, in both encodings, is one message to the other implementation."""
    samples = points = 0
    for seed in range(SEEDS):
        proto, text = profiles_pb2.ProfilesData(), profiles_pb2.ProfilesData()
        proto.ParseFromString(ours("profiles", "proto", seed))
        from_json(ours("profiles", "json", seed), text)
        expect_same(f"profiles written, seed {seed}", proto, text)
        samples += str(proto).count("stack_index")
        proto, text = metrics_pb2.MetricsData(), metrics_pb2.MetricsData()
        proto.ParseFromString(ours("metrics", "proto", seed))
        from_json(ours("metrics", "json", seed), text)
        expect_same(f"metrics written, seed {seed}", proto, text)
        points += str(proto).count("data_points")
    if samples == 0 or points == 0:
        FAILURES.append("nothing was compared")
    print(f"written: {SEEDS} seeds, {samples} samples, {points} points")


def check_read():
    """What the other implementation writes goes through us unchanged, whichever way."""
    fields = set()
    for seed in range(SEEDS):
        message = profiles_pb2.ProfilesData()
        fill(message, random.Random(seed))
        wire, text = message.SerializeToString(), to_json(message)
        for source, body in (("proto", wire), ("json", text)):
            for target in ("proto", "json"):
                back = profiles_pb2.ProfilesData()
                out = ours("convert", source, target, stdin=body)
                if target == "proto":
                    back.ParseFromString(out)
                else:
                    from_json(out, back)
                expect_same(f"{source} read and {target} written, seed {seed}", message, back)
        collect_fields(message, fields)
    print(f"read: {SEEDS} seeds, {len(fields)} different fields")
    if len(fields) < 72:  # all that ProfilesData of 1.45.2 has, without those of NOT_KEPT and REFERENCES
        FAILURES.append(f"only {len(fields)} fields were set")


def collect_fields(message, fields):
    for field, value in message.ListFields():
        fields.add(field.full_name)
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            for inner in value if is_repeated(field) else [value]:
                collect_fields(inner, fields)


def check_references():
    message = profiles_pb2.ProfilesData()
    message.dictionary.string_table.extend(["", "the key", "the value"])
    entry = message.resource_profiles.add().resource.attributes.add()
    entry.key_strindex = 1
    entry.value.string_value_strindex = 2
    message.dictionary.attribute_table.add().value.string_value_strindex = 2
    for source, body in (("proto", message.SerializeToString()), ("json", to_json(message))):
        back = profiles_pb2.ProfilesData()
        back.ParseFromString(ours("convert", source, "proto", stdin=body))
        attribute = back.resource_profiles[0].resource.attributes[0]
        found = (attribute.key, attribute.value.string_value, back.dictionary.attribute_table[0].value.string_value)
        if found != ("the key", "the value", "the value"):
            FAILURES.append(f"references in {source}: {found}")


def check_known_metrics():
    wanted = metrics_pb2.MetricsData()
    resource = wanted.resource_metrics.add()
    attribute = resource.resource.attributes.add(key="process.pid")
    attribute.value.int_value = -7
    scope = resource.scope_metrics.add()
    scope.scope.name, scope.scope.version = "scope", "1.2"
    metric = scope.metrics.add(name="a.sum", description="what it is", unit="1")
    metric.sum.aggregation_temporality = metrics_pb2.AGGREGATION_TEMPORALITY_DELTA
    metric.sum.is_monotonic = True
    point = metric.sum.data_points.add(
        start_time_unix_nano=1_700_000_000_000_000_001, time_unix_nano=1_700_000_000_000_000_002, as_int=5)
    point.attributes.add(key="key").value.string_value = "value"
    metric.sum.data_points.add(start_time_unix_nano=3, time_unix_nano=4, as_int=0)
    scope.metrics.add(name="a.gauge").gauge.data_points.add(time_unix_nano=6, as_int=-(2**63))
    found = metrics_pb2.MetricsData()
    found.ParseFromString(ours("known-metrics", "proto"))
    expect_same("known metrics", wanted, found)


check_written()
check_read()
check_references()
check_known_metrics()
print(*FAILURES[:20], sep="\n")
print(f"{len(FAILURES)} differences")
sys.exit(1 if FAILURES else 0)
