"""Value tables of the bidding problem by dynamic programming, and the bid that a table implies.

V[t, b] is the most that can be expected from t more auctions with budget b (integers). Winning at price d is worth
`gain(d) = worth - price_weight * d + V[t-1, b-d] - V[t-1, b]` more than losing, where `worth` is theta (or what its clicks
are worth in money, for profit, with price_weight 1). V is non-decreasing in b, so the gain falls with d, and the best bid
is the largest d with gain >= 0: it wins exactly where winning pays.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...envs.bidding.kernels import HIGHEST_PRICE
from ...envs.bidding.problem import RealTimeBidding
from ...envs.core.jit import fingerprint, jit
from ..cache import cached_array


@jit
def best_bid(value, t, b, worth, price_weight):
    """The largest price d <= min(b, 300) at which winning an impression of this worth pays, or -1 for none.

    `t` auctions are left, this one included.
    """
    later = value[t - 1]
    bid = -1
    for d in range(min(b, HIGHEST_PRICE) + 1):
        if worth - price_weight * d + later[b - d] - later[b] < 0.0:
            break
        bid = d
    return bid


@jit
def fill_rlb(price_pmf, worth, price_weight, value):
    """RLB's recursion (Cai et al. 2017, section 3), every impression being worth the average: V (T+1, B+1), V[0] = 0.

    As published, nothing is won without money, V[t, 0] = 0, although a price can be 0. The sum keeps its order: bids are
    decided by ties in V, and must not depend on the width of a machine's registers.
    """
    for t in range(1, value.shape[0]):
        later = value[t - 1]
        for b in range(1, value.shape[1]):
            expected = 0.0
            # Where winning does not pay the bid is lower: the sum over d up to the best bid is a sum of positive parts.
            for d in range(min(b, HIGHEST_PRICE) + 1):
                expected += price_pmf[d] * max(0.0, worth - price_weight * d + later[b - d] - later[b])
            value[t, b] = later[b] + expected


@jit(reassociate=True)
def fill_optimal(regime_of, worth, theta_pmf, group, price_pmf, price_weight, won, gained, value):
    """Bellman's equation over the joint law of theta and price; `regime_of[t]` is the regime with t auctions left.

    worth, theta_pmf, group: (R, G), worth ascending; price_pmf: (R, 301, H); won, gained: (H,) scratch. The bid rises with
    worth, so one pass over the prices serves all atoms of theta.
    """
    for t in range(1, value.shape[0]):
        r = regime_of[t]
        later = value[t - 1]
        for b in range(value.shape[1]):
            highest = min(b, HIGHEST_PRICE)
            expected = 0.0
            won[:] = 0.0  # per price group: probability of a price below d,
            gained[:] = 0.0  # and the sum of probability * gain over those prices, without theta's worth
            d = 0
            gain = 0.0
            for g in range(worth.shape[1]):
                while d <= highest and worth[r, g] + gain >= 0.0:
                    for h in range(won.shape[0]):
                        won[h] += price_pmf[r, d, h]
                        gained[h] += price_pmf[r, d, h] * gain
                    d += 1
                    if d <= highest:
                        gain = later[b - d] - later[b] - price_weight * d
                h = group[r, g]
                expected += theta_pmf[r, g] * (won[h] * worth[r, g] + gained[h])
            value[t, b] = later[b] + expected


def worth_and_price_weight(problem: RealTimeBidding) -> tuple[float, float]:
    """What a unit of theta is worth, and what a unit of money spent takes from the objective."""
    return (problem.click_value, 1.0) if problem.objective == "profit" else (1.0, 0.0)


def rlb_values(problem: RealTimeBidding, budget: int) -> NDArray[np.float64]:
    """RLB's table for budgets up to `budget`, (T + 1, budget + 1), from the problem's training statistics."""
    statistics = problem.statistics
    unit, price_weight = worth_and_price_weight(problem)
    worth = unit * statistics.theta_avg

    def compute() -> NDArray[np.float64]:
        value = np.zeros((problem.horizon + 1, budget + 1))
        fill_rlb(statistics.price_pmf, worth, price_weight, value)
        return value

    key = (statistics.price_pmf, worth, price_weight, problem.horizon, budget)
    return cached_array(compute, "rlb", fingerprint(fill_rlb.py_func), *key)  # type: ignore[attr-defined]


def optimal_values(problem: RealTimeBidding, budget: int) -> NDArray[np.float64]:
    """The exact table of a synthetic instance for budgets up to `budget`, (T + 1, budget + 1).

    Raises:
        ValueError: the problem replays a log, whose law nobody knows.
    """
    market = problem.market
    if market is None:
        raise ValueError(f"{problem.instance} has no exact optimum: its law is not known; see the hindsight bound")
    unit, price_weight = worth_and_price_weight(problem)
    T = problem.horizon
    first = problem.params.regime_start
    regime_of = np.searchsorted(first, T - np.arange(T + 1), side="right") - 1

    def compute() -> NDArray[np.float64]:
        value = np.zeros((T + 1, budget + 1))
        prices = np.ascontiguousarray(market.price_pmf.transpose(0, 2, 1))
        won, gained = np.zeros((2, prices.shape[2]))
        law = (unit * market.theta, market.theta_pmf, market.group, prices)
        fill_optimal(regime_of, *law, price_weight, won, gained, value)
        return value

    law_key = (market.theta, market.theta_pmf, market.group, market.price_pmf, first)
    return cached_array(compute, "optimal", fingerprint(fill_optimal.py_func), *law_key, unit, price_weight, T, budget)  # type: ignore[attr-defined]


def optimal_value(problem: RealTimeBidding, budget: float) -> float:
    """The expected score of the best non-anticipating bidder in one episode of a synthetic instance.

    Raises:
        ValueError: the problem replays a log.
    """
    return float(optimal_values(problem, int(budget))[problem.horizon, int(budget)])
