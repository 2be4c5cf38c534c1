"""RLB beyond the reach of its table (Cai et al. 2017, section 4): long episodes from the exact table of a short one.

All four bidders use the exact table of T0 auctions while at most T0 are left. Where there are more:

* `RlbMapD` takes the marginal value of money D(t, b) = V(t, b + 1) - V(t, b) for that of (T0, b / t * T0);
* `RlbMapA` takes the action for that of (T0, b / t * T0);
* `RlbSeg` cuts the episode into segments of T0 auctions and gives each an even share of the money that is left;
* `RlbNn` asks a network that has learnt D from the table.

The published versions put a network in place of the table of T0 = 10,000 auctions as well; an exact table of 1,000 takes
seconds today, and needs none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ...baselines.bidding import values
from ...baselines.bidding.bidders import Bidder, largest_budget
from ...baselines.bidding.values import best_bid, rlb_values, worth_and_price_weight
from ...envs.bidding.law import PRICE_LEVELS, least_prices
from ...envs.bidding.problem import RealTimeBidding
from ...envs.bidding.reading import Reading, read_auctions_left, read_remaining, read_theta
from ...envs.core import jit
from ...envs.core.checks import natural, positive_integer
from ...envs.core.problem import Problem

MARGIN = 1.25
"""The table reaches to this many times the money per auction that the largest budget begins with: some may be left over."""

LARGEST_TABLE = 8 * values.LARGEST_TABLE
"""Bytes; a table beyond is refused."""


class ScaleParameters(NamedTuple):
    """Scales of the observation, and the exact table of the last T0 auctions."""

    reading: Reading
    paid: NDArray[np.int64]
    """(301,) see `law.least_prices`."""
    value: NDArray[np.float64]
    """(T0 + 1, B0 + 1)."""
    unit: float
    price_weight: float


@jit
def exact_bid(p, t, b, theta):
    """The table's bid with t <= T0 auctions and b money left."""
    return best_bid(p.paid, p.value, t, min(b, p.value.shape[1] - 1), p.unit * theta, p.price_weight)


@jit
def act_map_a(p, observation, memory, action):
    """The bid of (T0, b / t * T0)."""
    t, b = read_auctions_left(p.reading, observation), read_remaining(p.reading, observation)
    T0 = p.value.shape[0] - 1
    theta = read_theta(p.reading, observation)
    if t > T0:
        action[0] = max(min(exact_bid(p, T0, np.int64(b / t * T0), theta), b), 0)
    else:
        action[0] = max(exact_bid(p, t, b, theta), 0)


@jit
def act_map_d(p, observation, memory, action):
    """The largest price d that theta exceeds the marginal values of, D(t - 1, b - 1) + ... + D(t - 1, b - paid[d])."""
    t, b = read_auctions_left(p.reading, observation), read_remaining(p.reading, observation)
    T0, B0 = p.value.shape[0] - 1, p.value.shape[1] - 1
    theta = read_theta(p.reading, observation)
    if t <= T0:
        action[0] = max(exact_bid(p, t, b, theta), 0)
        return
    row, ratio = p.value[T0], T0 / (t - 1)
    gain, spent = p.unit * theta, 0
    action[0] = 0
    for d in range(PRICE_LEVELS):
        while spent < min(p.paid[d], b):
            spent += 1
            at = min(np.int64((b - spent) * ratio), B0 - 1)
            gain -= row[at + 1] - row[at] + p.price_weight
        if gain < 0.0 or p.paid[d] > b:
            break
        action[0] = d


@jit
def act_seg(p, observation, memory, action):
    """The bid of the present segment with its share of the money. memory: what later segments keep."""
    t, b = read_auctions_left(p.reading, observation), read_remaining(p.reading, observation)
    T0 = p.value.shape[0] - 1
    later = (t - 1) // T0 * T0  # auctions of later segments
    if t % T0 == 0 or t == p.reading.auctions:
        memory[0] = np.floor(b * (later / t))
    action[0] = max(exact_bid(p, t - later, max(b - np.int64(memory[0]), 0), read_theta(p.reading, observation)), 0)


