"""The mathematics of one bidder in a stream of second-price auctions.

An impression arrives with its click probability `theta`. The bidder bids, the market price is revealed by winning: the
highest competing bid, paid if the own bid reaches it (ties win). The price is drawn when the auction is held, not when the
impression arrives, so the state hides nothing but the future; a replayed log holds both, and `resample` forgets it.

Every auction consumes the same number of random draws whatever the bid, so all bidders meet the same auctions.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core import jit, rng

HIGHEST_PRICE = 300


class Params(NamedTuple):
    """What the kernels read. R regimes, G theta atoms, H price groups, L lines of the log; money in the log's unit."""

    auctions: int
    """T, per episode."""
    theta_avg: float
    """Scale of theta in observations."""
    mean_price: float
    """Scale of money per auction in observations."""
    pacing: bool
    """The action is a pacing exponent, not a bid."""
    realised: bool
    """Reward clicks instead of theta."""
    profit: bool
    """Subtract what is paid from what clicks are worth."""
    click_value: float
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
    theta_table: NDArray[np.float64]
    """(R, G, 2) alias table of their probabilities."""
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
    theta: NDArray[np.float64]  # click probability of the impression that is up for auction
    source: NDArray[np.int64]  # where it comes from: an atom of the market, or a line of the log
    imagined: NDArray[np.bool_]  # a planner's fork: the log's future is forgotten, lines are drawn at random
    last_price: NDArray[np.float64]  # price paid in the auction before, 0 if it was lost
    wins: NDArray[np.int64]
    clicks: NDArray[np.int64]
    theta_value: NDArray[np.float64]  # sum of theta over the auctions won


@jit
def regime(params, t):
    """The regime of auction t."""
    r = params.regime_start.shape[0] - 1
    while params.regime_start[r] > t:
        r -= 1
    return r


@jit
def arrive(params, state, i, t):
    """The impression of auction t comes up."""
    if params.replay:
        if state.imagined[i]:
            state.source[i] = rng.integer(state.rng, i, params.log_theta.shape[0])
        state.theta[i] = params.log_theta[state.source[i]]
    else:
        r = regime(params, t)
        state.source[i] = rng.from_alias(state.rng, i, params.theta_table[r])
        state.theta[i] = params.theta[r, state.source[i]]


@jit
def hold_auction(params, state, i, t):
    """Market price of the impression that is up, and whether it will be clicked if it is won."""
    if params.replay:
        line = state.source[i]
        if not state.imagined[i]:
            return np.float64(params.log_price[line]), params.log_click[line] == 1
        return np.float64(params.log_price[line]), rng.uniform(state.rng, i) < state.theta[i]
    r = regime(params, t)
    g = params.group[r, state.source[i]]
    price = rng.from_alias(state.rng, i, params.price_table[r, g])
    return np.float64(price), rng.uniform(state.rng, i) < state.theta[i]


@jit
def asked_bid(params, state, i, action):
    """The bid that an action asks for: itself, or theta * cost per click * exp(4 action), both at most 300."""
    if params.pacing:
        truthful = state.theta[i] * params.mean_price / params.theta_avg
        return min(truthful * np.exp(4.0 * action[0]), np.float64(HIGHEST_PRICE))
    return np.float64(action[0])


@jit
def next_line(params, state, i):
    """Move a replay to the next line of the log. False at its end."""
    if params.replay and not state.imagined[i]:
        state.source[i] += 1
        return state.source[i] < params.log_theta.shape[0]
    return True


@jit
def reset(params, state, i):
    """Episode k of a replay begins at line k T of the log, or at a random line."""
    state.imagined[i] = False
    state.last_price[i] = 0.0
    state.wins[i] = 0
    state.clicks[i] = 0
    state.theta_value[i] = 0.0
    if params.replay:
        lines = params.log_theta.shape[0]
        if params.shuffled:
            state.source[i] = rng.integer(state.rng, i, max(lines - params.auctions, 0) + 1)
        else:
            episodes = (lines + params.auctions - 1) // params.auctions
            state.source[i] = state.episode[i] % episodes * params.auctions
    arrive(params, state, i, 0)


@jit
def step(params, state, i, action):
    """One auction. A bid beyond what remains is lowered to it."""
    asked = asked_bid(params, state, i, action)
    bid = min(asked, state.remaining[i, 0])
    price, clicked = hold_auction(params, state, i, state.t[i])
    won = bid >= price  # used as 0 or 1: a branch on it would be unpredictable
    gain = np.float64(clicked) if params.realised else state.theta[i]
    worth = params.click_value * gain - price if params.profit else gain
    cost = won * price
    state.blocked[i] += asked > bid
    state.wins[i] += won
    state.clicks[i] += won & clicked
    state.theta_value[i] += won * state.theta[i]
    state.last_price[i] = cost
    t = state.t[i] + 1
    over = t == params.auctions or not next_line(params, state, i)
    if not over:
        arrive(params, state, i, t)
    return won * worth, cost, over


@jit
def observe(params, state, i, out):
    """theta, and what a bidder knows from its own auctions; see the table in `RealTimeBidding`."""
    out[0] = state.theta[i] / params.theta_avg
    out[1] = state.last_price[i] / HIGHEST_PRICE
    per_auction = 1.0 / max(state.t[i], 1)  # before the first one all counts are 0
    out[2] = state.wins[i] * per_auction
    out[3] = (state.initial[i, 0] - state.remaining[i, 0]) * per_auction / params.mean_price


class Reading(NamedTuple):
    """What a bidder must know to read observations: their scales, which are public."""

    theta_avg: float
    money_scale: float
    auctions: int


@jit
def read_theta(reading, observation):
    """The impression's click probability."""
    return observation[0] * reading.theta_avg


@jit
def read_last_price(observation):
    """What was paid in the auction before."""
    return observation[1] * HIGHEST_PRICE


@jit
def read_initial(reading, observation):
    """The budget at the start of the episode."""
    size = observation[4]
    return reading.money_scale * size / (1.0 - size)


@jit
def read_remaining(reading, observation):
    """The money left, a whole number: market prices are, and the shares in the observation are off by rounding."""
    return np.int64(read_initial(reading, observation) * observation[5] + 1e-6)


@jit
def read_auctions_left(reading, observation):
    """The auctions left, this one included."""
    return np.int64(observation[6] * reading.auctions + 0.5)


@jit
def mask(params, state, i, out):
    """Integer bids within what remains."""
    for bid in range(out.shape[0]):
        out[bid] = bid <= state.remaining[i, 0]


@jit
def resample(params, state, i):
    """A planner's view of a replayed log: the present theta, with the price of a random line, and random lines after it."""
    if params.replay and not state.finished[i]:
        state.imagined[i] = True
        state.source[i] = rng.integer(state.rng, i, params.log_theta.shape[0])


@jit
def record_auctions(params, state, theta, price, clicked, length):
    """Write what comes up in the running episodes, from here to their ends: theta, price and click, each (n, T).

    This is hindsight, for bounds. Uses up the episodes; auctions beyond an episode's `length` (n,) are left as they are.
    """
    for i in range(length.shape[0]):
        t = 0
        over = False
        while not over:
            price[i, t], clicked[i, t] = hold_auction(params, state, i, t)
            theta[i, t] = state.theta[i]
            t += 1
            over = t == params.auctions or not next_line(params, state, i)
            if not over:
                arrive(params, state, i, t)
        length[i] = t
        state.finished[i] = True
