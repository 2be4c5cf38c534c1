"""Optimal real-time bidding: the best bid is a concave function of theta where the win curve saturates."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize_scalar

from ...envs.bidding.law import HIGHEST_PRICE
from ...envs.bidding.problem import RealTimeBidding
from ...envs.bidding.reading import Reading, read_theta
from ...envs.core import jit
from ...envs.core.checks import positive
from ...envs.core.problem import Problem
from .bidders import Bidder
from .values import cost_of_bids, even_spend, minimum_pmf


class OrtbParameters(NamedTuple):
    """Scales of the observation, the win curve's constant, and the multiplier of the budget."""

    reading: Reading
    c: float
    lagrange: float
    """Theta per unit of money."""
    squared: bool


@jit
def ortb_bid(theta, c, lagrange, squared):
    """The bid that maximises (theta - lambda b) w(b) in theta and lambda, for w(b) = b / (c + b) or b^2 / (c^2 + b^2)."""
    if not squared:
        return np.sqrt(c * theta / lagrange + c * c) - c
    if theta <= 0.0:
        return 0.0
    # (theta + sqrt(c^2 lambda^2 + theta^2)) / (c lambda)
    q = (theta + np.sqrt((c * lagrange) ** 2 + theta**2)) / (c * lagrange)
    return c * (np.cbrt(q) - 1.0 / np.cbrt(q))


@jit
def act_ortb(p, observation, memory, action):
    """The curve's bid for this theta, in whole units."""
    bid = ortb_bid(read_theta(p.reading, observation), p.c, p.lagrange, p.squared)
    action[0] = min(np.floor(bid + 1e-9), np.float64(HIGHEST_PRICE))


class _Ortb(Bidder):
    squared: ClassVar[bool]

    def __init__(self, problem: Problem, c: float | None = None, lagrange: float | None = None) -> None:
        problem = self.served(problem)
        c = fitted_c(minimum_pmf(problem), self.squared) if c is None else positive("c", c)
        lagrange = spending_lagrange(problem, c, self.squared) if lagrange is None else positive("lagrange", lagrange)
        super().__init__(problem, act_ortb, OrtbParameters(problem.reading, c, lagrange, self.squared))


class Ortb1(_Ortb):
    """ORTB with the win curve w(b) = b / (c + b) (Zhang, Yuan, Wang, KDD 2014): bids sqrt(c theta / lambda + c^2) - c.

    Args:
        problem: the bidding problem.
        c: money; by default the least squares fit of the win curve to the training prices.
        lagrange: lambda, theta per unit of money; by default such that the expected spend by the training statistics is the
            budget. Smaller bids more.
    """

    name = "ortb1"
    squared = False


class Ortb2(_Ortb):
    """ORTB with the win curve w(b) = b^2 / (c^2 + b^2) (Zhang, Yuan, Wang, KDD 2014).

    Bids c (q^(1/3) - q^(-1/3)) with q = (theta + sqrt(c^2 lambda^2 + theta^2)) / (c lambda).

    Args:
        problem: the bidding problem.
        c: money; by default the least squares fit of the win curve to the training prices.
        lagrange: lambda, theta per unit of money; by default such that the expected spend by the training statistics is the
            budget. Smaller bids more.
    """

    name = "ortb2"
    squared = True


def fitted_c(price_pmf: NDArray[np.float64], squared: bool) -> float:
    """The constant of the win curve that comes closest, in squares, to the distribution function of the prices."""
    won = np.cumsum(price_pmf)
    bid = np.arange(len(price_pmf), dtype=float)

    def error(log_c: float) -> float:
        c = np.exp(log_c)
        curve = bid**2 / (c**2 + bid**2) if squared else bid / (c + bid)
        return float(((curve - won) ** 2).sum())

    found: Any = minimize_scalar(error, bounds=(np.log(0.1), np.log(1e4)), method="bounded")
    return float(np.exp(found.x))


def spending_lagrange(problem: RealTimeBidding, c: float, squared: bool) -> float:
    """The multiplier at which the expected spend per auction is the budget's even share; the least one if none spends it."""
    law, even, cost = problem.statistics.law(), even_spend(problem), cost_of_bids(problem)

    def overspend(log_lagrange: float) -> float:
        bids = [ortb_bid.py_func(theta, c, np.exp(log_lagrange), squared) for theta in law.theta[0]]  # type: ignore[attr-defined]
        return float(law.theta_pmf[0] @ cost[np.minimum(bids, HIGHEST_PRICE).astype(int)]) - even

    low, high = np.log(1e-12), np.log(1e3)
    if overspend(low) <= 0.0:
        return float(np.exp(low))
    return float(np.exp(cast(float, brentq(overspend, low, high, xtol=1e-6))))
