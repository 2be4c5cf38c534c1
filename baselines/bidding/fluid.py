"""Lookahead in the fluid value of money, with a law of theta that is learnt as it comes.

Where T is large, t more auctions with b money are worth V(t, b) = t v(b / t), where v(rho) is the most that can be expected
from an auction if rho may be spent on it in expectation. v is the upper envelope of what prices of money mu spend and earn:
at price mu an impression is won wherever worth >= (mu + price_weight) * price. That makes V cheap: a curve instead of a table
of T rows, the same for every T, so that it can be drawn anew whenever the law of theta has moved.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...envs.bidding.law import HIGHEST_PRICE, Rules, highest_bid, least_prices
from ...envs.bidding.problem import RealTimeBidding
from ...envs.bidding.reading import Reading, read_auctions_left, read_remaining, read_theta
from ...envs.core import jit
from ...envs.core.checks import positive_integer
from ...envs.core.problem import Problem
from .bidders import Bidder
from .values import minimum_pmf, worth_and_price_weight

CELLS = 256
"""Cells of theta on a log scale, from `LEAST` to 1; their relative width is 5.5 %."""

LEAST = 1e-6
POINTS = 400
"""Prices of money that the curve is drawn by, 3.5 % apart, from a thousandth to a thousand times the market's average one."""

FEW = 100
"""Auctions that the average theta counts for, where no more is known at first."""

AGE = 0
"""The memory: auctions seen,"""
LAW = 1
"""(CELLS,) how often every cell of theta was seen, lately,"""
SPEND = LAW + CELLS
"""(POINTS,) spend per auction at every price of money, ascending,"""
EARN = SPEND + POINTS
"""(POINTS,) what it earns."""
SIZE = EARN + POINTS


class FluidParameters(NamedTuple):
    """Scales of the observation, the law of prices, and how the law of theta is learnt."""

    reading: Reading
    unit: float
    price_weight: float
    theta: NDArray[np.float64]
    """(CELLS,) the middle of every cell."""
    money: NDArray[np.float64]
    """(POINTS,) prices of money, descending, in worth per unit of money."""
    won: NDArray[np.float64]
    """(301,) probability that a whole bid wins."""
    spent: NDArray[np.float64]
    """(301,) what winning costs at least where it wins, in expectation. Where bids pay themselves, their own prices would bend
    the curve elsewhere than where money is worth its price."""
    paid: NDArray[np.int64]
    """(301,) what winning costs at least, by the least winning bid."""
    rules: Rules
    kept: float
    """What an auction's weight in the law of theta falls to with every further one."""
    refresh: int
    """Auctions between two drawings of the curve."""


@jit
def cell_of(theta):
    """The cell of theta."""
    return np.int64(min(max(np.log(max(theta, LEAST) / LEAST) / np.log(1.0 / LEAST) * CELLS, 0.0), CELLS - 1.0))


@jit
def draw_curve(p, memory):
    """Spend and earnings per auction at every price of money, under the present law of theta."""
    seen = 0.0
    for k in range(CELLS):
        seen += memory[LAW + k]
    for j in range(POINTS):
        spend, earn = 0.0, 0.0
        money = p.money[j] + p.price_weight
        for k in range(CELLS):
            if memory[LAW + k] > 0.0:
                worth = p.unit * p.theta[k]
                most = worth / money if worth < money * HIGHEST_PRICE else np.float64(HIGHEST_PRICE)
                bid = np.int64(max(highest_bid(p.rules, most), 0.0))
                spend += memory[LAW + k] * p.spent[bid]
                earn += memory[LAW + k] * (worth * p.won[bid] - p.price_weight * p.spent[bid])
        memory[SPEND + j] = spend / seen
        memory[EARN + j] = earn / seen


