"""The files of the records: a line per array, a digest of every bit, and the comparison of two records."""

from __future__ import annotations

import hashlib
import importlib.metadata
import itertools
import json
import math
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import llvmlite.binding
import numpy as np
from numpy.typing import NDArray

RECORDS = Path(__file__).parent / "records"
PLATFORM = Path(__file__).parent / "platform.json"
RELATIVE, ABSOLUTE = 1e-9, 1e-12
DIGITS = 12
PACKAGES = (
    "gymnasium",
    "highspy",
    "llvmlite",
    "numba",
    "numpy",
    "pandas",
    "pettingzoo",
    "pyscipopt",
    "sb3-contrib",
    "scikit-learn",
    "scipy",
    "stable-baselines3",
    "torch",
)


class Played(NamedTuple):
    """An array as it was played: `rows` (None: all) are those that are written out, the digest is of all of them."""

    array: NDArray[Any]
    rows: Sequence[int] | None = None
    tolerance: float = RELATIVE


@dataclass(frozen=True)
class Entry:
    """An array as it stands in a file: type and shape of all of it, digest of all its bits, the values written out."""

    dtype: str
    shape: tuple[int, ...]
    sha256: str
    values: list[Any]


Record = dict[str, Entry]


def entry(played: Played) -> Entry:
    """The entry of an array. Numbers have 12 digits; the digest is of the exact bytes of all rows."""
    array = np.ascontiguousarray(played.array)
    text = array.dtype.kind == "U"
    raw = "\0".join(array.ravel().tolist()).encode() if text else array.astype(array.dtype.newbyteorder("<")).tobytes()
    shown = array if played.rows is None else array[list(played.rows)]
    values = [_rounded(value) for value in shown.ravel().tolist()]
    return Entry("text" if text else array.dtype.name, array.shape, hashlib.sha256(raw).hexdigest()[:12], values)


def _rounded(value: Any) -> Any:
    if not isinstance(value, float):
        return value
    value = float(f"{value:.{DIGITS}g}")
    return int(value) if value.is_integer() and abs(value) < 1e15 and math.copysign(1.0, value) > 0 else value


def digest(record: Record) -> str:
    """One digest of all arrays, with their names."""
    lines = (f"{name} {e.dtype} {e.shape} {e.sha256}" for name, e in sorted(record.items()))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def text_of(record: Record) -> str:
    """The file: a line per array, with its type, shape, digest, and values."""
    lines = [f'"sha256": "{digest(record)}"']
    for name, e in sorted(record.items()):
        row = [e.dtype, e.shape, e.sha256, e.values if e.dtype == "text" else packed(e.values)]
        lines.append(f"{json.dumps(name)}: {json.dumps(row, separators=(',', ':'))}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def read(path: Path) -> tuple[str, Record]:
    """The digest and the record of a file."""
    content = json.loads(path.read_text(encoding="utf-8"))
    whole = content.pop("sha256")
    record = {}
    for name, (dtype, shape, sha256, values) in content.items():
        record[name] = Entry(dtype, tuple(shape), sha256, values if dtype == "text" else unpacked(values))
    return whole, record


def packed(values: list[Any]) -> list[Any]:
    """Numbers of which a run of equal ones is written as "COUNT * NUMBER"."""
    runs = [(json.dumps(value), value, len(list(run))) for value, run in itertools.groupby(values)]
    return [x for text, value, n in runs for x in ([value] * n if n < 5 else [f"{n} * {text}"])]


def unpacked(values: list[Any]) -> list[Any]:
    """The numbers again."""
    numbers = []
    for value in values:
        count, _, text = value.partition(" * ") if isinstance(value, str) else ("1", "", "")
        numbers += [json.loads(text) if text else value] * int(count)
    return numbers


def write(path: Path, text: str) -> bool:
    """Write a file whole; whether that changed it."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
    return True


def this_platform() -> dict[str, str]:
    """What decides the last digits."""
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {
        "machine": platform.machine(),
        "system": platform.system(),
        "libc": "-".join(platform.libc_ver()),
        "python": ".".join(map(str, sys.version_info[:2])),
        "cpu": str(llvmlite.binding.get_host_cpu_name()),
        **versions,
    }


def recorded_platform() -> dict[str, str]:
    """Where the digests were taken; {} if nowhere yet."""
    return json.loads(PLATFORM.read_text(encoding="utf-8")) if PLATFORM.exists() else {}


def differences(case: str, expected: Record, found: Record, tolerances: dict[str, float], *, exact: bool) -> list[str]:
    """What differs, a message per array.

    Args:
        case: the name in the messages.
        expected: the record of the file.
        found: the record of what was played now.
        tolerances: array -> relative tolerance, where it is not 1e-9.
        exact: compare digests as well, which have every row and every bit.
    """
    messages = [f"{case}: {name} is in the record, but was not played" for name in expected.keys() - found.keys()]
    messages += [f"{case}: {name} was played, but is not in the record" for name in found.keys() - expected.keys()]
    for name in sorted(expected.keys() & found.keys()):
        a, b = expected[name], found[name]
        if (a.dtype, a.shape) != (b.dtype, b.shape):
            messages.append(f"{case}: {name} was {a.dtype} {a.shape}, is {b.dtype} {b.shape}")
        elif len(a.values) != len(b.values):
            messages.append(f"{case}: {name} had {len(a.values)} values written out, has {len(b.values)}")
        elif (k := _first_difference(a.values, b.values, a.dtype, tolerances.get(name, RELATIVE))) is not None:
            where = f"value {k} of the {len(a.values)} written out, rows of {a.shape[1:] or 'one'}"
            messages.append(f"{case}: {name} differs first at {where}: was {a.values[k]!r}, is {b.values[k]!r}")
        elif exact and a.sha256 != b.sha256:
            messages.append(f"{case}: {name} differs in bits, or in rows that are not written out: {a.sha256} {b.sha256}")
    return sorted(messages)


def _first_difference(a: list[Any], b: list[Any], dtype: str, relative: float) -> int | None:
    close = dtype.startswith("float")
    for k, (x, y) in enumerate(zip(a, b, strict=True)):
        both = not close and x == y
        if close and x is not None and y is not None:
            both = math.isclose(x, y, rel_tol=relative, abs_tol=ABSOLUTE) or (math.isnan(x) and math.isnan(y))
        if not both:
            return k
    return None


def json_text(content: dict[str, str]) -> str:
    """A small file with a line per entry."""
    return json.dumps(content, indent=1) + "\n"
