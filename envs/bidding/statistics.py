"""What a bidder knows about the market before the first auction."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..core.tables import read_json
from .law import PRICE_LEVELS
from .logs import BidLog, load_log
from .market import Market, require_pmf

COUNT_KEYS = ("clk_train", "imp_train", "cost_train")
HISTOGRAM_KEY = "price_counter_train"

THETA_ATOMS = 256
"""A log's law of theta is kept at this many values at most: theta spans four decades, so that neighbours differ by 4 %."""


@dataclass(frozen=True, eq=False)
class TrainingStatistics:
    """What a bidder knows of the market before the first auction.

    Args:
        price_pmf: (301,) float64, sums to 1: the probability of the market prices 0..300 (copied, made read-only).
        theta_avg: clicks per impression, in [0, 1].
        mean_price: money per auction if every auction is won, in [0, 300].
        source: where the figures come from: the path of a file, "the log itself, in hindsight", "instance 2997".
        theta: (G,) ascending, in [0, 1]: the values that theta takes; None if only its average is known.
        theta_pmf: (G,) their probabilities.

    Raises:
        ValueError: a figure is out of range or the pmf is none; the message names argument, value and expectation.
    """

    price_pmf: npt.NDArray[np.float64]
    theta_avg: float
    mean_price: float
    source: str
    theta: npt.NDArray[np.float64] | None = None
    theta_pmf: npt.NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        pmf = np.array(self.price_pmf, dtype=np.float64)
        if pmf.shape != (PRICE_LEVELS,):
            raise ValueError(f"price_pmf has shape {pmf.shape}; expected ({PRICE_LEVELS},)")
        require_pmf("price_pmf", pmf)
        pmf.setflags(write=False)
        object.__setattr__(self, "price_pmf", pmf)
        for name, highest in (("theta_avg", 1), ("mean_price", PRICE_LEVELS - 1)):
            value = float(getattr(self, name))
            if not 0 <= value <= highest:
                raise ValueError(f"{name} is {value!r}; expected a number in [0, {highest}]")
            object.__setattr__(self, name, value)
        self.law()

    def law(self) -> Market:
        """All that is known, as a market: prices do not depend on theta; where its law is unknown theta is the average.

        Raises:
            ValueError: theta and theta_pmf are no law.
        """
        theta = np.array([self.theta_avg]) if self.theta is None else np.asarray(self.theta, float)
        pmf = np.ones(1) if self.theta_pmf is None else np.asarray(self.theta_pmf, float)
        return Market(
            theta=theta[None],
            theta_pmf=pmf[None],
            group=np.zeros((1, theta.size), np.int64),
            price_pmf=self.price_pmf[None, None],
            regime_start=np.zeros(1),
        )

    @property
    def cost_per_click(self) -> float:
        """Money per click if every auction is won: `mean_price / theta_avg`; infinite when nothing is ever clicked."""
        return self.mean_price / self.theta_avg if self.theta_avg > 0 else math.inf

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TrainingStatistics:
        """Read a campaign's `info.json` as rlb-dp ships it, or measure a training log.

        A file that does not begin with a brace is a log, `click price theta` (see `load_log` and `from_log`); only a log
        gives the law of theta. Otherwise it is a JSON object with the integers `clk_train`, `imp_train` and `cost_train`
        (clicks, impressions and money spent in the training log) and the list `price_counter_train` of 301 counts of the
        market prices 0..300; other keys are ignored. The price pmf is smoothed by Laplace's rule,
        (count + 1) / (imp_train + 301), as in the code of Cai et al. (2017), so that no price is impossible.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is neither; the message names the key or the line, its value and what was expected.
        """
        path = Path(path)
        if not path.is_file():
            what = "is not a file" if path.exists() else "does not exist"
            raise FileNotFoundError(f"the statistics file {path} {what}; expected JSON with {HISTOGRAM_KEY} ..., or a log")
        if not _is_json(path):
            return cls.from_log(load_log(path), source=str(path))
        info = _read_object(path)
        clicks, impressions, cost = (_count(info, key, path) for key in COUNT_KEYS)
        counts = _histogram(info, impressions, path)
        if impressions == 0:
            raise ValueError(f"{path}: imp_train is 0; expected at least one impression")
        if clicks > impressions:
            raise ValueError(f"{path}: clk_train is {clicks}; expected at most imp_train, {impressions}")
        return cls(_laplace(counts), clicks / impressions, cost / impressions, source=str(path))

    @classmethod
    def from_log(cls, log: BidLog, source: str = "the log itself, in hindsight") -> TrainingStatistics:
        """Measure the figures on a log: a training log, or the very stream that a bidder plays.

        `theta_avg` is the mean of theta and not the share of clicks. Clicks are too rare to measure by (530 in the test
        stream of 2997), and a bidder compares `theta_avg` with the thetas it will see: if theta is miscalibrated, the
        mean theta is the figure on the same scale. The price pmf is smoothed as in `load`; `mean_price` is the log's.
        """
        counts = np.bincount(log.price, minlength=PRICE_LEVELS)
        theta, pmf = condensed(log.theta)
        return cls(_laplace(counts), float(log.theta.mean()), float(log.price.mean()), source, theta, pmf)

    @classmethod
    def from_market(cls, market: Market, source: str = "the market itself") -> TrainingStatistics:
        """The exact figures of a market, averaged over the episode; nothing is smoothed."""
        theta, where = np.unique(market.theta, return_inverse=True)
        weights = market.regime_weights[:, None] * market.theta_pmf
        pmf = np.bincount(where.ravel(), weights=weights.ravel()).astype(float)
        return cls(market.marginal_price_pmf, market.mean_theta, market.mean_price, source, theta, pmf)


