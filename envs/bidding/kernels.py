"""The mathematics of one bidder in a stream of auctions: what a decision asks for, what it may have, and what follows.

A decision is one auction, or a tick of many auctions that all meet the same rule of bidding. Either way auctions are held one
after another, each with what money is left by then: nothing is ever overspent.
"""

from __future__ import annotations

import numpy as np

from ..core import jit, rng
from ..core.ledger import pays
from .auctions import arrive, draw_auction, next_line, redraw_theta
from .conversions import draw_delay, expect_conversion, forget_conversions, redraw_conversions, report_conversions
from .law import (
    CLICK,
    CONVERSION,
    HIGHEST_PRICE,
    IMPRESSION,
    events_expected,
    highest_bid,
    least_price,
    minimum_bid,
    price_of_event,
    price_of_win,
    reward_of,
    wins,
)
from .state import DUAL, EXPECTED, FULL, MINIMUM, PACING, PRICE, WIN


@jit
def asked_bid(params, state, i, action):
    """The bid that an action asks for, at most 300.

    Itself; or theta * cost per click * exp(4 action); or, with prices mu of money (in multiples of the market's average worth
    of money) and lambda of the limit, the bid that maximises (1 + lambda) theta - (mu + lambda / limit) price.
    """
    theta = state.predicted[i]
    if params.control == PACING:
        return min(theta * params.mean_price / params.theta_avg * np.exp(4.0 * action[0]), np.float64(HIGHEST_PRICE))
    if params.control == DUAL:
        money = action[0] * params.theta_avg / params.mean_price + action[1] / params.limit
        worth = (1.0 + action[1]) * theta
        return worth / money if worth < money * HIGHEST_PRICE else np.float64(HIGHEST_PRICE)
    return np.float64(action[0])


@jit
def affordable_bid(params, state, i, asked, theta, money):
    """The bid for a predicted theta, lowered to what money and a hard limit allow: what it can be charged must be there."""
    events = events_expected(params, theta)
    most = money * events
    if params.limit_is_hard:
        most = min(most, max(state.slack[i] + params.limit * theta, 0.0))  # the slack may be below 0 by rounding
    most = highest_bid(params.rules, most)
    return asked if pays(most, asked, state.initial[i, 0] * events) else most


@jit
def is_last(params, state, i):
    """Whether the auction that is up is the episode's last one, as far as bidders know."""
    return state.auction[i] + 1 + state.late[i] == params.auctions


@jit
def hold_auction(params, state, i, action, money):
    """One auction with so much money left: reward, what is charged, and whether there is another one."""
    theta, predicted = state.theta[i], state.predicted[i]
    asked = asked_bid(params, state, i, action)
    bid = affordable_bid(params, state, i, asked, predicted, money)
    market_price, clicked = draw_auction(params, state, i)
    minimum = minimum_bid(params.rules, market_price)
    won = wins(bid, minimum)  # used as 0 or 1: a branch on it would be unpredictable
    price = won * price_of_win(params.rules, bid, minimum)
    clicked &= won
    state.blocked[i] += asked > bid
    state.wins[i] += won
    state.clicks[i] += clicked
    state.theta_value[i] += won * theta
    state.won[i] += won
    state.price_paid[i] += price
    state.minimum_bid[i] += minimum
    state.market_price[i] += market_price
    if params.limit < np.inf:
        state.slack[i] += won * params.limit * predicted - price
        beyond = price - won * params.limit * theta
        state.limit_cost[i] += beyond
        state.excess[i] += beyond

    charge = price
    if params.charged_for == CLICK:
        charge = min(price_of_event(params, price, predicted), money) if clicked else 0.0
    over = is_last(params, state, i) or not next_line(params, state, i)
    gain = won * theta if params.reward == EXPECTED else np.float64(clicked)
    if params.conversion_rate > 0.0:
        at_conversion = params.charged_for == CONVERSION
        later = price_of_event(params, price, predicted) if at_conversion and clicked else 0.0
        expect_conversion(params, state, i, clicked, later, draw_delay(params, state, i))
        converted, due = report_conversions(params, state, i, over)
        if at_conversion:
            charge = min(due, money)  # beyond what is left the exchange bears it
        if params.reward == CONVERSION:
            gain = np.float64(converted) / (params.conversion_rate if params.profit else 1.0)
    state.auction[i] += 1
    if not over:
        arrive(params, state, i)
    return reward_of(params, gain, charge), charge, over


@jit
def reset(params, state, i):
    """Episode k of a replay begins at line k T of the log, or at a random line."""
    state.imagined[i] = False
    state.auction[i] = 0
    forget_decision(state, i)
    state.wins[i] = 0
    state.clicks[i] = 0
    state.conversions[i] = 0
    state.theta_value[i] = 0.0
    state.slack[i] = 0.0
    state.excess[i] = 0.0
    if params.conversion_rate > 0.0:
        forget_conversions(params, state, i)
    if params.replay:
        lines = params.log_theta.shape[0]
        if params.shuffled:
            state.source[i] = rng.integer(state.rng, i, max(lines - params.auctions, 0) + 1)
        else:
            state.source[i] = state.episode[i] % params.episodes * params.auctions
        if params.scales_fragment:
            state.late[i] = max(state.source[i] + params.auctions - lines, 0)
    arrive(params, state, i)


