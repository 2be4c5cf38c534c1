"""Bidders in closed form. All bid in whole units of money, as the market does."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from ...envs.bidding.law import HIGHEST_PRICE, least_prices
from ...envs.bidding.problem import RealTimeBidding
from ...envs.bidding.reading import Reading, read_auctions_left, read_remaining, read_theta
from ...envs.core import jit, rng
from ...envs.core.checks import is_number, natural, positive
from ...envs.core.ledger import payable
from ...envs.core.problem import Problem
from ..core.policy import Information, KernelPolicy
from ..core.tuning import MeanReturn
from .values import best_bid, check_size, cost_of_bids, even_spend, rlb_values, worth_and_price_weight


class Bidder(KernelPolicy[RealTimeBidding]):
    """What bidders share: they name a bid for every auction.

    Attributes:
        needs_charges: it learns from what every auction cost.
    """

    serves = RealTimeBidding
    information: ClassVar[Information] = "model"
    needs_charges: ClassVar[bool] = False

    @classmethod
    def check(cls, problem: Problem) -> None:
        """See `Policy.check`: actions must be bids, one for every auction."""
        super().check(problem)
        cls.check_market(cast(RealTimeBidding, problem))

    @classmethod
    def check_market(cls, problem: RealTimeBidding) -> None:
        """What `check` asks of a bidding problem."""
        if problem.control != "bid" or problem.ticks is not None:
            what = f"ticks={problem.ticks}" if problem.ticks is not None else f"control={problem.control!r}"
            raise ValueError(f"{cls.name} names a bid for every auction; make the environment without {what}")
        if cls.needs_charges and problem.cost_event != "impression":
            what = f"cost_event={problem.cost_event!r}"
            raise ValueError(f"{cls.name} learns from what every auction cost; make the environment without {what}")


class ConstantParameters(NamedTuple):
    """What the constant bidder bids."""

    bid: float


@jit
def act_constant(p, observation, memory, action):
    """Always the same bid."""
    action[0] = p.bid


class Constant(Bidder):
    """Bids the same amount in every auction.

    Args:
        problem: the bidding problem.
        bid: in 0..300; by default the largest whole bid whose expected spend under the training prices is within the budget.
    """

    name = "constant"

    def __init__(self, problem: Problem, bid: float | None = None) -> None:
        problem = self.served(problem)
        if bid is None:
            bid = float(affordable_bid(problem, even_spend(problem)))
        super().__init__(problem, act_constant, ConstantParameters(read_bid("bid", bid)))


def affordable_bid(problem: RealTimeBidding, spend: float) -> int:
    """The largest constant bid that spends at most `spend` per auction in expectation, by the training statistics."""
    return int(np.searchsorted(cost_of_bids(problem), spend, side="right")) - 1


class RandomParameters(NamedTuple):
    """Key of the random numbers, and the highest bid."""

    key: np.uint64
    highest: int


@jit
def act_random(p, observation, memory, action):
    """A whole bid from 0 to the highest: a hash of the key, the number of the auction, and what comes up.

    Of nothing else, so that an episode is the same whatever others are played beside it.
    """
    memory[0] += 1.0
    action[0] = np.floor(uniform_of(p.key, memory[0], observation) * (p.highest + 1))


@jit
def uniform_of(key, count, observation):
    """A number in [0, 1) by a hash of the key, the number of the decision, and what comes up."""
    return rng.unit(rng.mix(rng.mix(key + np.uint64(count)) + np.uint64(observation[0] * 2.0**32)))


class Random(Bidder):
    """Bids a whole amount, uniform in 0..`highest`, by default twice the constant bidder's bid (at most 300)."""

    name = "random"

    def __init__(self, problem: Problem, highest: int | None = None, seed: int = 0) -> None:
        problem = self.served(problem)
        if highest is None:
            constant = affordable_bid(problem, even_spend(problem))
            highest = min(HIGHEST_PRICE, 2 * constant)
        self._highest = int(read_bid("highest", highest))
        super().__init__(problem, act_random, RandomParameters(np.uint64(natural("seed", seed)), self._highest), np.zeros(1))

    def set_random_seed(self, seed: int | None = None) -> None:
        """Choose another stream of bids."""
        self.parameters = RandomParameters(np.uint64(natural("seed", 0 if seed is None else seed)), self._highest)


class McpcParameters(NamedTuple):
    """Scales of the observation, and what a click may cost."""

    reading: Reading
    cost_per_click: float


@jit
def act_mcpc(p, observation, memory, action):
    """theta * cost per click, rounded down."""
    action[0] = min(np.floor(read_theta(p.reading, observation) * p.cost_per_click), np.float64(HIGHEST_PRICE))


class Mcpc(Bidder):
    """Bids what the impression is worth at the largest cost per click, without pacing.

    Args:
        problem: the bidding problem.
        cost_per_click: money; by default the campaign's own in the training statistics.
    """

    name = "mcpc"

    def __init__(self, problem: Problem, cost_per_click: float | None = None) -> None:
        problem = self.served(problem)
        value = problem.statistics.cost_per_click if cost_per_click is None else positive("cost_per_click", cost_per_click)
        super().__init__(problem, act_mcpc, McpcParameters(problem.reading, value))


