"""What the kernels of the multi-agent auction read and change: its parameters, and one state per world."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RULES = ("second_price", "first_price", "gsp", "vcg")
"""How slots are priced."""
SECOND_PRICE, FIRST_PRICE, GSP, VCG = range(4)

PRODUCT, COPULA, TABLE = range(3)
"""How values are drawn: a shared factor times an own one, uniform through a Gaussian copula, or a row of a table."""

OBJECTIVES = ("profit", "value")


class Params(NamedTuple):
    """What the kernels read. N agents, K slots; money in the unit of the values."""

    auctions: int
    """T, per episode."""
    rule: int
    """Of `RULES`."""
    profit: bool
    """Subtract payments from rewards."""
    reserve: float
    """The least score that a slot is sold for."""
    effects: NDArray[np.float64]
    """(K,) exposure of every slot, in (0, 1], not increasing."""
    quality: NDArray[np.float64]
    """(N,) clicks per exposure of every agent, in (0, 1]; a score is quality * bid."""
    budgets: NDArray[np.float64]
    """(N,) initial money."""
    highest_score: float
    """No score and no price is above it."""
    budget_scale: float
    """Scale of budgets in observations."""
    tick_start: NDArray[np.int64]
    """(ticks + 1,) the auctions that ticks begin with, and T; (1,) where every auction is a step of its own."""
    law: int
    """PRODUCT, COPULA or TABLE."""
    shared: NDArray[np.float64]
    """Quantiles of what all agents' values share, at equal steps of probability from 0 to 1."""
    own: NDArray[np.float64]
    """Quantiles of what is an agent's own, likewise."""
    cdf: NDArray[np.float64]
    """The standard normal distribution function at equal steps from -cdf_span to cdf_span (COPULA)."""
    cdf_span: float
    table: NDArray[np.float64]
    """(m, N) the rows that values are drawn from (TABLE)."""


class State(NamedTuple):
    """W worlds, N agents. A copy of it is a complete fork of the worlds."""

    rng: NDArray[np.uint64]  # (W,) generator
    draw: NDArray[np.uint64]  # (W,) where the random numbers of the present auction begin
    t: NDArray[np.int64]  # (W,) steps taken
    auction: NDArray[np.int64]  # (W,) auctions held
    bidders: NDArray[np.int64]  # (W,) agents that are not exhausted
    finished: NDArray[np.bool_]  # (W,)
    revenue: NDArray[np.float64]  # (W,) money that the exchange earned
    active: NDArray[np.bool_]  # (W, N) not exhausted
    value: NDArray[np.float64]  # (W, N) value of a click in the auction that is up; by tick, in the one held last
    initial: NDArray[np.float64]  # (W, N) money
    remaining: NDArray[np.float64]  # (W, N)
    spent: NDArray[np.float64]  # (W, N)
    worth_won: NDArray[np.float64]  # (W, N) value * quality * exposure over all slots won
    wins: NDArray[np.int64]  # (W, N) slots won
    blocked: NDArray[np.int64]  # (W, N) bids that were lowered to the remaining money
    cost: NDArray[np.float64]  # (W, N) the latest step: spent,
    won: NDArray[np.float64]  # (W, N) slots won per auction,
    price_paid: NDArray[np.float64]  # (W, N) mean payment of these,
    minimum_bid: NDArray[np.float64]  # (W, N) mean least bid that would have won a slot


class Work(NamedTuple):
    """Room for one auction: kernels can't allocate, and what is written here means nothing afterwards."""

    weight: NDArray[np.float64]  # (N,) score per value
    score: NDArray[np.float64]  # (N,)
    order: NDArray[np.int64]  # (K + 1,) agents by falling score, -1 for nobody
    top: NDArray[np.float64]  # (K + 1,) their scores, the reserve for nobody's
