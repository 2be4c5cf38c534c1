"""Value tables of the bidding problem by dynamic programming, and the bid that a table implies.

V[t, b] is the most that can be expected from t more auctions with budget b (integers). Winning where d is the least winning
bid, for which `paid[d]` is charged, is worth `gain(d) = worth - price_weight * paid[d] + V[t-1, b - paid[d]] - V[t-1, b]` more
than losing, where `worth` is theta (or what its clicks are worth in money, for profit, with price_weight 1). V is
non-decreasing in b, so the gain falls with d, and the best bid in a second-price auction is the largest d with gain >= 0: it
wins exactly where winning pays. What is charged, and how likely, is all from `envs/bidding/law.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.bidding import law
from ...envs.bidding.law import PRICE_LEVELS
from ...envs.bidding.market import Market
from ...envs.bidding.problem import RealTimeBidding
from ...envs.core.jit import fingerprint, jit
from ...envs.core.ledger import payable
from ..core.cache import cached_array

LARGEST_TABLE = 1 << 27
"""Entries; a table beyond takes minutes and more than a GiB."""


@jit
def best_bid(paid, value, t, b, worth, price_weight):
    """The largest affordable d for which winning an impression of this worth at paid[d] pays, or -1 for none.

    `t` auctions are left, this one included. paid: (301,), see `law.least_prices`.
    """
    later = value[t - 1]
    bid = -1
    for d in range(PRICE_LEVELS):
        if paid[d] > b or worth - price_weight * paid[d] + later[b - paid[d]] - later[b] < 0.0:
            break
        bid = d
    return bid


@jit
def affordable_levels(paid, b, levels):
    """How many least winning bids 0, 1, 2, ... can be paid from b; at least `levels`."""
    while levels < PRICE_LEVELS and paid[levels] <= b:
        levels += 1
    return levels


@jit
def fill_rlb(paid, price_pmf, worth, price_weight, value, first, last):
    """Rows `first` to `last` - 1 of RLB's table (Cai et al. 2017, section 3): every impression is worth the average.

    As published, nothing is won without money, V[t, 0] = 0, although a price can be 0. The sum keeps its order: bids are
    decided by ties in V, and must not depend on the width of a machine's registers.
    """
    for t in range(first, last):
        later = value[t - 1]
        levels = 0
        for b in range(1, value.shape[1]):
            levels = affordable_levels(paid, b, levels)
            expected = 0.0
            # Where winning does not pay the bid is lower: the sum over d up to the best bid is a sum of positive parts.
            for d in range(levels):
                expected += price_pmf[d] * max(0.0, worth - price_weight * paid[d] + later[b - paid[d]] - later[b])
            value[t, b] = later[b] + expected


@jit(reassociate=True)
def fill_optimal(paid, regime_of, worth, theta_pmf, group_end, price_pmf, price_cdf, price_weight, gain, value, first, last):
    """Rows `first` to `last` - 1 of the exact table: Bellman's equation over the joint law of theta and price.

    paid: see `best_bid`. regime_of[t]: the regime with t auctions left. worth, theta_pmf: (R, G), worth ascending. group_end:
    (R, H), where the atoms of each price group end. price_pmf: (R, H, 301), of the least winning bid; price_cdf: (R, H, 302),
    the probability that it is below d. gain: (301,) scratch.

    The best bid rises with worth, and so do the price groups: one pass over the prices serves all atoms of theta.
    """
    for t in range(first, last):
        r = regime_of[t]
        later = value[t - 1]
        levels = 0
        for b in range(value.shape[1]):
            levels = affordable_levels(paid, b, levels)
            for d in range(levels):
                gain[d] = later[b - paid[d]] - later[b] - price_weight * paid[d]  # of winning, without theta's worth
            expected = 0.0
            d = 0  # below d winning is worth its price
            g = 0
            for h in range(group_end.shape[1]):
                gained = 0.0  # sum of this group's price_pmf * gain over those prices
                for below in range(d):
                    gained += price_pmf[r, h, below] * gain[below]
                while g < group_end[r, h]:
                    while d < levels and worth[r, g] + gain[d] >= 0.0:
                        gained += price_pmf[r, h, d] * gain[d]
                        d += 1
                    expected += theta_pmf[r, g] * (price_cdf[r, h, d] * worth[r, g] + gained)
                    g += 1
            value[t, b] = later[b] + expected


@jit
def fill_first_price(
    paid, regime_of, worth, theta_pmf, group_end, win_cdf, price_weight, slope, intercept, value, first, last
):
    """Rows `first` to `last` - 1 of the exact table where a bid a pays paid[a], whatever others bid.

    As `fill_optimal`; win_cdf: (R, H, 301), the probability that a bid wins. slope, intercept: (302,) scratch.

    A bid a earns win_cdf[a] * (worth + V[t-1, b - paid[a]] - V[t-1, b] - price_weight * paid[a]): a line in worth, steeper for
    higher bids. The best bid for every worth is read off the lines' upper envelope, which one pass over the bids builds.
    """
    for t in range(first, last):
        r = regime_of[t]
        later = value[t - 1]
        levels = 0
        for b in range(value.shape[1]):
            levels = affordable_levels(paid, b, levels)
            expected = 0.0
            g = 0
            for h in range(group_end.shape[1]):
                lines = 1  # slope and intercept 0: no bid
                slope[0], intercept[0] = 0.0, 0.0
                highest = worth[r, group_end[r, h] - 1] if group_end[r, h] > g else 0.0
                for a in range(levels):
                    gain = later[b - paid[a]] - later[b] - price_weight * paid[a]
                    if highest + gain < 0.0:
                        break  # nor is any higher bid worth its price, even for the best impression of the group
                    m = win_cdf[r, h, a]
                    c = m * gain
                    if m == slope[lines - 1]:
                        if c <= intercept[lines - 1]:
                            continue
                        lines -= 1
                    # The last line is never best if the new one overtakes it before it overtakes the one before.
                    while lines >= 2 and (c - intercept[lines - 2]) * (slope[lines - 1] - slope[lines - 2]) >= (
                        intercept[lines - 1] - intercept[lines - 2]
                    ) * (m - slope[lines - 2]):
                        lines -= 1
                    slope[lines], intercept[lines] = m, c
                    lines += 1
                best = 0
                while g < group_end[r, h]:
                    w = worth[r, g]
                    while best + 1 < lines and slope[best + 1] * w + intercept[best + 1] >= slope[best] * w + intercept[best]:
                        best += 1
                    expected += theta_pmf[r, g] * (slope[best] * w + intercept[best])
                    g += 1
            value[t, b] = later[b] + expected


@jit
def best_first_price_bid(paid, value, win_cdf, t, b, worth, price_weight):
    """The affordable bid that earns most where a bid a pays paid[a]; -1 if none earns anything.

    win_cdf: (301,) probability that a bid wins this impression.
    """
    later = value[t - 1]
    bid, most = -1, 0.0
    for a in range(PRICE_LEVELS):
        if paid[a] > b:
            break
        earned = win_cdf[a] * (worth + later[b - paid[a]] - later[b] - price_weight * paid[a])
        if earned > most:
            bid, most = a, earned
    return bid


def check_size(T: int, budget: int) -> None:
    """Refuse tables (T + 1, budget + 1) that are too large."""
    if (size := (T + 1) * (budget + 1)) > LARGEST_TABLE:
        what = f"the table for {T} auctions and budgets up to {budget} would take {8 * size / 2**30:.1f} GiB"
        raise ValueError(f"{what}; expected at most {8 * LARGEST_TABLE / 2**30:.0f}. For long episodes see rlb_map_d or fluid")


def solve(fill: Callable[..., None], arguments: tuple[Any, ...], T: int, budget: int) -> NDArray[np.float64]:
    """The table (T + 1, budget + 1) that `fill(*arguments, value, first, last)` fills, a few rows at a time.

    Compiled code can't be interrupted; between the calls Ctrl-C is heard.

    Raises:
        ValueError: the table would be too large.
    """
    check_size(T, budget)
    value = np.zeros((T + 1, budget + 1))
    rows = max(1, 200_000 // (budget + 1))
    for first in range(1, T + 1, rows):
        fill(*arguments, value, first, min(first + rows, T + 1))
    return value


def worth_and_price_weight(problem: RealTimeBidding) -> tuple[float, float]:
    """What a unit of theta is worth, and what a unit of money spent takes from the objective."""
    nothing, a_click, a_charge = (law.reward_of(problem.params, *what) for what in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0)))
    return a_click - nothing, nothing - a_charge


def minimum_pmf(problem: RealTimeBidding) -> NDArray[np.float64]:
    """(301,) the law of the least winning bid by the training statistics and the auction's rules."""
    return law.minimum_pmf(problem.params.rules, problem.statistics.price_pmf)


