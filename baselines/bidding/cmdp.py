"""The linear programme of a constrained MDP: the best randomised bid for every theta, with the budget in expectation."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...envs.bidding.law import least_prices
from ...envs.bidding.problem import RealTimeBidding
from ...envs.bidding.reading import Reading, read_theta
from ...envs.core import jit, rng
from ...envs.core.checks import natural
from ...envs.core.problem import Problem
from .bidders import Bidder
from .values import even_spend, minimum_pmf, worth_and_price_weight


class CmdpParameters(NamedTuple):
    """Scales of the observation, the programme's solution, and the key of its draws."""

    reading: Reading
    between: NDArray[np.float64]
    """(G - 1,) borders between the values of theta."""
    low: NDArray[np.float64]
    """(G,) a bid,"""
    high: NDArray[np.float64]
    """(G,) and another one,"""
    share: NDArray[np.float64]
    """(G,) with this probability."""
    key: np.uint64


@jit
def act_cmdp(p, observation, memory, action):
    """One of the two bids for the nearest theta. memory: the number of decisions."""
    g = np.searchsorted(p.between, read_theta(p.reading, observation))
    memory[0] += 1.0
    takes_high = rng.unit(rng.mix(p.key + np.uint64(memory[0]))) < p.share[g]
    action[0] = p.high[g] if takes_high else p.low[g]


class Cmdp(Bidder):
    """Bidding as a constrained MDP, solved by a linear programme (after Du et al., Improving Real-Time Bidding Using a
    Constrained Markov Decision Process, ADMA 2017).

    For every value of theta a distribution over the bids 0..300 maximises the expected worth won per auction, where the
    expected cost is at most the budget's even share, by the training statistics. The solution mixes two bids for at most one
    theta. Nothing is paced: what was spent so far does not matter.

    Args:
        problem: the bidding problem.
        seed: of the draws between the two bids.
    """

    name = "cmdp"
    needs_law = True

    @classmethod
    def check_market(cls, problem: RealTimeBidding) -> None:
        """Also: it must be a second-price auction."""
        super().check_market(problem)
        if problem.rule != "second_price":
            raise ValueError("cmdp is for second prices; make the environment without rule='first_price', or see shade")
        least_prices(problem.params.rules)

    def __init__(self, problem: Problem, seed: int = 0) -> None:
        problem = self.served(problem)
        theta = problem.statistics.law().theta[0]
        bids = solve_cmdp(problem)
        low = bids.argmax(axis=1)
        rest = bids.copy()
        rest[np.arange(len(theta)), low] = 0.0
        high = rest.argmax(axis=1)
        share = rest[np.arange(len(theta)), high]
        self._solution = (problem.reading, (theta[1:] + theta[:-1]) / 2, low.astype(float), high.astype(float), share)
        super().__init__(problem, act_cmdp, CmdpParameters(*self._solution, np.uint64(natural("seed", seed))), np.zeros(1))

    def set_random_seed(self, seed: int | None = None) -> None:
        """Choose another stream of draws."""
        self.parameters = CmdpParameters(*self._solution, np.uint64(natural("seed", 0 if seed is None else seed)))


def solve_cmdp(problem: RealTimeBidding) -> NDArray[np.float64]:
    """The best distribution over whole bids for every theta of the training statistics, (G, 301).

    The programme's variables are y[g, d], the probability of bidding at least d for theta g: in a second-price auction a price
    is won, and paid, with just that probability. The budget is the only constraint between them, which makes the programme a
    fractional knapsack: y is 1 by falling gain per money until the budget is spent. So y falls with d anyway. A general
    solver's tolerances would leave the bids of rare thetas to chance.
    """
    unit, price_weight = worth_and_price_weight(problem)
    law = problem.statistics.law()
    price = least_prices(problem.params.rules)
    gain = unit * law.theta[0][:, None] - price_weight * price
    cost = (law.theta_pmf[0][:, None] * minimum_pmf(problem) * price).ravel()
    order = np.argsort(-(gain / np.maximum(price, 1e-9)).ravel(), kind="stable")
    spent = np.cumsum(cost[order])
    even = even_spend(problem)
    at_least = np.zeros(cost.size)
    at_least[order] = spent <= even
    if (last := int(np.searchsorted(spent, even, side="right"))) < len(order):
        at_least[order[last]] = 1.0 - (spent[last] - even) / cost[order[last]]
    at_least = np.where(gain > 0, at_least.reshape(gain.shape), 0.0)
    at_least[:, 0] = 1.0
    return at_least - np.pad(at_least[:, 1:], ((0, 0), (0, 1)))
