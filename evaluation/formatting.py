"""How numbers read in tables and reports."""

from __future__ import annotations

import math

UNKNOWN = "–"


def number(value: float) -> str:
    """Four significant digits, thousands grouped; a dash for NaN."""
    if not math.isfinite(value):
        return UNKNOWN if math.isnan(value) else f"{value}"
    if value == 0 or abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) < 1e-3:
        return f"{value:.2e}"
    return f"{value:#.4g}".rstrip(".")


def count(value: float) -> str:
    """Whole numbers without decimals, others as `number`."""
    return f"{value:,.0f}" if math.isfinite(value) and value == round(value) else number(value)


def estimate(value: float, low: float, high: float, *, signed: bool = False) -> str:
    """`3.41 [3.37, 3.46]`: as many decimals as the width of the interval supports."""
    if math.isnan(low) or math.isnan(high):
        return ("+" if signed and value > 0 else "") + number(value)
    decimals = _decimals(value, low, high)

    def text(x: float) -> str:
        return f"{x:{'+' if signed and x else ''}z,.{decimals}f}"

    return f"{text(value)} [{text(low)}, {text(high)}]"


def percent(value: float) -> str:
    """A fraction as `96.1 %`."""
    return UNKNOWN if math.isnan(value) else f"{100 * value:z.1f} %"


def percent_estimate(value: float, low: float, high: float) -> str:
    """Fractions as `96.1 % [95.2, 97.0]`."""
    if math.isnan(low) or math.isnan(high):
        return percent(value)
    return f"{percent(value)} [{100 * low:z.1f}, {100 * high:z.1f}]"


def duration(microseconds: float) -> str:
    """A duration in the unit that suits it: `0.42 µs`, `3.1 ms`, `1.2 s`, `12 min`, `3.4 h`."""
    if math.isnan(microseconds):
        return UNKNOWN
    for unit, size in (("µs", 1.0), ("ms", 1e3)):
        if microseconds < 999.5 * size:
            return f"{microseconds / size:.3g} {unit}"
    seconds = microseconds / 1e6
    if seconds < 99.5:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 99.5 * 60 else f"{seconds / 3600:.3g} h"


def _decimals(value: float, low: float, high: float) -> int:
    """Two digits of the width, at most six of the number: beyond, and where all is alike, it is noise of rounding."""
    size = max(map(abs, (value, low, high)))
    if size == 0:
        return 0
    scale = high - low if high - low > 1e-6 * size else size / 100
    return min(8, max(0, min(1 - math.floor(math.log10(scale)), 5 - math.floor(math.log10(size)))))
