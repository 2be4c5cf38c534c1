"""What the bidding kernels read and change: parameters of the market and its rules, and one state per episode."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core import Bools, CoreState, Floats, Ints, Shape, state
from .law import Rules

CONTROLS = ("bid", "pacing", "dual")
"""What an action is: a bid, an exponent on the worth, or the prices of money and of the limit."""
BID, PACING, DUAL = range(3)

REWARDS = ("expected", "click", "conversion")
"""What is rewarded: by the same numbers as `EVENTS`."""
EXPECTED = 0

FEEDBACK = ("win", "price", "minimum", "full")
"""What an auction shows its bidders."""
WIN, PRICE, MINIMUM, FULL = range(4)


class Params(NamedTuple):
    """What the kernels read. R regimes, G theta atoms, H price groups, L lines of the log; money in the log's unit."""

    auctions: int
    """T, per episode."""
    episodes: int
    """Of a replayed log; 1 otherwise."""
    scales_fragment: bool
    """An episode at the end of the log that is too short has its share of time and budget, and not those of a whole one."""
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
    rules: Rules
    """Of an auction."""
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


@state
class State(CoreState):
    """One entry per episode: the fields of the core, then the bidder's."""

    auction: Ints
    """Number of the auction that is up."""
    theta: Floats
    """Click probability of its impression."""
    predicted: Floats
    """What the bidder takes for theta."""
    source: Ints
    """Where it comes from: an atom of the market, or a line of the log."""
    imagined: Bools
    """A planner's fork: the log's future is forgotten, lines are drawn at random."""
    won: Floats
    """The decision before: share of its auctions that were won."""
    price_paid: Floats
    """Mean price of these."""
    minimum_bid: Floats
    """Mean bid that would have won."""
    market_price: Floats
    """Mean highest bid of the others."""
    wins: Ints
    clicks: Ints
    conversions: Ints
    """That were reported."""
    theta_value: Floats
    """Sum of theta over the auctions won."""
    slack: Floats
    """What the predicted clicks of the impressions won may cost by the limit, less their prices."""
    limit_cost: Floats
    """The latest step's excess of prices over what the true theta may cost."""
    excess: Floats
    """Its sum over the episode."""
    # W auctions back and ahead, as rings; only where there are conversions.
    click_charge: Annotated[Floats, Shape("ring", fill=-1.0)]
    """(n, W + 1) what the conversion of that auction's click is charged; -1 without a click."""
    click_due: Annotated[Ints, Shape("ring", fill=-1)]
    """(n, W + 1) the auction after which it converts; -1 for never."""
    due: Annotated[Ints, Shape("ring")]
    """(n, W + 1) conversions that will be reported after that auction."""
    due_charge: Annotated[Floats, Shape("ring")]
    """(n, W + 1) what will be charged for them."""