class _AtScale(Bidder):
    """What the four have in common: the table, and what it reaches to."""

    needs_budget = True
    needs_law = True

    @classmethod
    def check_market(cls, problem: RealTimeBidding) -> None:
        """Also: the table must be one of whole money; its size depends on T0."""
        super().check_market(problem)
        least_prices(problem.params.rules)
        largest_budget(problem)

    @classmethod
    def _parameters(cls, problem: Problem, T0: int) -> tuple[RealTimeBidding, ScaleParameters]:
        bidding = cls.served(problem)
        T = bidding.params.auctions
        rows = min(positive_integer("T0", T0), T)
        reach = largest_budget(bidding) if rows == T else int(MARGIN * largest_budget(bidding) / T * rows) + 1
        size = (rows + 1) * (reach + 1) * 8
        if size > LARGEST_TABLE:
            raise ValueError(f"T0 is {T0}, whose table of budgets up to {reach} takes {size >> 20} MiB; expected a smaller T0")
        value = rlb_values(bidding, reach, rows)
        paid = least_prices(bidding.params.rules)
        return bidding, ScaleParameters(bidding.reading, paid, value, *worth_and_price_weight(bidding))


class RlbMapA(_AtScale):
    """RLB-MapA: beyond the table, the action of the same money per auction with T0 auctions left.

    Args:
        problem: the bidding problem.
        T0: auctions of the table.
    """

    name = "rlb_map_a"

    def __init__(self, problem: Problem, T0: int = 1000) -> None:
        super().__init__(problem, act_map_a, self._parameters(problem, T0)[1])


class RlbMapD(_AtScale):
    """RLB-MapD: beyond the table, the marginal value of the same money per auction with T0 auctions left.

    Args:
        problem: the bidding problem.
        T0: auctions of the table.
    """

    name = "rlb_map_d"

    def __init__(self, problem: Problem, T0: int = 1000) -> None:
        super().__init__(problem, act_map_d, self._parameters(problem, T0)[1])


class RlbSeg(_AtScale):
    """RLB-Seg: segments of T0 auctions, each with an even share of what is left when it begins.

    Args:
        problem: the bidding problem.
        T0: auctions of a segment; the first one is shorter if T is no multiple of it.
    """

    name = "rlb_seg"

    def __init__(self, problem: Problem, T0: int = 1000) -> None:
        super().__init__(problem, act_seg, self._parameters(problem, T0)[1], np.zeros(1))


TIMES, RATES = 64, 512
"""The network is tabulated at TIMES numbers of auctions and RATES amounts of money per auction."""


class NetworkParameters(NamedTuple):
    """The table, and the network's marginal values beyond it."""

    table: ScaleParameters
    marginal: NDArray[np.float64]
    """(TIMES, RATES) D at geometric steps of t from T0 to T, and of b / t from `lowest` to `highest`."""
    log_T0: float
    log_T: float
    log_lowest: float
    log_highest: float


@jit
def network_marginal(p, t, b):
    """D(t, b) of the network, linear between the points of its table."""
    x = (np.log(t) - p.log_T0) / (p.log_T - p.log_T0) * (TIMES - 1.0)
    y = (np.log(max(b, 0.5) / t) - p.log_lowest) / (p.log_highest - p.log_lowest) * (RATES - 1.0)
    x, y = min(max(x, 0.0), TIMES - 1.0), min(max(y, 0.0), RATES - 1.0)
    i, j = min(np.int64(x), TIMES - 2), min(np.int64(y), RATES - 2)
    u, v = x - i, y - j
    low = p.marginal[i, j] * (1.0 - v) + p.marginal[i, j + 1] * v
    return low * (1.0 - u) + (p.marginal[i + 1, j] * (1.0 - v) + p.marginal[i + 1, j + 1] * v) * u


@jit
def act_nn(p, observation, memory, action):
    """As `act_map_d`, with the network's marginal values."""
    table = p.table
    t, b = read_auctions_left(table.reading, observation), read_remaining(table.reading, observation)
    theta = read_theta(table.reading, observation)
    if t < table.value.shape[0]:
        action[0] = max(exact_bid(table, t, b, theta), 0)
        return
    gain, spent = table.unit * theta, 0
    action[0] = 0
    for d in range(PRICE_LEVELS):
        while spent < min(table.paid[d], b):
            spent += 1
            gain -= network_marginal(p, t - 1, b - spent) + table.price_weight
        if gain < 0.0 or table.paid[d] > b:
            break
        action[0] = d


