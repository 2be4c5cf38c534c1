"""What the bidding kernels read and change: parameters of the market and its rules, and one state per episode."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

HIGHEST_PRICE = 300

CONTROLS = ("bid", "pacing", "dual")
"""What an action is: a bid, an exponent on the worth, or the prices of money and of the limit."""
BID, PACING, DUAL = range(3)

EVENTS = ("impression", "click", "conversion")
"""What is paid for."""
IMPRESSION, CLICK, CONVERSION = range(3)

REWARDS = ("expected", "click", "conversion")
"""What is rewarded: by the same numbers as `EVENTS`."""
EXPECTED = 0

FEEDBACK = ("win", "price", "minimum", "full")
"""What an auction tells its bidders."""
WIN, PRICE, MINIMUM, FULL = range(4)


class Params(NamedTuple):
    """What the kernels read. R regimes, G theta atoms, H price groups, L lines of the log; money in the log's unit."""

    auctions: int
    """T, per episode."""
    theta_avg: float
    """Scale of theta in observations."""
    mean_price: float
    """Scale of money per auction in observations."""
    control: int
    """Of `CONTROLS`."""
    reward: int
    """Of `REWARDS`."""
    profit: bool
    """Subtract what is paid from what clicks are worth."""
    click_value: float
    reserve: float
    """The least that an impression is sold for."""
    soft_reserve: float
    """Bids below it pay themselves, others at least it. First price: infinite."""
    feedback: int
    """Of `FEEDBACK`."""
    charged_for: int
    """Of `EVENTS`."""
    conversion_rate: float
    """Conversions per click; 0 if there are none."""
    window: int
    """W: conversions more auctions after their click do not count; at most T."""
    delay_cdf: NDArray[np.float64]
    """(W + 1,) probability of a delay of at most 0..W auctions; if W is T, the last one of a delay within the window."""
    limit: float
    """Money that a unit of theta may cost on average; infinite if there is no limit."""
    limit_is_hard: bool
    calibration: float
    """Predicted theta per true theta, on average."""
    noise: float
    """Standard deviation of the logarithm of the predicted theta, given the true one."""
    tick_start: NDArray[np.int64]
    """(K + 1,) the auctions that ticks begin with, and T; (1,) where every auction is a decision of its own."""
    replay: bool
    """Play the log instead of the market."""
    shuffled: bool
    """A replayed episode begins at a random line, not where the one before it ended."""
    log_click: NDArray[np.int8]
    log_price: NDArray[np.int16]
    log_theta: NDArray[np.float64]
    regime_start: NDArray[np.int64]
    """(R,) the auction with which each regime begins."""
    theta: NDArray[np.float64]
    """(R, G) the values that theta can take."""
    theta_pmf: NDArray[np.float64]
    """(R, G) their probabilities."""
    theta_table: NDArray[np.float64]
    """(R, G, 2) alias table of these."""
    group: NDArray[np.int64]
    """(R, G) the price group of a theta."""
    price_table: NDArray[np.float64]
    """(R, H, 301, 2) alias table of the market price in every group."""


class State(NamedTuple):
    """One entry per episode: the fields of the core, then the bidder's."""

    rng: NDArray[np.uint64]
    t: NDArray[np.int64]
    episode: NDArray[np.int64]
    finished: NDArray[np.bool_]
    initial: NDArray[np.float64]
    remaining: NDArray[np.float64]
    cost: NDArray[np.float64]
    blocked: NDArray[np.int64]
    next_budget: NDArray[np.float64]
    next_episode: NDArray[np.int64]
    auction: NDArray[np.int64]  # number of the auction that is up
    theta: NDArray[np.float64]  # click probability of its impression
    predicted: NDArray[np.float64]  # what the bidder takes for theta
    source: NDArray[np.int64]  # where it comes from: an atom of the market, or a line of the log
    imagined: NDArray[np.bool_]  # a planner's fork: the log's future is forgotten, lines are drawn at random
    won: NDArray[np.float64]  # the decision before: share of its auctions that were won,
    price_paid: NDArray[np.float64]  # mean price of these,
    minimum_bid: NDArray[np.float64]  # mean bid that would have won,
    market_price: NDArray[np.float64]  # mean highest bid of the others
    wins: NDArray[np.int64]
    clicks: NDArray[np.int64]
    conversions: NDArray[np.int64]  # that were reported
    theta_value: NDArray[np.float64]  # sum of theta over the auctions won
    slack: NDArray[np.float64]  # what the predicted clicks of the impressions won may cost by the limit, less their prices
    limit_cost: NDArray[np.float64]  # the latest step's excess of prices over what the true theta may cost
    excess: NDArray[np.float64]  # its sum over the episode
    # W auctions back and ahead, as rings; only where there are conversions.
    click_charge: NDArray[np.float64]  # (n, W + 1) what the conversion of that auction's click is charged; -1 without a click
    click_due: NDArray[np.int64]  # (n, W + 1) the auction after which it converts; -1 for never
    due: NDArray[np.int64]  # (n, W + 1) conversions that will be reported after that auction
    due_charge: NDArray[np.float64]  # (n, W + 1) what will be charged for them
