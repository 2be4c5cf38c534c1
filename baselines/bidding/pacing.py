"""Bidders that keep to an even spend by feedback: adaptive pacing, a PID controller, and throttling."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...envs.bidding.law import HIGHEST_PRICE
from ...envs.bidding.market import Market
from ...envs.bidding.problem import RealTimeBidding
from ...envs.bidding.reading import Reading, read_auctions_left, read_initial, read_money, read_theta
from ...envs.core import jit
from ...envs.core.checks import natural, non_negative, positive, positive_integer
from ...envs.core.problem import Problem
from .bidders import Bidder, uniform_of
from .descent import begins, bid_at, paid_before, paid_since, step_size
from .values import cost_of_bids, even_spend

ROUNDS = 40
"""Control rounds of an episode, as in the experiments of Zhang et al. (2016)."""


def spend_at(problem: RealTimeBidding, price: float) -> float:
    """Expected spend per auction, by the training statistics, of bidding theta / price; in money."""
    return _spend(problem.statistics.law(), cost_of_bids(problem), price)


def even_price(problem: RealTimeBidding) -> float:
    """The price of money, in theta per unit, at which bids of theta / price spend the budget evenly.

    By the training statistics; where even the highest bids would not spend it, a price at which nearly all bids are these.
    """
    law, cost, even = problem.statistics.law(), cost_of_bids(problem), even_spend(problem)
    low, high = problem.statistics.theta_avg * 1e-3 / HIGHEST_PRICE, 1.0
    for _ in range(60):
        middle = np.sqrt(low * high)
        low, high = (middle, high) if _spend(law, cost, middle) > even else (low, middle)
    return float(high)


def _spend(law: Market, cost: NDArray[np.float64], price: float) -> float:
    bids = np.minimum(law.theta[0] / price, HIGHEST_PRICE).astype(int)
    return float(law.theta_pmf[0] @ cost[bids])


class AdaptivePacingParameters(NamedTuple):
    """Scales of the observation, and how the multiplier moves."""

    reading: Reading
    click_value: float
    start: float
    step: float
    highest: float


@jit
def act_adaptive_pacing(p, observation, memory, action):
    """Bid value / (1 + mu), after learning from the auction before. memory: mu, the money and the auctions left before."""
    rho = read_initial(p.reading, observation) / p.reading.auctions
    paid, before = paid_before(p.reading, observation, memory, 1)
    if before and rho > 0.0:
        memory[0] = min(max(memory[0] + p.step * (1.0 + p.start) * (paid / rho - 1.0), 0.0), p.highest)
    action[0] = bid_at(p.click_value * read_theta(p.reading, observation), 1.0 + memory[0])


class AdaptivePacing(Bidder):
    """Adaptive pacing (Balseiro, Gur: Learning in Repeated Auctions with Budgets, Management Science 2019).

    Shades the value of an impression in money, v = click_value * theta, to v / (1 + mu), and moves mu against rho - paid,
    within [0, highest]. It never bids above v: where the budget is ample it is left over. mu runs on from episode to episode.
    As in the paper, mu follows what was paid in fact, also where the bid had to be lowered to the money left.

    Args:
        problem: the bidding problem.
        step: of mu, in multiples of (1 + its start) / rho; by default 1 / sqrt(T).
        start: mu before the first auction; by default the one that spends evenly by the training statistics.
        highest: the largest mu; by default that of bidding a unit for the most expensive impression.
    """

    name = "adaptive_pacing"
    needs_budget = True
    needs_charges = True
    carries_over: ClassVar[bool] = True

    def __init__(
        self, problem: Problem, step: float | None = None, start: float | None = None, highest: float | None = None
    ) -> None:
        problem = self.served(problem)
        v = problem.click_value
        size = step_size(problem, step)
        first = max(v * even_price(problem) - 1.0, 0.0) if start is None else non_negative("start", start)
        most = max(v, first) if highest is None else non_negative("highest", highest)
        if first > most and start is not None:
            raise ValueError(f"start is {start!r}; expected at most highest, {most!r}")
        first = min(first, most)
        parameters = AdaptivePacingParameters(problem.reading, v, first, size, most)
        super().__init__(problem, act_adaptive_pacing, parameters, np.array([first, 0.0, 0.0]))


class PidParameters(NamedTuple):
    """Scales of the observation, the base bid, and the controller."""

    reading: Reading
    base: float
    """Bid per unit of theta at phi = 0."""
    period: int
    proportional: float
    integral: float
    derivative: float
    lowest: float
    highest: float


@jit
def act_pid(p, observation, memory, action):
    """Bid base * theta * exp(phi); phi is set anew after every period.

    memory: phi, the money left when the period began, the sum of errors, the error before, whether there was one, and the
    auctions left before.
    """
    left = read_auctions_left(p.reading, observation)
    money = read_money(p.reading, observation)
    if begins(p.reading, observation, memory, 5):
        memory[1] = money
    elif (p.reading.auctions - left) % p.period == 0:
        plan = memory[1] * p.period / (left + p.period)  # an even share of what was left
        error = 1.0 - paid_since(memory[1], money) / plan if plan > 0.0 else 0.0
        change = error - memory[3] if memory[4] > 0.0 else 0.0
        memory[2] += error
        phi = p.proportional * error + p.integral * memory[2] + p.derivative * change
        memory[0] = min(max(phi, p.lowest), p.highest)
        memory[1], memory[3], memory[4] = money, error, 1.0
    action[0] = bid_at(read_theta(p.reading, observation), np.exp(-memory[0]) / p.base)


class Pid(Bidder):
    """A PID controller of the spend (after Zhang et al.: Feedback Control of Real-Time Display Advertising, WSDM 2016).

    Bids base * theta * exp(phi). After every period the error is 1 - spend / plan, where the plan is an even share of the
    money that was left, and phi = proportional * error + integral * sum of errors + derivative * change of the error,
    within [-2, 4.5] as in the authors' log. Every episode begins anew.

    Args:
        problem: the bidding problem.
        period: auctions between two settings; by default a fortieth of the episode.
        proportional, integral, derivative: gains.
        base: bid per unit of theta; by default the one that spends evenly by the training statistics.
    """

    name = "pid"
    needs_budget = True

    def __init__(
        self,
        problem: Problem,
        period: int | None = None,
        proportional: float = 0.1,
        integral: float = 0.05,
        derivative: float = 0.02,
        base: float | None = None,
    ) -> None:
        problem = self.served(problem)
        parameters = PidParameters(
            reading=problem.reading,
            base=1.0 / even_price(problem) if base is None else positive("base", base),
            period=max(problem.horizon // ROUNDS, 1) if period is None else positive_integer("period", period),
            proportional=non_negative("proportional", proportional),
            integral=non_negative("integral", integral),
            derivative=non_negative("derivative", derivative),
            lowest=-2.0,
            highest=4.5,
        )
        super().__init__(problem, act_pid, parameters, np.zeros(6))


class ThrottleParameters(NamedTuple):
    """Scales of the observation, the bid, and the rate of participation."""

    reading: Reading
    base: float
    period: int
    rate: float
    key: np.uint64


@jit
def act_throttle(p, observation, memory, action):
    """Bid base * theta with the present probability, else nothing.

    memory: the probability, the money left when the period began, the number of decisions so far, the auctions left before.
    """
    left = read_auctions_left(p.reading, observation)
    money = read_money(p.reading, observation)
    if begins(p.reading, observation, memory, 3):
        memory[1] = money
    elif (p.reading.auctions - left) % p.period == 0:
        plan = memory[1] * p.period / (left + p.period)
        memory[0] *= 1.0 + p.rate if paid_since(memory[1], money) < plan else 1.0 - p.rate
        memory[0], memory[1] = min(max(memory[0], 1e-4), 1.0), money
    memory[2] += 1.0
    takes_part = uniform_of(p.key, memory[2], observation) < memory[0]
    action[0] = bid_at(read_theta(p.reading, observation), 1.0 / p.base) if takes_part else 0.0


class Throttle(Bidder):
    """Probabilistic throttling (Agarwal et al.: Budget Pacing for Targeted Online Advertisements at LinkedIn, KDD 2014).

    Bids the worth, base * theta, in a share of the auctions and nothing in the others. After every period the share rises or
    falls by `rate`, as less or more was spent than an even share of the money that was left. Bids stay truthful, at the price
    of winning mediocre impressions as often as good ones.

    Args:
        problem: the bidding problem.
        base: money per unit of theta; by default the campaign's cost per click.
        period: auctions between two settings; by default a fortieth of the episode.
        rate: in (0, 1).
        seed: of the draws.
    """

    name = "throttle"
    needs_budget = True

    def __init__(
        self, problem: Problem, base: float | None = None, period: int | None = None, rate: float = 0.1, seed: int = 0
    ) -> None:
        problem = self.served(problem)
        worth = problem.statistics.cost_per_click if base is None else positive("base", base)
        if not 0 < positive("rate", rate) < 1:
            raise ValueError(f"rate is {rate!r}; expected a number in (0, 1)")
        self._settings = (
            problem.reading,
            worth,
            max(problem.horizon // ROUNDS, 1) if period is None else positive_integer("period", period),
            rate,
        )
        parameters = ThrottleParameters(*self._settings, np.uint64(natural("seed", seed)))
        share = min(even_spend(problem) / max(spend_at(problem, 1.0 / worth), 1e-9), 1.0)
        super().__init__(problem, act_throttle, parameters, np.array([share, 0.0, 0.0, 0.0]))

    def set_random_seed(self, seed: int | None = None) -> None:
        """Choose another stream of draws."""
        self.parameters = ThrottleParameters(*self._settings, np.uint64(natural("seed", 0 if seed is None else seed)))
