"""The law of one auction stream, from which a simulator samples and over which an exact dynamic programme sums."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from .law import PRICE_LEVELS

# A pmf of some 300 terms built in float64 misses 1 by about 1e-14; a wrong one misses by much more than this.
PMF_TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class Market:
    """Joint law of an auction's predicted click-through rate `theta` and its market price, for every regime.

    An auction of regime r draws atom g with probability `theta_pmf[r, g]`, which fixes its theta and its price group
    h = `group[r, g]`, and then its market price from `price_pmf[r, h]`. Auctions are independent of each other. With
    R regimes, G theta atoms and H price groups:

    Args:
        theta: (R, G) float64 in [0, 1], non-decreasing along G: the values theta can take, clicks per impression.
        theta_pmf: (R, G) float64, rows sum to 1: their probabilities.
        group: (R, G) int64 in 0..H-1, non-decreasing along G: the price group of every theta atom.
        price_pmf: (R, H, 301) float64, last axis sums to 1: P(market price = 0..300 | group).
        regime_start: (R,) float64: share of the episode, in [0, 1), at which regime r begins; the first is 0 and
            they ascend strictly. A regime lasts until the next begins, the last one until the end.

    The arrays are copied, converted to these types and made read-only.

    Raises:
        ValueError: an array has the wrong shape or range; the message names the argument, its value and what was
            expected.
    """

    theta: npt.NDArray[np.float64]
    theta_pmf: npt.NDArray[np.float64]
    group: npt.NDArray[np.int64]
    price_pmf: npt.NDArray[np.float64]
    regime_start: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        _require_integers("group", self.group)
        for name in ("theta", "theta_pmf", "price_pmf", "regime_start"):
            object.__setattr__(self, name, _frozen(getattr(self, name), np.float64))
        object.__setattr__(self, "group", _frozen(self.group, np.int64))
        self._check_shapes()
        self._check_values()

    def _check_shapes(self) -> None:
        if self.theta.ndim != 2 or self.theta.size == 0:
            raise ValueError(f"theta has shape {self.theta.shape}; expected (regimes, atoms), neither of them 0")
        regimes = self.theta.shape[0]
        for name in ("theta_pmf", "group"):
            shape = getattr(self, name).shape
            if shape != self.theta.shape:
                raise ValueError(f"{name} has shape {shape}; expected that of theta, {self.theta.shape}")
        shape = self.price_pmf.shape
        if len(shape) != 3 or shape[0] != regimes or shape[1] == 0 or shape[2] != PRICE_LEVELS:
            raise ValueError(f"price_pmf has shape {shape}; expected ({regimes}, groups, {PRICE_LEVELS})")
        if self.regime_start.shape != (regimes,):
            raise ValueError(f"regime_start has shape {self.regime_start.shape}; expected ({regimes},)")

    def _check_values(self) -> None:
        _require_range("theta", self.theta, 0.0, 1.0)
        _require_non_decreasing("theta", self.theta)
        require_pmf("theta_pmf", self.theta_pmf)
        _require_range("group", self.group, 0, self.price_pmf.shape[1] - 1)
        _require_non_decreasing("group", self.group)
        require_pmf("price_pmf", self.price_pmf)
        start = self.regime_start
        ascending = bool(np.all(np.diff(start) > 0))
        # Written so that NaN fails too.
        if not (start[0] == 0 and ascending and start[-1] < 1):
            raise ValueError(f"regime_start is {start.tolist()}; expected 0 first, then strictly ascending shares below 1")

    @cached_property
    def regime_weights(self) -> npt.NDArray[np.float64]:
        """(R,) share of the episode that every regime lasts, sums to 1."""
        return _frozen(np.diff(self.regime_start, append=1.0), np.float64)

    @cached_property
    def mean_theta(self) -> float:
        """Mean theta over the episode, in clicks per impression: what winning every auction earns per auction."""
        return float(self.regime_weights @ (self.theta * self.theta_pmf).sum(axis=1))

    @cached_property
    def mean_price(self) -> float:
        """Mean market price over the episode, in money per auction: what winning every auction costs per auction."""
        return float(self.marginal_price_pmf @ np.arange(PRICE_LEVELS))

    @cached_property
    def marginal_price_pmf(self) -> npt.NDArray[np.float64]:
        """(301,) probability of the market prices 0..300, averaged over theta and over the episode."""
        pmf = np.zeros(PRICE_LEVELS)
        for weight, group_pmf, price_pmf in zip(self.regime_weights, self.group_pmf, self.price_pmf, strict=True):
            pmf += weight * (group_pmf @ price_pmf)
        return _frozen(pmf, np.float64)

    @cached_property
    def group_pmf(self) -> npt.NDArray[np.float64]:
        """(R, H) probability that an auction of a regime belongs to a price group."""
        regimes, groups, _ = self.price_pmf.shape
        pmf = np.zeros((regimes, groups))
        for r in range(regimes):
            pmf[r] = np.bincount(self.group[r], weights=self.theta_pmf[r], minlength=groups)
        return _frozen(pmf, np.float64)


def require_pmf(name: str, pmf: npt.NDArray[np.float64]) -> None:
    """Raise a ValueError that names the argument unless the last axis holds probabilities that sum to 1."""
    _require_range(name, pmf, 0.0, 1.0)
    total = np.atleast_1d(pmf.sum(axis=-1))
    wrong = np.argwhere(np.abs(total - 1.0) > PMF_TOLERANCE)
    if len(wrong):
        where = tuple(int(i) for i in wrong[0])
        raise ValueError(f"{name} sums to {float(total[where])!r} along its last axis at {where}; expected 1")


def _require_range(name: str, values: npt.NDArray, low: float, high: float) -> None:
    # The negation catches NaN, which no comparison does.
    wrong = np.argwhere(~((values >= low) & (values <= high)))
    if len(wrong):
        where = tuple(int(i) for i in wrong[0])
        raise ValueError(f"{name}{list(where)} is {values[where].item()!r}; expected a value in [{low}, {high}]")


def _require_non_decreasing(name: str, values: npt.NDArray) -> None:
    wrong = np.argwhere(np.diff(values, axis=1) < 0)
    if len(wrong):
        r, g = (int(i) for i in wrong[0])
        pair = values[r, g : g + 2].tolist()
        raise ValueError(f"{name}[{r}, {g}:{g + 2}] is {pair}; expected non-decreasing values along the last axis")


def _require_integers(name: str, values: npt.ArrayLike) -> None:
    dtype = np.asarray(values).dtype
    if not np.issubdtype(dtype, np.integer):
        raise ValueError(f"{name} has dtype {dtype}; expected integers")


def _frozen(values: npt.ArrayLike, dtype: npt.DTypeLike) -> npt.NDArray:
    array = np.array(values, dtype=dtype, order="C")
    array.setflags(write=False)
    return array
