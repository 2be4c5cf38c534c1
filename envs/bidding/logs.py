"""Auction logs: what was sold, for how much, and how likely a click was."""

from __future__ import annotations

import array
import gzip
import io
import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
import numpy.typing as npt

from ..core.checks import DECIMAL
from ..core.tables import decimals, is_gzip
from .law import HIGHEST_PRICE

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("click", "price", "theta")
EXPECTED_ROW = f"`click price theta`: click 0 or 1, price an integer in 0..{HIGHEST_PRICE}, theta a number in [0, 1]"

_INTEGER = re.compile(r"[+-]?[0-9]{1,9}")
_NUMBER = re.compile(DECIMAL)

# click weekday hour bidid timestamp ... usertag, as make-ipinyou-data writes them: weekday and hour would pass for price and
# theta where the hour is 0 or 1.
_RAW_WIDTH = 27
_RAW_TIMESTAMP = re.compile(r"[0-9]{17}")
_RAW = (
    "looks like a line of iPinYou's raw log, where price and theta don't follow on the click: the price is column 24, and "
    "there is no theta"
)


@dataclass(frozen=True, eq=False)
class BidLog:
    """Auctions in the order in which they were held; one entry per auction.

    Args:
        click: (n,) int8, 1 if the impression was clicked, otherwise 0.
        price: (n,) int16 in 0..300, the market price: the lowest bid that wins, and what the winner pays.
        theta: (n,) float64 in [0, 1], the predicted click-through rate, clicks per impression.
        source: where the auctions come from, for messages and reports.

    The arrays are converted to these types and read-only; those of these types already are not copied.

    Raises:
        ValueError: a column is empty, not one-dimensional, of another length, or holds a value out of its range; the
            message names the row (0-based), its values and what was expected.
    """

    click: npt.NDArray[np.int8]
    price: npt.NDArray[np.int16]
    theta: npt.NDArray[np.float64]
    source: str

    def __post_init__(self) -> None:
        columns = {name: _as_numbers(name, getattr(self, name), self.source) for name in COLUMNS}
        shapes = {name: column.shape for name, column in columns.items()}
        if columns["click"].ndim != 1 or len(set(shapes.values())) != 1:
            raise ValueError(f"{self.source}: the columns have shapes {shapes}; expected three times the same (n,)")
        if len(columns["click"]) == 0:
            raise ValueError(f"{self.source}: holds no auctions; expected at least one row {EXPECTED_ROW}")
        wrong = _first_wrong_row(columns["click"], columns["price"], columns["theta"])
        if wrong is not None:
            values = ", ".join(f"{name} {column[wrong].item()!r}" for name, column in columns.items())
            raise ValueError(f"{self.source}: row {wrong} (0-based) holds {values}; expected {EXPECTED_ROW}")
        for name, dtype in zip(COLUMNS, (np.int8, np.int16, np.float64), strict=True):
            # A view, so that making it read-only leaves the caller's own array writable.
            column = columns[name].astype(dtype, copy=False).view()
            column.setflags(write=False)
            object.__setattr__(self, name, column)

    def __len__(self) -> int:
        return len(self.click)


def load_log(path_or_table: str | os.PathLike[str] | npt.ArrayLike | pd.DataFrame) -> BidLog:
    """Read an auction log.

    A file holds one auction a line, `click price theta` without a header, separated by blanks or tabs, plain or
    gzipped (the `test.theta.txt` of rlb-dp; the `exp-data` of rtbcontrol). Further columns are ignored, but every line
    must have as many as the first; empty lines are skipped. Ten million lines take about a second. The last few
    logs read are kept in memory and read again only when the file has changed.

    Args:
        path_or_table: path of a file; or an (n, 3) array with the columns click, price, theta; or a data frame with
            columns of these names, others being ignored.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a row is malformed; the message names the file, the 1-based line number, the line's text and what
            was expected. For tables it names the row.
        OSError: the file cannot be read to its end, as a gzip file that was cut short.
    """
    if isinstance(path_or_table, str | os.PathLike):
        path = Path(os.path.abspath(path_or_table))
        if not path.is_file():
            what = "is not a file" if path.exists() else "does not exist"
            raise FileNotFoundError(f"the auction log {path} {what}; expected a text file with lines {EXPECTED_ROW}")
        stat = path.stat()
        return _read_cached(path, stat.st_mtime_ns, stat.st_size)
    if _is_frame(path_or_table):
        return _from_frame(path_or_table)
    return _from_array(path_or_table)


def _is_frame(table: object) -> TypeGuard[pd.DataFrame]:
    # Asked of the object and not of pandas, which would have to be imported; other libraries' frames do as well.
    return hasattr(table, "columns")


def _from_frame(frame: pd.DataFrame) -> BidLog:
    # Copies, as below: a log must not change when the caller's table does.
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        raise ValueError(f"the data frame lacks the columns {missing}; it has {list(frame.columns)}")
    click, price, theta = (np.array(frame[name]) for name in COLUMNS)
    return BidLog(click, price, theta, source="data frame")


def _from_array(table: npt.ArrayLike) -> BidLog:
    rows = _as_numbers("the table", table, "array")
    if rows.ndim != 2 or rows.shape[1] != len(COLUMNS):
        raise ValueError(f"the array has shape {rows.shape}; expected (n, {len(COLUMNS)}) with the columns {COLUMNS}")
    click, price, theta = (rows[:, i].copy() for i in range(len(COLUMNS)))
    return BidLog(click, price, theta, source="array")


def _as_numbers(name: str, values: npt.ArrayLike, source: str) -> npt.NDArray:
    numbers = np.asarray(values)
    if numbers.dtype.kind in "biuf":
        return numbers
    numbers = decimals(given := numbers)
    if (wrong := np.isnan(numbers)).any():
        shown = given[wrong][0]
        raise ValueError(f"{source}: {name} holds {shown!r}; expected numbers, {EXPECTED_ROW}")
    return numbers


