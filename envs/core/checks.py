"""Checks of arguments: each returns the value, or raises a ValueError with the argument, the value and what was expected."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

DECIMAL = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
"""A number in text, as a pattern: a plain decimal. Python would also take 1_000, nan and blanks, Arrow 0xFF."""

_DECIMAL = re.compile(DECIMAL)
_FRACTION = re.compile(r"([0-9]+(?:\.[0-9]+)?)/([0-9]+(?:\.[0-9]+)?)")


def one_of(name: str, value: Any, known: tuple[str, ...]) -> str:
    """`value` if it is known; otherwise a ValueError that names it."""
    if value not in known:
        raise ValueError(f"{name} is {value!r}; expected one of {known}")
    return value


def boolean(name: str, value: Any) -> bool:
    """`value` if it is true or false; otherwise an error that names the argument. "no" would count as true."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} is {value!r}; expected True or False")
    return bool(value)


MOST = 10**9
"""Larger whole numbers are mistakes: no table, batch or loop of that size ends, and an error is better than to hang."""

MOST_LANES = MOST_EPISODES = 10**7
"""Side by side, and in an evaluation: gigabytes."""

MOST_TIMESTEPS = 10**12
"""Decisions that anyone can wait for."""

LARGEST = 2**63 - 1
"""The largest integer that compiled code knows."""


def positive_integer(name: str, value: Any, most: int = MOST) -> int:
    """`value` as an int from 1 to `most`; otherwise an error that names the argument."""
    return _integer(name, value, 1, most)


def natural(name: str, value: Any, most: int = LARGEST) -> int:
    """`value` as an int from 0 to `most`; otherwise an error that names the argument."""
    return _integer(name, value, 0, most)


def _integer(name: str, value: Any, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} is {_shown(value)}; expected an integer >= {least}")
    return at_most(name, value, most)


def at_most(name: str, value: int | np.integer[Any], most: int) -> int:
    """`value` as an int, if it is not above a limit that only mistakes exceed; otherwise an error that names both."""
    if value > most:
        raise ValueError(f"{name} is {_shown(value)}; expected at most {most:,}")
    return int(value)


def _shown(value: Any) -> str:
    """As it was given; of an integer with hundreds of digits, how many there are."""
    huge = isinstance(value, int) and abs(value) >= 10**40
    return f"an integer of about {value.bit_length() * 0.30103:.0f} digits" if huge else repr(value)


def number_of(name: str, value: Any, known: Sequence[str], also: Mapping[str, int] | None = None) -> int:
    """Which of the known names is meant: by itself, which counts first (a model may be called 405); by another name for it;
    or by its number, which may be written as text."""
    text = str(value)
    if isinstance(value, str | int | np.integer) and not isinstance(value, bool):
        if text in known:
            return list(known).index(text)
        if also and text in also:
            return also[text]
        if re.fullmatch("[0-9]{1,9}", text) and int(text) < len(known):
            return int(text)
    names = ", ".join(map(repr, [*known, *(also or ())]))
    raise ValueError(f"{name} is {value!r}; expected one of {names}, or a number in 0..{len(known) - 1}")


def as_array(name: str, values: Any) -> NDArray[Any]:
    """`values` as an array; otherwise (rows of different lengths) a ValueError that names the argument."""
    try:
        return np.asarray(values)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {values!r}; expected an array, all rows of one length") from None


def same(value: Any, other: Any) -> bool:
    """Whether two settings are equal, whatever their types."""
    if value is other:
        return True
    try:
        return bool(np.all(value == other))
    except (TypeError, ValueError):
        return False


def plain(value: Any) -> Any:
    """A NumPy scalar as Python's own; anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def is_number(value: Any) -> bool:
    """Whether it is a real number, and no bool."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def number(name: str, value: Any, expected: str) -> float:
    """`value` as a float; otherwise a ValueError that names it."""
    if is_number(value):
        try:
            return float(value)
        except OverflowError:
            raise ValueError(f"{name} is {_shown(value)}; expected {expected}") from None
    raise ValueError(f"{name} is {value!r}; expected {expected}")


def amount(text: str) -> float:
    """The number that a text stands for: a plain decimal, a fraction such as "1/32", or "inf".

    Raises:
        ValueError: it is none of these.
    """
    if _DECIMAL.fullmatch(text) and math.isfinite(value := float(text)):
        return value
    if (found := _FRACTION.fullmatch(text)) and Fraction(found[2]) != 0:
        return float(Fraction(found[1]) / Fraction(found[2]))
    if text == "inf":
        return math.inf
    raise ValueError(f"{text!r} is not a number; expected a decimal, a fraction such as 1/32, or inf")


def probability(name: str, value: Any) -> float:
    """`value` if it lies in [0, 1]; otherwise a ValueError that names it."""
    if not 0.0 <= number(name, value, "a probability in [0, 1]") <= 1.0:
        raise ValueError(f"{name} is {value!r}; expected a probability in [0, 1]")
    return float(value)


def positive(name: str, value: Any) -> float:
    """`value` if it is finite and above 0; otherwise a ValueError that names it."""
    if not 0 < number(name, value, "a finite number > 0") < math.inf:
        raise ValueError(f"{name} is {value!r}; expected a finite number > 0")
    return float(value)


def non_negative(name: str, value: Any) -> float:
    """`value` if it is finite and at least 0; otherwise a ValueError that names it."""
    if not 0 <= number(name, value, "a finite number >= 0") < math.inf:
        raise ValueError(f"{name} is {value!r}; expected a finite number >= 0")
    return float(value)