class RlbNn(_AtScale):
    """RLB-NN: beyond the table, a network's marginal values of money.

    Two hidden layers of tanh (30 and 15, as in the authors' trainer) learn D(t, b) from the table with Adam, in multiples of
    the market's average worth of money, theta_avg / mean_price. The error is Huber's: the first few units of money, that buy
    the cheapest impressions, are worth a hundred times any other, and squares would learn little else. The layers read
    t^(-1/2) and the logarithm of b / t instead of t and b themselves: D depends on t as far as chance has not averaged out,
    and beyond the table both inputs stay near what was learnt. `error` is the mean absolute error on the table, in these
    multiples.

    Args:
        problem: the bidding problem.
        T0: auctions of the table.
        steps: of Adam, with 10,000 points each.
        seed: of the network.
    """

    name = "rlb_nn"

    def __init__(self, problem: Problem, T0: int = 1000, steps: int = 2000, seed: int = 0) -> None:
        bidding, table = self._parameters(problem, T0)
        self.error, marginal, ends = 0.0, np.zeros((TIMES, RATES)), (0.0, 1.0, 0.0, 1.0)
        if (rows := table.value.shape[0] - 1) < bidding.params.auctions:
            network, self.error = fit_marginal(
                table.value,
                table.unit * bidding.statistics.theta_avg / bidding.statistics.mean_price,
                positive_integer("steps", steps),
                natural("seed", seed),
            )
            lowest, highest = 1.0 / rows, (table.value.shape[1] - 1) / rows
            times = np.geomspace(rows, bidding.params.auctions, TIMES)
            rates = np.geomspace(lowest, highest, RATES)
            marginal = network(*np.meshgrid(times, rates, indexing="ij"))
            ends = tuple(np.log([times[0], times[-1], lowest, highest]).tolist())
        super().__init__(problem, act_nn, NetworkParameters(table, marginal, *ends))


def fit_marginal(
    value: NDArray[np.float64], scale: float, steps: int, seed: int
) -> tuple[Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]], float]:
    """Teach a network the table's marginal values of money.

    Args:
        value: (T0 + 1, B0 + 1).
        scale: what D is divided by.
        steps: of Adam.
        seed: of the network and the points.

    Returns:
        D as a function of t and b / t (arrays of one shape), at least 0; and its mean absolute error, in multiples of
        `scale`, on points that it did not learn from.
    """
    rng = np.random.default_rng(seed)
    rows, columns = value.shape[0] - 1, value.shape[1] - 1

    def points(n: int) -> tuple[torch.Tensor, torch.Tensor]:
        # Few auctions are left to the table: the network learns what it will continue.
        t = rng.integers(max(rows // 10, 1), rows + 1, n)
        b = np.minimum(t * columns / rows * rng.random(n), columns - 1).astype(np.int64)
        marginal = (value[t, b + 1] - value[t, b]) / scale
        return inputs(t, np.maximum(b, 0.5) / t), torch.tensor(marginal[:, None], dtype=torch.float32)

    def inputs(t: NDArray[Any], rate: NDArray[np.float64]) -> torch.Tensor:
        return torch.tensor(np.stack([(t / rows) ** -0.5, np.log(rate * rows / columns)], axis=-1), dtype=torch.float32)

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = [torch.nn.Linear(2, 30), torch.nn.Tanh(), torch.nn.Linear(30, 15), torch.nn.Tanh(), torch.nn.Linear(15, 1)]
        network = torch.nn.Sequential(*layers)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        seen, wanted = points(10_000)
        loss = torch.nn.functional.smooth_l1_loss(network(seen), wanted)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()

    def marginal(t: NDArray[np.float64], rate: NDArray[np.float64]) -> NDArray[np.float64]:
        with torch.no_grad():
            return np.maximum(network(inputs(t, rate))[..., 0].numpy().astype(float), 0.0) * scale

    with torch.no_grad():
        seen, wanted = points(50_000)
        error = float((network(seen) - wanted).abs().mean())
    return marginal, error
