"""When auctions come up: the hours of a week, and the ticks that an episode is divided into."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.checks import as_array
from ..core.tables import numbers_of, place, read_csv, require_columns

HOURS = 168

# A day's shape and the days' weights, smooth and round: quiet at four in the morning, busy from eleven to twenty-two, weekends
# a little below weekdays. Made up; Avito's mean week correlates with it at 0.84, and peaks before noon.
_DAY = (30, 18, 11, 8, 8, 12, 24, 40, 56, 68, 76, 80, 82, 82, 81, 81, 82, 84, 86, 90, 94, 90, 74, 50)
_WEEK = (1.04, 1.04, 1.03, 1.02, 0.99, 0.92, 0.96)


def weekly_profile() -> NDArray[np.float64]:
    """(168,) share of a week's traffic in every hour, Monday 0:00 first; sums to 1."""
    shares = np.outer(_WEEK, _DAY).ravel()
    return shares / shares.sum()


def load_traffic(path: str | os.PathLike[str], region: int | str | None = None) -> NDArray[np.float64]:
    """Hour-of-week shares (168,) from a table with the columns region_id, dow (1..7), hour (0..23), traffic_share.

    Such is the `traffic_share.csv` of Avito's bat-autobidding-benchmark.

    Args:
        path: the file.
        region: one region; by default the mean over all.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: columns are missing, a value can't be meant, the region is unknown, or an hour is missing or there twice;
            the message names the file and the line.
    """
    import pandas as pd

    what = f"the traffic table {path}"
    if not Path(path).is_file():
        raise FileNotFoundError(f"{what} does not exist; expected a CSV file")
    table: Any = read_csv(Path(path), what)
    require_columns(table, ["dow", "hour", "traffic_share", *([] if region is None else ["region_id"])], what)
    if region is not None:
        table = table[table["region_id"] == str(region)]
        if table.empty:
            raise ValueError(f"region is {region!r}, which {path} does not have")
    hour = {
        "dow": numbers_of(table, "dow", what, "a day of the week, 1..7", low=1, high=7, whole=True),
        "hour": numbers_of(table, "hour", what, "an hour, 0..23", low=0, high=23, whole=True),
    }
    shares = numbers_of(table, "traffic_share", what, "a share >= 0", low=0.0)
    numbered = table.assign(**hour, traffic_share=shares)
    if "region_id" in table and (again := numbered.duplicated(["region_id", *hour]).to_numpy()).any():
        row = int(again.argmax())
        raise ValueError(f"{what}, {place(table, row)}: the region has this hour before; expected every hour once")
    by_hour = pd.Series(numbered.groupby(list(hour))["traffic_share"].mean())
    expected = pd.MultiIndex.from_product([range(1, 8), range(24)])
    if not by_hour.index.equals(expected):
        raise ValueError(f"{path} holds {len(by_hour)} hours of a week; expected dow 1..7 and hour 0..23, {HOURS} in all")
    return read_profile(np.asarray(by_hour, float))


def read_profile(traffic: Any) -> NDArray[np.float64]:
    """Shares of traffic over an episode, (m,), summing to 1: "even", "weekly", the path of a table, or shares.

    Raises:
        ValueError: it is none of these.
    """
    if isinstance(traffic, str | os.PathLike):
        if traffic == "even":
            return np.ones(1)
        return weekly_profile() if traffic == "weekly" else load_traffic(traffic)
    shares = as_array("traffic", traffic)
    if shares.dtype.kind not in "fiu" or shares.ndim != 1 or not (shares >= 0).all() or not 0 < shares.sum() < np.inf:
        raise ValueError(f"traffic is {traffic!r}; expected 'even', 'weekly', a table's path, or shares >= 0, not all 0")
    return shares / shares.sum()


def tick_starts(shares: NDArray[np.float64], ticks: int, auctions: int) -> NDArray[np.int64]:
    """(ticks + 1,) the auctions that the ticks of an episode begin with, and their number; traffic flows evenly in a share."""
    passed = np.concatenate([[0.0], np.cumsum(shares)])
    at = np.interp(np.linspace(0.0, len(shares), ticks + 1), np.arange(len(shares) + 1), passed)
    return np.round(at / at[-1] * auctions).astype(np.int64)
