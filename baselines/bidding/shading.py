"""First-price bidders: how far to shade a bid by the odds of winning with less."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...envs.bidding.law import Rules, minimum_bid
from ...envs.bidding.problem import RealTimeBidding
from ...envs.bidding.reading import Reading, read_initial, read_last, read_theta
from ...envs.core import jit
from ...envs.core.checks import non_negative
from ...envs.core.problem import Problem
from .bidders import Bidder
from .descent import is_lowered, paid_before, step_size
from .values import minimum_pmf, worth_and_price_weight

CURVE = 4
"""Where the win curve begins in the memory."""


class ShadingParameters(NamedTuple):
    """Scales of the observation, how the price of money moves, and what is learnt of the others' bids."""

    reading: Reading
    unit: float
    price_weight: float
    step: float
    rules: Rules
    sees_minimum: bool
    """Whether the feedback shows the least winning bid, or the highest bid of the others."""


@jit
def best_shaded_bid(weights, worth, money):
    """The whole bid that maximises (worth - money * bid) * P(win); 0 if none gains anything.

    weights: (301,) how often each least winning bid was seen.
    """
    won, best, bid = weights[0], weights[0] * worth, 0
    for b in range(1, weights.shape[0]):
        margin = worth - money * b
        if margin <= 0.0:
            break
        won += weights[b]
        if margin * won > best:
            best, bid = margin * won, b
    return bid


@jit
def act_shading(p, observation, memory, action):
    """Shade by the win curve at the present price of money.

    memory: that price, whether the bid before was lowered, the money and the auctions left before, and from `CURVE` on the win
    curve (301,).
    """
    rho = read_initial(p.reading, observation) / p.reading.auctions
    paid, before = paid_before(p.reading, observation, memory, 2)
    if before:
        if rho > 0.0 and memory[1] == 0.0:
            memory[0] *= np.exp(p.step * (paid / rho - 1.0))
        if p.sees_minimum:
            memory[CURVE + np.int64(minimum_bid(p.rules, read_last(observation)) + 0.5)] += 1.0
    worth = p.unit * read_theta(p.reading, observation)
    action[0] = best_shaded_bid(memory[CURVE:], worth, p.price_weight + memory[0])
    memory[1] = is_lowered(p.reading, observation, action[0])


class Shading(Bidder):
    """First-price shading by the empirical win curve, with a price of money by dual mirror descent.

    Bids the b that maximises (worth - mu b) F(b), where F is the share of least winning bids up to b: at first the training
    statistics', counted as `prior` auctions; where the feedback shows the minimum bid or all bids, every auction adds to it
    (Balseiro, Lu, Mirrokni, arXiv:2011.10124, with the win curve of Wang et al., arXiv:2304.13477). mu moves as in `dmd`. Both
    run on from episode to episode.

    Args:
        problem: a bidding problem with rule="first_price".
        step: by default 1 / sqrt(T).
        prior: auctions that the training statistics count for.
    """

    name = "shade"
    needs_budget = True
    needs_charges = True

    @classmethod
    def check_market(cls, problem: RealTimeBidding) -> None:
        """Also: it must be a first-price auction."""
        super().check_market(problem)
        if problem.rule != "first_price":
            raise ValueError("shade is for first prices; make the environment with rule='first_price'")

    carries_over: ClassVar[bool] = True

    def __init__(self, problem: Problem, step: float | None = None, prior: float = 1000.0) -> None:
        problem = self.served(problem)
        unit, price_weight = worth_and_price_weight(problem)
        size = step_size(problem, step)
        sees = problem.feedback in ("minimum", "full")
        parameters = ShadingParameters(problem.reading, unit, price_weight, size, problem.params.rules, sees)
        curve: NDArray[np.float64] = non_negative("prior", prior) * minimum_pmf(problem)
        start = unit * problem.statistics.theta_avg / problem.statistics.mean_price
        super().__init__(problem, act_shading, parameters, np.concatenate([[start, 0.0, 0.0, 0.0], curve]))