@jit
def forget_decision(state, i):
    """What is reported of a decision's auctions starts from nothing."""
    state.won[i] = 0.0
    state.price_paid[i] = 0.0
    state.minimum_bid[i] = 0.0
    state.market_price[i] = 0.0
    state.limit_cost[i] = 0.0


@jit
def step(params, state, i, action):
    """One auction, or all auctions of a tick."""
    forget_decision(state, i)
    if params.tick_start.shape[0] == 1:
        return hold_auction(params, state, i, action, state.remaining[i, 0])
    reward, cost, over, auctions = 0.0, 0.0, False, 0
    while not over and state.auction[i] < params.tick_start[state.t[i] + 1]:
        gained, charge, over = hold_auction(params, state, i, action, state.remaining[i, 0] - cost)
        reward += gained
        cost = min(cost + charge, state.remaining[i, 0])  # a sum may round above what its parts were bounded by
        auctions += 1
    if auctions > 0:
        state.price_paid[i] /= max(state.won[i], 1.0)
        state.won[i] /= auctions
        state.minimum_bid[i] /= auctions
        state.market_price[i] /= auctions
    return reward, cost, over


@jit
def observe(params, state, i, out):
    """theta or traffic, and what a bidder knows from its own auctions; see the table in `RealTimeBidding`."""
    ticks = params.tick_start.shape[0] - 1
    if ticks > 0:
        ahead = params.tick_start[state.t[i] + 1] - params.tick_start[state.t[i]] if state.t[i] < ticks else 0
        out[0] = ahead * ticks / params.auctions
    else:
        out[0] = state.predicted[i] / params.theta_avg
    if params.feedback == PRICE:
        out[1] = state.price_paid[i] / HIGHEST_PRICE
    elif params.feedback == WIN:
        out[1] = state.won[i]
    else:
        out[1] = (state.minimum_bid[i] if params.feedback == MINIMUM else state.market_price[i]) / HIGHEST_PRICE
    per_auction = 1.0 / max(state.auction[i], 1)  # before the first one all counts are 0
    out[2] = state.wins[i] * per_auction
    spend_rate = state.spent[i, 0] * per_auction / params.mean_price
    out[3] = spend_rate if params.charged_for == IMPRESSION else spend_rate / (1.0 + spend_rate)
    k = 4
    if params.feedback == MINIMUM or params.feedback == FULL:
        out[k] = state.won[i]
        k += 1
    if params.conversion_rate > 0.0 or params.charged_for != IMPRESSION:
        out[k] = state.clicks[i] * per_auction / params.theta_avg
        k += 1
    if params.conversion_rate > 0.0:
        out[k] = state.conversions[i] * per_auction / (params.theta_avg * params.conversion_rate)
        k += 1
    if params.limit < np.inf:
        out[k] = state.slack[i] / (params.mean_price * params.auctions)


@jit
def mask(params, state, i, out):
    """Integer bids within what can be afforded; in a tick, whose impressions are not known yet, for the best of them."""
    theta = state.predicted[i] if params.tick_start.shape[0] == 1 else 1.0
    for bid in range(out.shape[0]):
        out[bid] = affordable_bid(params, state, i, np.float64(bid), theta, state.remaining[i, 0]) == bid


@jit
def resample(params, state, i):
    """A planner's view: true theta, conversions on their way, and a replayed log's future are redrawn.

    In a fork of a replay the present theta meets the price of a random line, and random lines come after it. The first
    impression of a tick is as unknown as the others.
    """
    if state.finished[i]:
        return
    if params.conversion_rate > 0.0:
        redraw_conversions(params, state, i)
    if params.replay:
        state.imagined[i] = True
        state.source[i] = rng.integer(state.rng, i, params.log_theta.shape[0])
    if params.tick_start.shape[0] > 1:
        arrive(params, state, i)
    elif params.noise > 0.0 or (params.calibration > 1.0 and state.predicted[i] == 1.0):
        redraw_theta(params, state, i)


@jit
def record_auctions(params, state, theta, price, clicked, length):
    """Write what comes up in the running episodes, from here to their ends: theta, price and click, each (n, T).

    The price is the least that winning costs. This is hindsight, for bounds. Uses up the episodes; auctions beyond an
    episode's `length` (n,) are left as they are.
    """
    for i in range(length.shape[0]):
        k = 0
        over = False
        while not over:
            market_price, clicked[i, k] = draw_auction(params, state, i)
            minimum = minimum_bid(params.rules, market_price)
            price[i, k], theta[i, k] = least_price(params.rules, minimum), state.theta[i]
            if params.conversion_rate > 0.0:
                draw_delay(params, state, i)  # the same draws as when it is played
            k += 1
            over = is_last(params, state, i) or not next_line(params, state, i)
            state.auction[i] += 1
            if not over:
                arrive(params, state, i)
        length[i] = k
        state.finished[i] = True
