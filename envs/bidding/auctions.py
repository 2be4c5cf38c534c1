"""What comes up in an auction, and who else bids.

The price is drawn when the auction is held, not when the impression arrives, so that the state hides nothing but the future
(and the true theta, where predictions are noisy). A replayed log holds both, and a planner's forks forget it. Every auction
consumes the same number of random draws whatever the bid, so all bidders meet the same auctions.
"""

from __future__ import annotations

import math

import numpy as np

from ..core import jit, rng
from .law import regime_of


@jit
def arrive(params, state, i):
    """The next impression comes up, and its theta is predicted."""
    if params.replay:
        if state.imagined[i]:
            state.source[i] = rng.integer(state.rng, i, params.log_theta.shape[0])
        state.theta[i] = params.log_theta[state.source[i]]
    else:
        r = regime_of(params.regime_start, state.auction[i])
        state.source[i] = rng.from_alias(state.rng, i, params.theta_table[r])
        state.theta[i] = params.theta[r, state.source[i]]
    state.predicted[i] = predict(params, state, i)


@jit
def predict(params, state, i):
    """What the bidder takes for theta: theta * calibration * a log-normal of mean 1, at most 1."""
    if params.noise > 0.0:
        error = params.noise * rng.normal(state.rng, i) - 0.5 * params.noise**2
        return min(state.theta[i] * params.calibration * np.exp(error), 1.0)
    return min(state.theta[i] * params.calibration, 1.0)


@jit
def draw_auction(params, state, i):
    """The highest bid of the others for the impression that is up, and whether it will be clicked if it is won."""
    if params.replay:
        line = state.source[i]
        if not state.imagined[i]:
            return np.float64(params.log_price[line]), params.log_click[line] == 1
        return np.float64(params.log_price[line]), rng.uniform(state.rng, i) < state.theta[i]
    r = regime_of(params.regime_start, state.auction[i])
    g = params.group[r, state.source[i]]
    price = rng.from_alias(state.rng, i, params.price_table[r, g])
    return np.float64(price), rng.uniform(state.rng, i) < state.theta[i]


@jit
def next_line(params, state, i):
    """Move a replay to the next line of the log. False at its end."""
    if params.replay and not state.imagined[i]:
        state.source[i] += 1
        return state.source[i] < params.log_theta.shape[0]
    return True


@jit
def likelihood(params, theta, predicted):
    """How likely a theta makes a prediction, up to a factor; one that was lowered to 1 was at least so much."""
    if params.noise == 0.0 or theta == 0.0 or predicted == 0.0:
        return np.float64(min(theta * params.calibration, 1.0) == predicted)
    z = (np.log(predicted / params.calibration) - np.log(theta) + 0.5 * params.noise**2) / params.noise
    return np.exp(-0.5 * z * z) if predicted < 1.0 else math.sqrt(0.5 * math.pi) * math.erfc(z / math.sqrt(2.0))


@jit
def redraw_theta(params, state, i):
    """Redraw the true theta given what was predicted: an atom of the market, or the theta of a line, all being as likely.

    Reservoir sampling with the likelihood of the prediction as weight. A line lends its theta only, not its price.
    """
    r = regime_of(params.regime_start, state.auction[i])
    atoms = params.log_theta.shape[0] if params.replay else params.theta.shape[1]
    total = 0.0
    for g in range(atoms):
        theta = params.log_theta[g] if params.replay else params.theta[r, g]
        prior = 1.0 if params.replay else params.theta_pmf[r, g]
        weight = prior * likelihood(params, theta, state.predicted[i])
        total += weight
        if weight > 0.0 and rng.uniform(state.rng, i) * total < weight:
            state.theta[i] = theta
            if not params.replay:
                state.source[i] = g