def condensed(theta: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The law of a sample of thetas at `THETA_ATOMS` values or fewer, (G,) and (G,): the means of cells of a log scale.

    The mean of theta stays what it was. theta = 0 keeps a value of its own.
    """
    positive = theta[theta > 0]
    ends = np.geomspace(positive.min(), positive.max(), THETA_ATOMS) if positive.size else np.ones(1)
    cell = np.where(theta > 0, 1 + np.searchsorted(ends[1:-1], theta, side="right"), 0)
    count = np.bincount(cell)
    total = np.bincount(cell, weights=theta)
    held = count > 0
    return total[held] / count[held], np.asarray(count[held] / count.sum())


def _laplace(counts: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
    return (counts + 1.0) / (counts.sum() + PRICE_LEVELS)


def _is_json(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")


def _read_object(path: Path) -> dict[str, Any]:
    info = read_json(path, str(path))
    if not isinstance(info, dict):
        raise ValueError(f"{path}: holds a JSON {type(info).__name__}; expected an object")
    missing = [key for key in (*COUNT_KEYS, HISTOGRAM_KEY) if key not in info]
    if missing:
        raise ValueError(f"{path}: lacks the keys {missing}; it has {sorted(info)}")
    return info


def _count(info: dict[str, Any], key: str, path: Path) -> int:
    value = info[key]
    if not _is_count(value):
        raise ValueError(f"{path}: {key} is {value!r}; expected an integer of at least 0")
    return value


def _histogram(info: dict[str, Any], impressions: int, path: Path) -> npt.NDArray[np.int64]:
    counts = info[HISTOGRAM_KEY]
    if not isinstance(counts, list) or len(counts) != PRICE_LEVELS:
        what = f"a list of {len(counts)}" if isinstance(counts, list) else repr(counts)
        raise ValueError(f"{path}: {HISTOGRAM_KEY} is {what}; expected a list of {PRICE_LEVELS} counts")
    for price, count in enumerate(counts):
        if not _is_count(count):
            raise ValueError(f"{path}: {HISTOGRAM_KEY}[{price}] is {count!r}; expected an integer of at least 0")
    if sum(counts) != impressions:
        raise ValueError(f"{path}: {HISTOGRAM_KEY} sums to {sum(counts)}; expected imp_train, {impressions}")
    return np.array(counts, dtype=np.int64)


def _is_count(value: object) -> bool:
    # JSON's true is an int to Python.
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
