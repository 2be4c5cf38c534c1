"""Bidders that keep prices of money, and of a limit, and move them against the gradient of the dual problem."""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple

import numpy as np

from ...envs.bidding.law import HIGHEST_PRICE
from ...envs.bidding.problem import RealTimeBidding
from ...envs.bidding.reading import Reading, read_auctions_left, read_initial, read_money, read_theta
from ...envs.core import jit
from ...envs.core.checks import one_of, positive
from ...envs.core.problem import Problem
from .bidders import Bidder
from .values import worth_and_price_weight


@jit
def bid_at(worth, money):
    """worth / money, in whole units, at most 300."""
    return np.floor(worth / money) if worth < money * HIGHEST_PRICE else np.float64(HIGHEST_PRICE)


@jit
def paid_since(before, money):
    """What was paid since there was `before` money; 0 of unlimited money, where it can't be seen and makes no difference."""
    return before - money if money < np.inf else 0.0


@jit
def begins(reading, observation, memory, at):
    """Whether an episode begins; memory[at] is the auctions that were left before."""
    left = read_auctions_left(reading, observation)
    first, memory[at] = left >= memory[at], left
    return first


@jit
def paid_before(reading, observation, memory, at):
    """What the auction before cost, by the account; memory[at] is the money left before it, and the next the auctions.

    Returns:
        What was paid, and whether there was an auction before it in this episode.
    """
    money = read_money(reading, observation)
    paid, memory[at] = paid_since(memory[at], money), money
    return paid, not begins(reading, observation, memory, at + 1)


@jit
def is_lowered(reading, observation, bid):
    """Whether a bid exceeds the money left, and so will be lowered: what it would have paid is not to be seen then.

    The money is read off by rounding. A bid of exactly that much may count as lowered, which skips an update and no more.
    """
    return bid > read_money(reading, observation)


class DmdParameters(NamedTuple):
    """Scales of the observation, and how the price of money moves."""

    reading: Reading
    unit: float
    price_weight: float
    start: float
    """First price of money, in worth per unit of money."""
    step: float
    entropy: bool


@jit
def act_dmd(p, observation, memory, action):
    """Bid the worth at the present price of money, after learning from the auction before.

    memory: that price, whether the bid before was lowered, and the money and the auctions left before.
    """
    rho = read_initial(p.reading, observation) / p.reading.auctions
    paid, before = paid_before(p.reading, observation, memory, 2)
    if before and rho > 0.0 and memory[1] == 0.0:
        memory[0] = descend(memory[0], p.step * (paid / rho - 1.0), p.start, p.entropy)
    action[0] = bid_at(p.unit * read_theta(p.reading, observation), p.price_weight + memory[0])
    memory[1] = is_lowered(p.reading, observation, action[0])


@jit
def descend(mu, move, scale, entropy):
    """A step of mirror descent by `move`, -eta g / rho: with the entropy mirror map, or the Euclidean one."""
    return mu * np.exp(move) if entropy else max(mu + move * scale, 0.0)


class DualMirrorDescent(Bidder):
    """Dual mirror descent (Balseiro, Lu, Mirrokni, arXiv:2011.10124) for second-price auctions.

    Keeps a price of money mu and bids worth / mu (worth / (1 + mu) for profit). After every auction mu moves against
    g = rho - paid, where rho = B / T is the even spend: mu * exp(-step g / rho) with the entropy mirror map, the positive
    part of mu - step mu_0 g / rho with the Euclidean one. mu runs on from episode to episode; it starts at
    theta_avg / mean_price, two numbers of history.

    The paper updates with what the bid would have paid. That is not to be seen of a bid beyond the money left, which is
    lowered: there mu stays.

    Args:
        problem: the bidding problem.
        mirror: "entropy" or "euclidean".
        step: by default 1 / sqrt(T).
    """

    name = "dmd"
    needs_budget = True
    needs_charges = True
    carries_over: ClassVar[bool] = True

    def __init__(
        self, problem: Problem, mirror: Literal["entropy", "euclidean"] = "entropy", step: float | None = None
    ) -> None:
        problem = self.served(problem)
        one_of("mirror", mirror, ("entropy", "euclidean"))
        size = step_size(problem, step)
        unit, price_weight = worth_and_price_weight(problem)
        start = unit * problem.statistics.theta_avg / problem.statistics.mean_price
        parameters = DmdParameters(problem.reading, unit, price_weight, start, size, mirror == "entropy")
        super().__init__(problem, act_dmd, parameters, np.array([start, 0.0, 0.0, 0.0]))


