"""Files that users bring: CSV tables as text, numbers out of them, and JSON. What is wrong is refused, with its place.

Nothing is guessed from what stands in a column: ids stay text (007 is not 7), and only plain decimals are numbers.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .checks import DECIMAL, plain

if TYPE_CHECKING:
    import pandas as pd

LINE = "line"
"""Name of the index of a table that was read from a file: the line (1-based) on which a row ends."""

_GZIP_MAGIC = b"\x1f\x8b"
_PLAIN = f"^(?:{DECIMAL})$"


def is_gzip(path: Path) -> bool:
    """Whether a file is packed with gzip, whatever it is called."""
    with path.open("rb") as file:
        return file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC


def read_csv(path: Path, what: str) -> pd.DataFrame:
    """The rows of a CSV file, plain or gzipped, all as text; its index says on which line of the file each stands.

    UTF-8, with or without a byte order mark; any line ends; fields in double quotes may hold commas and line breaks. Empty
    lines are skipped.

    Args:
        path: of the file.
        what: it is, for error messages, such as "the routing log runs.csv".

    Raises:
        ValueError: there is no header, two columns have one name, a row has more or fewer fields than the header, a quote is
            never closed, or it is not UTF-8; the message names the line.
        OSError: it can't be read to its end.
    """
    import pandas as pd

    rows: list[list[str]] = []
    lines: list[int] = []
    number = 1
    try:
        with _open(path) as file, _fields_of_any_length():
            reader = csv.reader(file, strict=True)
            header = next((row for row in reader if row), None)
            if header is None:
                raise ValueError(f"{what} is empty; expected a line with the names of its columns")
            if repeated := [name for k, name in enumerate(header) if name in header[:k]]:
                raise ValueError(f"{what}, line {reader.line_num}: two columns are named {repeated[0]!r}; expected one")
            for row in reader:
                number = reader.line_num
                if not row:
                    continue
                if len(row) != len(header):
                    raise ValueError(
                        f"{what}, line {number}: {_shown(','.join(row))} has {len(row)} fields, the header has {len(header)}; "
                        "expected as many"
                    )
                rows.append(row)
                lines.append(number)
    except csv.Error as error:
        raise ValueError(f"{what}, after line {number}: {error}; expected CSV") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{what}, after line {number}: is not UTF-8: {error}") from None
    except (OSError, EOFError, zlib.error) as error:
        raise OSError(f"{what} can't be read to its end: {error}") from error
    columns = dict(zip(header, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(header, ())
    return pd.DataFrame(columns, index=pd.Index(lines, name=LINE, dtype=np.int64), dtype=object)


def read_json(path: Path, what: str) -> Any:
    """What a JSON file holds: UTF-8, with or without a byte order mark.

    Raises:
        ValueError: it is not JSON (the message names line and column), an object has two entries of one name, or a number is
            NaN or infinite.
        OSError: it can't be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_number, parse_float=_finite)
    except ValueError as error:  # of JSON and of Unicode as well
        why = "is not JSON: " if isinstance(error, json.JSONDecodeError | UnicodeDecodeError) else ""
        raise ValueError(f"{what}: {why}{error}") from None


def place(table: pd.DataFrame, row: int) -> str:
    """Where a row (0-based) stands: the line of a file, or the row of a table that was handed over."""
    return f"line {table.index[row]}" if table.index.name == LINE else f"row {row} (0-based)"


def require_columns(table: pd.DataFrame, names: Sequence[str], what: str, expected: str = "") -> None:
    """Refuse a table that lacks one of these columns, or has two columns of one name, with a ValueError."""
    if missing := [name for name in names if name not in table.columns]:
        has = [str(name) for name in table.columns[:20]]
        raise ValueError(f"{what} lacks the columns {missing}; it has {has}{expected and f', expected {expected}'}")
    if (twice := table.columns.duplicated()).any():
        raise ValueError(f"{what} has two columns named {table.columns[twice][0]!r}; expected one")