def _first_wrong_row(click: npt.NDArray, price: npt.NDArray, theta: npt.NDArray) -> int | None:
    # Comparisons are false for NaN, so it counts as wrong everywhere.
    right = (click == 0) | (click == 1)
    right &= (price >= 0) & (price <= HIGHEST_PRICE)
    if price.dtype.kind == "f":
        right &= price == np.floor(price)
    right &= (theta >= 0) & (theta <= 1)
    return None if right.all() else int(np.argmin(right))


@lru_cache(maxsize=4)
def _read_cached(path: Path, mtime_ns: int, size: int) -> BidLog:
    # The last two arguments only make a changed file another key.
    try:
        return _read(path)
    except (OSError, EOFError, zlib.error) as error:
        raise OSError(f"the auction log {path} cannot be read to its end: {error}") from error


def _read(path: Path) -> BidLog:
    number, line = next(((number, line) for number, line in _lines(path) if line.strip()), (0, ""))
    if _is_raw(line):
        raise ValueError(f"{path}, line {number}: {_shown(line)} {_RAW}; expected {EXPECTED_ROW}")
    try:
        return _read_fast(path, _delimiter(line))
    except (ValueError, KeyError):  # pyarrow's own errors among them; a KeyError when there are too few columns
        # Either the layout is unusual, several blanks between columns say, or a row is malformed and must be named.
        return _read_slow(path)


def _read_fast(path: Path, delimiter: str) -> BidLog:
    # Here and not at the top, because `import budgetgym` must stay cheap.
    import pyarrow as pa
    from pyarrow import csv

    # Integers are read as text first, each different one once: Arrow would take 0xFF for 255.
    text = pa.dictionary(pa.int32(), pa.string())
    with pa.input_stream(str(path), compression="gzip" if is_gzip(path) else None) as stream:
        table = csv.read_csv(
            stream,
            read_options=csv.ReadOptions(autogenerate_column_names=True),
            parse_options=csv.ParseOptions(delimiter=delimiter, quote_char=False),
            convert_options=csv.ConvertOptions(
                include_columns=["f0", "f1", "f2"],
                column_types={"f0": text, "f1": text, "f2": pa.float64()},
                null_values=[],
            ),
        )
    click, price, theta = table.columns
    return BidLog(_whole(click, np.int8, 1), _whole(price, np.int16, HIGHEST_PRICE), theta.to_numpy(), source=str(path))


def _whole(column: Any, dtype: type[np.integer], highest: int) -> npt.NDArray:
    """A column of text, in chunks with dictionaries of their own, as integers; a ValueError unless all are in 0..highest."""
    numbers = np.empty(len(column), dtype)
    first = 0
    for chunk in column.chunks:
        values = chunk.dictionary.to_pylist()
        if not all(_INTEGER.fullmatch(value) and 0 <= int(value) <= highest for value in values):
            raise ValueError("out of range")
        known = np.array([int(value) for value in values], dtype)
        np.take(known, chunk.indices.to_numpy(), out=numbers[first : first + len(chunk)], mode="clip")
        first += len(chunk)
    return numbers


def _read_slow(path: Path) -> BidLog:
    """Line by line: accepts any run of blanks and tabs, and names the first malformed line."""
    click, price, theta = array.array("b"), array.array("h"), array.array("d")
    width = None
    for number, line in _lines(path):
        fields = line.split()
        if not fields:
            continue
        width = width or len(fields)
        problem = _problem(fields, width)
        if problem:
            raise ValueError(f"{path}, line {number}: {_shown(line)} {problem}; expected {EXPECTED_ROW}")
        click.append(int(fields[0]))
        price.append(int(fields[1]))
        theta.append(float(fields[2]))
    return BidLog(np.array(click), np.array(price), np.array(theta), source=str(path))


def _problem(fields: list[str], width: int) -> str:
    """What is wrong with a row; empty if nothing is."""
    if len(fields) < len(COLUMNS):
        return f"has {len(fields)} columns, fewer than {len(COLUMNS)}"
    if len(fields) != width:
        return f"has {len(fields)} columns, the first row has {width}"
    click, price, theta = fields[:3]
    if not (_INTEGER.fullmatch(click) and int(click) in (0, 1)):
        return f"has click {click!r}"
    if not (_INTEGER.fullmatch(price) and 0 <= int(price) <= HIGHEST_PRICE):
        return f"has price {price!r}"
    if not (_NUMBER.fullmatch(theta) and 0.0 <= float(theta) <= 1.0):
        return f"has theta {theta!r}"
    return ""


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    with _open(path) as file:
        for number, line in enumerate(file, start=1):
            yield number, line.decode("utf-8-sig" if number == 1 else "utf-8", errors="replace")


def _delimiter(line: str) -> str:
    """The character between the first two columns of a line."""
    found = re.search(r"\S([ \t])", line)
    return found[1] if found else " "


def _is_raw(line: str) -> bool:
    """Whether a line is one of the raw log, or its header."""
    fields = line.rstrip("\r\n").split("\t")
    is_dated = len(fields) > 4 and _RAW_TIMESTAMP.fullmatch(fields[4]) is not None
    return is_dated or len(fields) == _RAW_WIDTH or fields[:3] == ["click", "weekday", "hour"]


def _shown(line: str) -> str:
    text = line.rstrip("\r\n")
    return repr(text if len(text) <= 200 else f"{text[:200]}...")


def _open(path: Path) -> io.BufferedIOBase:
    return gzip.open(path, "rb") if is_gzip(path) else path.open("rb")