def cost_of_bids(problem: RealTimeBidding) -> NDArray[np.float64]:
    """(301,) what every whole bid pays in expectation, by the training statistics and the auction's rules."""
    return law.expected_payments(problem.params.rules, minimum_pmf(problem))


def even_spend(problem: RealTimeBidding) -> float:
    """The budget's even share per auction, in money."""
    return float(problem.budget.middle(problem.resources)) / problem.params.auctions


def rlb_values(problem: RealTimeBidding, budget: int, T: int | None = None) -> NDArray[np.float64]:
    """RLB's table for budgets up to `budget`, (T + 1, budget + 1), from the problem's training statistics."""
    unit, price_weight = worth_and_price_weight(problem)
    paid = law.least_prices(problem.params.rules)
    arguments = (paid, minimum_pmf(problem), unit * problem.statistics.theta_avg, price_weight)
    rows = problem.params.auctions if T is None else T
    key = ("rlb", fingerprint(fill_rlb.py_func), *arguments, rows, budget)  # type: ignore[attr-defined]
    return cached_array(lambda: solve(fill_rlb, arguments, rows, budget), *key)


def optimal_values(problem: RealTimeBidding, budget: int) -> NDArray[np.float64]:
    """The exact table of a synthetic instance for budgets up to `budget`, (T + 1, budget + 1).

    Raises:
        ValueError: the problem replays a log, whose law nobody knows.
    """
    return _exact_values(problem, known_market(problem), budget)