@jit
def fluid_value(memory, rho):
    """v(rho): what an auction earns if rho may be spent on it; linear between the points of the curve."""
    if rho <= memory[SPEND]:
        return memory[EARN] * rho / memory[SPEND] if memory[SPEND] > 0.0 else memory[EARN]  # what is free
    if rho >= memory[SPEND + POINTS - 1]:
        return memory[EARN + POINTS - 1]
    low, high = 0, POINTS - 1
    while high - low > 1:
        middle = (low + high) // 2
        if memory[SPEND + middle] <= rho:
            low = middle
        else:
            high = middle
    width = memory[SPEND + high] - memory[SPEND + low]
    share = (rho - memory[SPEND + low]) / width if width > 0.0 else 1.0
    return memory[EARN + low] + share * (memory[EARN + high] - memory[EARN + low])


@jit
def act_fluid(p, observation, memory, action):
    """The largest bid that wins only where that pays in the fluid value, after the law has taken in the present theta."""
    theta = read_theta(p.reading, observation)
    if np.int64(memory[AGE]) % p.refresh == 0:
        draw_curve(p, memory)
    memory[AGE] += 1.0
    for k in range(CELLS):
        memory[LAW + k] *= p.kept
    memory[LAW + cell_of(theta)] += 1.0
    later = read_auctions_left(p.reading, observation) - 1
    b = read_remaining(p.reading, observation)
    kept = later * fluid_value(memory, b / later) if later > 0 else 0.0
    low, high = -1, HIGHEST_PRICE
    while low < high:  # winning pays less and less, the more expensive it is
        d = (low + high + 1) // 2
        ahead = later * fluid_value(memory, (b - p.paid[d]) / later) if later > 0 and p.paid[d] <= b else 0.0
        if p.paid[d] <= b and p.unit * theta - p.price_weight * p.paid[d] + ahead >= kept:
            low = d
        else:
            high = d - 1
    action[0] = max(high, 0)


class Fluid(Bidder):
    """Bids like a dynamic programme whose value is the fluid one, t v(b / t), under the law of theta that it has seen.

    RLB's table takes every impression for an average one; the fluid value costs so little that it takes the whole law of
    theta, and follows it: the law forgets with a window of `window` auctions, and runs on from episode to episode. It starts
    as the training statistics'; where these know only the average of theta, that counts as 100 auctions. The law of prices
    is the training statistics'. A bid has the form of RLB's: the largest price d <= b with
    worth + t v((b - d) / t) >= t v(b / t), for the t auctions after this one.

    Not from a paper: certainty equivalence with re-solving (as in Jasin, Kumar, Operations Research 2013), where the lookahead
    over d keeps what is expensive from eating up a small budget.

    Args:
        problem: the bidding problem.
        window: auctions that the law of theta remembers.
        refresh: auctions after which v is drawn anew.
    """

    name = "fluid"
    needs_budget = True
    needs_law = True

    @classmethod
    def check_market(cls, problem: RealTimeBidding) -> None:
        """Also: money must be whole."""
        super().check_market(problem)
        least_prices(problem.params.rules)

    carries_over: ClassVar[bool] = True

    def __init__(self, problem: Problem, window: int = 10_000, refresh: int = 100) -> None:
        problem = self.served(problem)
        unit, price_weight = worth_and_price_weight(problem)
        statistics = problem.statistics
        parameters = FluidParameters(
            reading=problem.reading,
            unit=unit,
            price_weight=price_weight,
            theta=LEAST ** (1.0 - (np.arange(CELLS) + 0.5) / CELLS),
            money=unit * statistics.theta_avg / statistics.mean_price * np.geomspace(1e3, 1e-3, POINTS),
            won=np.cumsum(minimum_pmf(problem)),
            spent=np.cumsum(minimum_pmf(problem) * least_prices(problem.params.rules)),
            paid=least_prices(problem.params.rules),
            rules=problem.params.rules,
            kept=1.0 - 1.0 / positive_integer("window", window),
            refresh=positive_integer("refresh", refresh),
        )
        memory = np.zeros(SIZE)
        law = statistics.law()
        cells = [cell_of.py_func(theta) for theta in law.theta[0]]  # type: ignore[attr-defined]
        known = window if statistics.theta is not None else min(FEW, window)
        memory[LAW:SPEND] = known * np.bincount(cells, weights=law.theta_pmf[0], minlength=CELLS)
        super().__init__(problem, act_fluid, parameters, memory)
