"""RLB: bidding by exact dynamic programming (Cai et al., Real-Time Bidding by Reinforcement Learning, WSDM 2017)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...baselines.bidding.bidders import TableBidder, largest_budget
from ...baselines.bidding.values import (
    best_first_price_bid,
    check_charges,
    check_training_law,
    known_market,
    optimal_values,
    pmf_values,
    rlb_values,
    worth_and_price_weight,
)
from ...envs.bidding.law import least_prices, minimum_pmf, regimes_by_time_left
from ...envs.bidding.problem import RealTimeBidding
from ...envs.bidding.reading import Reading, read_auctions_left, read_remaining, read_theta
from ...envs.core import jit
from ...envs.core.problem import Problem


class Rlb(TableBidder):
    """Solves the campaign as if every impression were average, then bids with the actual theta.

    The value function V(t, b) averages theta out (section 3 of the paper); at bid time the largest price d with
    `theta + V(t-1, b-d) - V(t-1, b) >= 0` is bid. The table is exact for budgets up to the problem's own, and kept on disk
    by training statistics, T and budget.

    Args:
        problem: the bidding problem.
    """

    name = "rlb"

    def __init__(self, problem: Problem) -> None:
        problem = self.served(problem)
        super().__init__(problem, rlb_values(problem, largest_budget(problem)))


class RlbPmf(TableBidder):
    """RLB's rule with a value table that sums over the training law of theta instead of taking its average.

    On heavy tails RLB spends too much too early: its table does not know that a few impressions are worth hundreds of others.

    Args:
        problem: a bidding problem whose training statistics give the law of theta: a training log, or a synthetic instance.
    """

    name = "rlb_pmf"

    @classmethod
    def check_market(cls, problem: RealTimeBidding) -> None:
        """Also: the training law must be known, and every win charged."""
        super().check_market(problem)
        check_training_law(problem)
        check_charges(problem)

    def __init__(self, problem: Problem) -> None:
        problem = self.served(problem)
        super().__init__(problem, pmf_values(problem, largest_budget(problem)))


class FirstPriceParameters(NamedTuple):
    """Scales of the observation, the exact table, and the law of the least winning bid."""

    reading: Reading
    paid: NDArray[np.int64]
    """(301,) what every bid pays."""
    value: NDArray[np.float64]
    unit: float
    price_weight: float
    win_cdf: NDArray[np.float64]
    """(R, H, 301) probability that a bid wins, by regime and price group."""
    border: NDArray[np.float64]
    """(R, H) where the thetas of a group end."""
    regime_of: NDArray[np.int64]
    """(T + 1,) the regime with that number of auctions left."""


@jit
def act_first_price(p, observation, memory, action):
    """The bid that earns most, given what it would leave for later."""
    theta = read_theta(p.reading, observation)
    b = min(read_remaining(p.reading, observation), p.value.shape[1] - 1)
    t = read_auctions_left(p.reading, observation)
    r, h = p.regime_of[t], 0
    while h < p.border.shape[1] - 1 and theta > p.border[r, h]:
        h += 1
    action[0] = max(best_first_price_bid(p.paid, p.value, p.win_cdf[r, h], t, b, p.unit * theta, p.price_weight), 0)


class Optimal(TableBidder):
    """The best non-anticipating bidder of a synthetic instance: it looks ahead with the exact value table.

    The table sums over the joint law of theta and price, where RLB takes the average theta. In second-price auctions the bid
    is RLB's; in first-price auctions the one that earns most by the odds of winning with it.

    Args:
        problem: a bidding problem that does not replay a log.
    """

    name = "optimal"

    @classmethod
    def check_market(cls, problem: RealTimeBidding) -> None:
        """Also: the optimum must be known, not only a bound on it."""
        super().check_market(problem)
        known_market(problem)
        check_charges(problem)
        p = problem.params
        unknown = p.noise > 0.0 or p.calibration != 1.0 or p.limit < np.inf
        if unknown or (problem.rule == "second_price" and p.rules.soft_reserve > 0.0):
            what = "no soft reserve, true predictions and no limits"
            raise ValueError(f"optimal is for {what}; make the environment with these")

    def __init__(self, problem: Problem) -> None:
        problem = self.served(problem)
        value = optimal_values(problem, largest_budget(problem))
        super().__init__(problem, value)
        if problem.rule == "first_price":
            worth = worth_and_price_weight(problem)
            self.act = act_first_price
            paid = least_prices(problem.params.rules)
            self.parameters = FirstPriceParameters(problem.reading, paid, value, *worth, *_winning(problem))


def _winning(problem: RealTimeBidding) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """By price group: the probability that a bid wins, and the theta that divides it from the next; and the regimes."""
    market, T = problem.market, problem.params.auctions
    assert market is not None
    win_cdf = minimum_pmf(problem.params.rules, market.price_pmf).cumsum(axis=2)
    border = np.ones(win_cdf.shape[:2])
    for r, h in np.ndindex(*border.shape):
        last = np.searchsorted(market.group[r], h, side="right") - 1
        if 0 <= last < market.theta.shape[1] - 1:
            border[r, h] = market.theta[r, last : last + 2].mean()
    return win_cdf, border, regimes_by_time_left(market.regime_start, T)
