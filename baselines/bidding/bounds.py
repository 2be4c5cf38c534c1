"""Upper bounds on what any bidder could have reached in an episode."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.bidding.kernels import record_auctions
from ...envs.bidding.law import CONVERSION
from ...envs.bidding.problem import RealTimeBidding
from ...envs.bidding.state import EXPECTED
from ...envs.core.batch import Batch
from ...envs.core.ledger import payable
from .values import worth_and_price_weight


def fractional_knapsack(worth: NDArray[np.float64], price: NDArray[np.float64], budget: float) -> float:
    """The most that a budget buys if items can be bought in part: by falling worth per price. Items of no worth are left.

    An upper bound of the 0-1 knapsack, above it by less than one item. worth, price: (T,), price >= 0.
    """
    useful = worth > 0
    worth, price = worth[useful], price[useful]
    paid = price > 0
    with np.errstate(divide="ignore"):
        order = np.argsort(np.where(paid, -worth / price, -np.inf), kind="stable")
    spent = np.cumsum(price[order])
    whole = int(np.searchsorted(spent, budget, side="right"))
    total = float(worth[order[:whole]].sum())
    if whole < len(order):
        before = spent[whole - 1] if whole else 0.0
        total += float(worth[order[whole]] * (budget - before) / price[order[whole]])
    return total


def hindsight_bounds(problem: RealTimeBidding, batch: Batch) -> NDArray[np.float64]:
    """For every lane of a batch that has just been reset: the knapsack over all auctions of its episode, (n,).

    No bidder can score more: a winner pays at least the price of the least winning bid. NaN where clicks or conversions
    are charged, or conversions earn the money that is the score: these are random, and a conversion earns more than the
    worth of its click. The batch's episodes are left unplayed.
    """
    n, T = batch.n, problem.params.auctions
    realised = problem.params.profit and problem.params.reward != EXPECTED  # the score is money earned, not expected
    if problem.cost_event != "impression" or (realised and problem.params.reward == CONVERSION):
        return np.full(n, np.nan)
    theta, price, clicked = np.zeros((n, T)), np.zeros((n, T)), np.zeros((n, T), np.bool_)
    length = np.zeros(n, np.int64)
    future: Any = batch.snapshot()
    record_auctions(batch.params, future, theta, price, clicked, length)
    unit, price_weight = worth_and_price_weight(problem)
    if realised:
        theta = clicked.astype(float)
    return np.array(
        [
            fractional_knapsack(
                unit * theta[i, : length[i]] - price_weight * price[i, : length[i]],
                price[i, : length[i]],
                payable(batch.state.initial[i, 0], batch.state.initial[i, 0]),
            )
            for i in range(n)
        ]
    )
