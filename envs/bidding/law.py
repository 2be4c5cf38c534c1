"""The law of an auction: who wins, what winning costs, what is charged for and when, and what that leaves of the reward.

Kernels play by these functions; value tables sum over them, bounds and bidders read them off. Nobody has a second copy: a new
rule of the market is written here, and all follow, or say that they can't.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core import jit

HIGHEST_PRICE = 300
"""Bids and market prices are money in 0..300: 300 is iPinYou's highest price. Market prices are whole."""

PRICE_LEVELS = HIGHEST_PRICE + 1

EVENTS = ("impression", "click", "conversion")
"""What is paid for."""
IMPRESSION, CLICK, CONVERSION = range(3)

Floats = NDArray[np.float64]


class Rules(NamedTuple):
    """What an auction's outcome depends on, beside the bids."""

    reserve: float
    """The least that an impression is sold for; whole money."""
    soft_reserve: float
    """Bids below it pay themselves, others at least it. First price: infinite."""


# --- one auction ------------------------------------------------------------------------------------------------------------


@jit
def minimum_bid(rules, market_price):
    """The least bid that wins: what is below the reserve does not."""
    return max(market_price, rules.reserve)


@jit
def wins(bid, minimum):
    """Whether a bid wins: ties do."""
    return bid >= minimum


@jit
def price_of_win(rules, bid, minimum):
    """What a winning bid pays: itself below the soft reserve (everywhere, in a first-price auction), else the second price."""
    return bid if bid < rules.soft_reserve else max(minimum, rules.soft_reserve)


@jit
def least_price(rules, minimum):
    """The least that an impression can be won for: the price of the least bid that wins."""
    return price_of_win(rules, minimum, minimum)


@jit
def highest_bid(rules, money):
    """The highest bid that pays at most `money`, whatever others bid."""
    return money


@jit
def events_expected(params, predicted):
    """How many of the events that are charged for an impression brings, by the predicted theta."""
    if params.charged_for == CLICK:
        return predicted
    if params.charged_for == CONVERSION:
        return predicted * params.conversion_rate
    return 1.0


@jit
def price_of_event(params, price, predicted):
    """What an event is charged, so that an impression is expected to bring its price."""
    return price / events_expected(params, predicted) if price > 0.0 else 0.0


@jit
def reward_of(params, gain, charge):
    """The reward of what was gained (clicks, expected or real, or conversions) and charged; linear in both."""
    return params.click_value * gain - charge if params.profit else gain


@jit
def regime_of(starts, n):
    """The regime of auction n. starts: (R,) the auction with which each regime begins."""
    r = starts.shape[0] - 1
    while starts[r] > n:
        r -= 1
    return r


# --- all whole bids and prices at once, for solvers and tables --------------------------------------------------------------


@jit
def fill_payments(rules, payments):
    """See `payments`."""
    for bid in range(payments.shape[0]):
        for minimum in range(payments.shape[1]):
            won = wins(bid, minimum)
            payments[bid, minimum] = price_of_win(rules, np.float64(bid), np.float64(minimum)) if won else 0.0


@jit
def fill_minimums(rules, minimum):
    """See `minimum_pmf`."""
    for price in range(minimum.shape[0]):
        minimum[price] = np.int64(minimum_bid(rules, np.float64(price)))


@jit
def fill_regimes(starts, regimes):
    """See `regimes_by_time_left`."""
    T = regimes.shape[0] - 1
    for left in range(T + 1):
        regimes[left] = regime_of(starts, T - left)


def payments(rules: Rules) -> Floats:
    """(301, 301) what every whole bid pays against every least winning bid; 0 where it does not win."""
    out = np.empty((PRICE_LEVELS, PRICE_LEVELS))
    fill_payments(rules, out)
    return out


def least_prices(rules: Rules) -> NDArray[np.int64]:
    """(301,) what winning costs at least, by the least winning bid.

    Raises:
        ValueError: prices are not whole, do not rise, or could be less for a higher bid: value tables can't hold such money.
    """
    table = payments(rules)
    least = table.diagonal().astype(np.int64)
    if (least != table.diagonal()).any() or (np.diff(least) < 0).any() or (np.tril(least - table) > 0.0).any():
        raise ValueError("prices are not whole, do not rise, or fall with the bid; value tables are not for such rules")
    return least


def minimum_pmf(rules: Rules, price_pmf: Floats) -> Floats:
    """The law of the least winning bid, (..., 301), from that of the market price."""
    minimum = np.empty(PRICE_LEVELS, np.int64)
    fill_minimums(rules, minimum)
    pmf = np.zeros_like(price_pmf)
    for least in np.unique(minimum):
        raised = np.flatnonzero((minimum == least) & (np.arange(PRICE_LEVELS) != least))
        pmf[..., least] = price_pmf[..., least] + np.ascontiguousarray(price_pmf[..., raised]).sum(axis=-1)
    return pmf


def expected_payments(rules: Rules, pmf: Floats) -> Floats:
    """(301,) what every whole bid pays in expectation. pmf: (301,) the law of the least winning bid."""
    return np.cumsum(payments(rules) * pmf, axis=1)[:, -1]


def regime_starts(shares: Floats, T: int) -> NDArray[np.int64]:
    """(R,) the auction of T with which each regime begins. shares: (R,) of the episode that are over by then."""
    return np.ceil(shares * T).astype(np.int64)


def regimes_by_time_left(shares: Floats, T: int) -> NDArray[np.int64]:
    """(T + 1,) the regime with 0..T auctions left."""
    regimes = np.empty(T + 1, np.int64)
    fill_regimes(regime_starts(shares, T), regimes)
    return regimes