def pmf_values(problem: RealTimeBidding, budget: int) -> NDArray[np.float64]:
    """The table (T + 1, budget + 1) that is exact if theta and price follow the training statistics, independently.

    Raises:
        ValueError: the training statistics do not give the law of theta.
    """
    check_training_law(problem)
    return _exact_values(problem, problem.statistics.law(), budget)


def check_training_law(problem: RealTimeBidding) -> None:
    """Refuse problems whose training statistics do not give the law of theta."""
    if problem.statistics.theta is None:
        what = f"the statistics ({problem.statistics.source}) know only the average theta, not its law"
        raise ValueError(f"{what}; give statistics= the path of a training log")


def _exact_values(problem: RealTimeBidding, market: Market, budget: int) -> NDArray[np.float64]:
    arguments, key = _arguments(problem, market)
    T = problem.params.auctions
    fill, scratch = _solver(problem)
    return cached_array(lambda: solve(fill, (*arguments, *scratch), T, budget), *key, T, budget)


def _solver(problem: RealTimeBidding) -> tuple[Callable[..., None], tuple[Any, ...]]:
    """The solver for the auction's rule, and its scratch."""
    if problem.rule == "first_price":
        return fill_first_price, (np.zeros(PRICE_LEVELS + 1), np.zeros(PRICE_LEVELS + 1))
    return fill_optimal, (np.zeros(PRICE_LEVELS),)


def optimal_value(problem: RealTimeBidding, budget: float) -> float:
    """The expected score of the best non-anticipating bidder in one episode of a synthetic instance.

    It names a bid for every auction, knows theta and pays by the rule, with reserve. Where the problem charges more (soft
    reserve), shows less (noise, calibration) or allows less (limits, ticks), this is an upper bound.

    Raises:
        ValueError: the problem replays a log, does not charge for impressions, or has too large a table.
    """
    T, most = problem.params.auctions, int(law.payments(problem.params.rules).max())
    if budget >= T * most:
        return _unlimited_value(problem, most)
    b = int(payable(budget, budget))
    # Kept separately as well: the table of a large budget is too large to keep.
    key = _arguments(problem, known_market(problem))[1]
    return float(cached_array(lambda: optimal_values(problem, b)[T, b], "value", *key, T, b))


def _unlimited_value(problem: RealTimeBidding, most: int) -> float:
    """The best expected score where money can't run out: every auction for itself. most: what an auction can cost."""
    (paid, regime_of, *others), _ = _arguments(problem, known_market(problem))
    fill, scratch = _solver(problem)
    regimes, auctions = np.unique(regime_of[1:], return_counts=True)
    alone = [solve(fill, (paid, np.full(2, regime), *others, *scratch), 1, most)[1, most] for regime in regimes]
    return float(auctions @ alone)


def known_market(problem: RealTimeBidding) -> Market:
    """The law of a synthetic instance; ValueError for a replayed log."""
    if problem.market is None:
        raise ValueError(f"{problem.instance} has no exact optimum: its law is not known; see the hindsight bound")
    return problem.market


def check_charges(problem: RealTimeBidding) -> None:
    """Refuse problems where what an impression is charged is left to chance."""
    if problem.cost_event != "impression":
        raise ValueError(f"the optimum is not known for cost_event={problem.cost_event!r}, where charges are left to chance")


def _arguments(problem: RealTimeBidding, market: Market) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """What the solver reads of the problem in this market, and the key that its table is kept under."""
    check_charges(problem)
    unit, price_weight = worth_and_price_weight(problem)
    rules, T, groups = problem.params.rules, problem.params.auctions, market.price_pmf.shape[1]
    paid = law.least_prices(rules)
    if problem.rule == "first_price" and (np.tril(law.payments(rules) - paid[:, None]) != 0.0).any():
        raise ValueError("the optimum is not known where a first price depends on the others' bids")
    price_pmf = law.minimum_pmf(rules, market.price_pmf)
    regime_of = law.regimes_by_time_left(market.regime_start, T)
    group_end = np.stack([np.searchsorted(row, np.arange(groups), side="right") for row in market.group])
    won = price_pmf.cumsum(axis=2)
    price_cdf = np.concatenate([np.zeros((*price_pmf.shape[:2], 1)), won], axis=2)
    prices = (won,) if problem.rule == "first_price" else (price_pmf, price_cdf)
    arguments = (paid, regime_of, unit * market.theta, market.theta_pmf, group_end, *prices, price_weight)
    return arguments, ("optimal", fingerprint(_solver(problem)[0].py_func), *arguments)  # type: ignore[attr-defined]