def numbers_of(
    table: pd.DataFrame,
    column: str,
    what: str,
    expected: str = "a number",
    *,
    low: float = -math.inf,
    high: float = math.inf,
    whole: bool = False,
    booleans: bool = False,
) -> NDArray[np.float64]:
    """A column (n,) as finite numbers.

    Args:
        table: as `read_csv` makes it, or a data frame; text counts as a number if it is a plain decimal, such as 12 or 1.5e-3.
        column: its name.
        what: the table is, for error messages.
        expected: of the column, for error messages.
        low, high: the lowest and the highest number that is right.
        whole: only integers are right.
        booleans: "True" and "False" are right as well.

    Raises:
        ValueError: names the first row whose value is another.
    """
    values = table[column].to_numpy()
    numbers, right = _numbers(values, booleans)
    right &= np.isfinite(numbers) & (numbers >= low) & (numbers <= high)
    if whole:
        right &= numbers == np.floor(numbers)
    if not right.all():
        row = int(np.argmin(right))
        raise ValueError(f"{what}, {place(table, row)}: {column} is {_shown(plain(values[row]))}; expected {expected}")
    return numbers


def texts_of(table: pd.DataFrame, column: str, what: str, *, needed: bool = True) -> NDArray[Any]:
    """A column (n,) as text: ids and names, which are different as soon as they are written differently.

    What is missing, or empty, is "", and refused with a ValueError where it is needed.
    """
    values = table[column]
    missing = values.isna().to_numpy()
    texts = np.array(["" if gone else str(value) for value, gone in zip(values.tolist(), missing, strict=True)], object)
    if needed and (empty := texts == "").any():
        raise ValueError(f"{what}, {place(table, int(np.argmax(empty)))}: {column} is missing; expected one in every row")
    return texts


def decimals(values: Any) -> NDArray[np.float64]:
    """Numbers, or text that is plain decimals, as an array of the same shape; NaN for what is neither."""
    array = np.asarray(values)
    return _numbers(array.ravel(), booleans=False)[0].reshape(array.shape)


def _numbers(values: Any, booleans: bool) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Values (n,) as numbers, and which of them are."""
    from pandas.api.types import infer_dtype

    values = np.asarray(values)
    if values.dtype.kind in "biuf":
        return values.astype(np.float64), np.ones(len(values), np.bool_)
    if infer_dtype(values, skipna=False) == "string":
        return _numbers_in_text(values, booleans)
    parsed = [_number(value, booleans) for value in values]
    return np.array([math.nan if x is None else x for x in parsed], float), np.array([x is not None for x in parsed], bool)


def _numbers_in_text(values: NDArray[Any], booleans: bool) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    import pyarrow as pa
    from pyarrow import compute

    pc: Any = compute  # its functions are made when it is imported
    text: Any = pa.array(values, pa.large_string())
    right = pc.match_substring_regex(text, _PLAIN)
    if booleans and not pc.all(right).as_py():
        text = pc.replace_substring_regex(pc.replace_substring_regex(text, "^(?i:true)$", "1"), "^(?i:false)$", "0")
        right = pc.match_substring_regex(text, _PLAIN)
    if pc.any(pc.starts_with(text, "+")).as_py():  # which Arrow does not read
        text = pc.replace_substring_regex(text, r"^\+", "")
    numbers = pc.if_else(right, text, "nan").cast(pa.float64())
    return numbers.to_numpy(zero_copy_only=False), right.to_numpy(zero_copy_only=False).copy()


def _number(value: Any, booleans: bool) -> float | None:
    if isinstance(value, str):
        numbers, right = _numbers_in_text(np.array([value], object), booleans)
        return float(numbers[0]) if right[0] else None
    if isinstance(value, complex | np.complexfloating | np.datetime64 | np.timedelta64):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _open(path: Path) -> io.TextIOBase:
    # The csv module wants to see line ends as they are.
    return (gzip.open if is_gzip(path) else open)(path, "rt", encoding="utf-8-sig", newline="")  # type: ignore[return-value]


@contextmanager
def _fields_of_any_length() -> Iterator[None]:
    """Prompts may be longer than the csv module's limit, 131,072 characters."""
    before = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; JSON would keep the last of two entries of one name in silence."""
    names = [name for name, _ in pairs]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{repeated} stand there twice; expected every name once")
    return dict(pairs)


def _no_number(text: str) -> Any:
    raise ValueError(f"holds {text}; expected finite numbers")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _no_number(text)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."