class LinParameters(NamedTuple):
    """Scales of the observation, and the bid for an average impression."""

    reading: Reading
    b0: float


@jit
def act_lin(p, observation, memory, action):
    """b0 * theta / theta_avg, rounded down."""
    bid = np.floor(read_theta(p.reading, observation) * p.b0 / p.reading.theta_avg)
    action[0] = min(bid, np.float64(HIGHEST_PRICE))


class Lin(Bidder):
    """Bids in proportion to theta: `b0` for an average impression (Perlich et al. 2012; RLB's strongest baseline).

    Args:
        problem: the bidding problem.
        b0: in 0..300; by default the best of a grid in simulated training auctions, at the problem's budget. With nothing
            but training statistics every simulated impression is average.
    """

    name = "lin"

    def __init__(self, problem: Problem, b0: float | None = None) -> None:
        problem = self.served(problem)
        self.b0 = tuned_b0(problem) if b0 is None else read_bid("b0", b0)
        super().__init__(problem, act_lin, LinParameters(problem.reading, self.b0))


def tuned_b0(problem: RealTimeBidding) -> float:
    """The b0 with the highest mean score over simulated training episodes, from a geometric grid of 1..300.

    64 episodes; fewer if they are longer than a thousand auctions, but at least four.
    """
    training = training_problem(problem)
    episodes = min(max(64_000 // problem.params.auctions, 4), 64)
    earns = MeanReturn(training, act_lin, episodes, seed=0)
    grid = np.unique(np.round(np.geomspace(1, HIGHEST_PRICE, 80), 1)).tolist()
    return max(grid, key=lambda b0: earns(LinParameters(training.reading, b0)))


def training_problem(problem: RealTimeBidding) -> RealTimeBidding:
    """What a bidder can simulate before the first auction: the instance itself; for a log, its training statistics."""
    market = problem.market or problem.statistics.law()
    own = {"ticks": None, "traffic": "even", "control": "bid"}
    known = {**own, "log": None, "shuffled": False, "fragment": "omit", "reward": "expected"}
    known |= {"instance": market, "statistics": problem.statistics}
    return problem.replace(**known, discrete=False, budget_aware=True, budget=problem.budget, c0=None)


class TableParameters(NamedTuple):
    """Scales of the observation, and the value table that the bidder looks ahead with."""

    reading: Reading
    paid: NDArray[np.int64]
    """(301,) see `law.least_prices`."""
    value: NDArray[np.float64]
    unit: float
    """What a unit of theta is worth."""
    price_weight: float
    blind: bool
    """Take every impression for an average one."""


@jit
def act_by_table(p, observation, memory, action):
    """The bid that the value table implies for this theta, the money and the auctions left."""
    theta = p.reading.theta_avg if p.blind else read_theta(p.reading, observation)
    b = min(read_remaining(p.reading, observation), p.value.shape[1] - 1)
    t = read_auctions_left(p.reading, observation)
    action[0] = max(best_bid(p.paid, p.value, t, b, p.unit * theta, p.price_weight), 0)


class TableBidder(Bidder):
    """Looks ahead with a value table.

    Args:
        problem: the bidding problem.
        value: (T + 1, budget + 1), the value of t auctions left with b money; see `values.py`.
        blind: take every impression for an average one.
    """

    needs_budget = True
    needs_law = True

    def __init__(self, problem: RealTimeBidding, value: NDArray[np.float64], blind: bool = False) -> None:
        paid = least_prices(problem.params.rules)
        parameters = TableParameters(problem.reading, paid, value, *worth_and_price_weight(problem), blind)
        super().__init__(problem, act_by_table, parameters)

    @classmethod
    def check_market(cls, problem: RealTimeBidding) -> None:
        """Also: what the table is for must fit into it."""
        super().check_market(problem)
        least_prices(problem.params.rules)
        check_size(problem.params.auctions, largest_budget(problem))

    def check_problem(self, problem: Problem) -> None:
        """Also: the table must reach to the largest budget."""
        super().check_problem(problem)
        reach = self.parameters.value.shape[1] - 1
        largest = largest_budget(cast(RealTimeBidding, problem))
        if largest > reach:
            raise ValueError(
                f"{type(self).__name__} was made for budgets up to {reach}, not {largest}; make the agent for this environment"
            )


class SsMdp(TableBidder):
    """Looks ahead with RLB's value table but takes every impression for an average one (Yuan et al. 2013's MDP).

    Args:
        problem: the bidding problem.
    """

    name = "ss_mdp"

    def __init__(self, problem: Problem) -> None:
        problem = self.served(problem)
        super().__init__(problem, rlb_values(problem, largest_budget(problem)), blind=True)


def largest_budget(problem: RealTimeBidding) -> int:
    """The whole units of money that episodes start with at most, or that all their auctions can cost, if that is less."""
    largest = float(problem.budget.arrays(problem.resources)[1][0])
    return int(min(payable(largest, largest), HIGHEST_PRICE * problem.params.auctions))


def read_bid(name: str, value: Any) -> float:
    """`value` if it can be bid; otherwise a ValueError that names it."""
    if not is_number(value) or not 0 <= value <= HIGHEST_PRICE:
        raise ValueError(f"{name} is {value!r}; expected money in 0..{HIGHEST_PRICE}")
    return float(value)