def step_size(problem: RealTimeBidding, step: float | None) -> float:
    """`step`, by default 1 / sqrt(T); a ValueError if it is not positive."""
    return problem.horizon**-0.5 if step is None else positive("step", step)


class RoasParameters(NamedTuple):
    """Scales of the observation, and how the two prices move."""

    reading: Reading
    slack: int
    """Index of the slack."""
    slack_scale: float
    """Money per unit of it."""
    limit: float
    """Money that a unit of theta may cost."""
    step: float


@jit
def act_roas(p, observation, memory, action):
    """Bid (1 + lambda) theta / (mu + lambda / limit), after learning from the auction before.

    memory: mu in theta per unit of money, lambda, the slack before, whether the bid before was lowered, and the money and the
    auctions left before.
    """
    rho = read_initial(p.reading, observation) / p.reading.auctions
    slack = observation[p.slack] * p.slack_scale
    paid, before = paid_before(p.reading, observation, memory, 4)
    earned, memory[2] = slack - memory[2], slack
    if before and rho > 0.0 and memory[3] == 0.0:
        memory[0] *= np.exp(p.step * (paid / rho - 1.0))
        memory[1] *= np.exp(-p.step * earned / rho)
    worth = (1.0 + memory[1]) * read_theta(p.reading, observation)
    action[0] = bid_at(worth, memory[0] + memory[1] / p.limit)
    memory[3] = is_lowered(p.reading, observation, action[0])


class RoasMirrorDescent(Bidder):
    """Dual mirror descent with a budget and a limit on what theta may cost (return on ad spend, cost per click or action).

    Two prices: mu of money, lambda of the limit. The bid (1 + lambda) theta / (mu + lambda / limit) is the best one at these
    prices in a second-price auction; both move by the entropy mirror map, mu against rho - paid and lambda against
    limit * theta - paid of what was won, in multiples of rho (Feng, Padmanabhan, Wang: Online Bidding Algorithms for
    Return-on-Spend Constrained Advertisers, arXiv:2208.13713; Balseiro, Lu, Mirrokni, arXiv:2011.10124). Both run on from
    episode to episode; mu starts at theta_avg / mean_price and lambda at 1.

    Args:
        problem: a bidding problem with cpc_limit, cpa_limit or roas_limit.
        step: by default 1 / sqrt(T).
    """

    name = "roas_dmd"
    needs_budget = True
    needs_charges = True

    @classmethod
    def check_market(cls, problem: RealTimeBidding) -> None:
        """Also: there must be a limit, and clicks to maximise."""
        super().check_market(problem)
        if not problem.limit < np.inf:
            raise ValueError("roas_dmd serves a limit; make the environment with roas_limit, cpc_limit or cpa_limit")
        if problem.objective != "clicks":
            raise ValueError("roas_dmd maximises clicks; make the environment without objective='profit'")

    carries_over: ClassVar[bool] = True

    def __init__(self, problem: Problem, step: float | None = None) -> None:
        problem = self.served(problem)
        statistics = problem.statistics
        parameters = RoasParameters(
            reading=problem.reading,
            slack=problem.observation_names.index("slack"),
            slack_scale=float(problem.budget_scale[0]),
            limit=problem.limit,
            step=step_size(problem, step),
        )
        start = np.array([statistics.theta_avg / statistics.mean_price, 1.0, 0.0, 0.0, 0.0, 0.0])
        super().__init__(problem, act_roas, parameters, start)
