"""The mathematics of a planner who steers what a society learns, one agent after another.

In every period, in each of K topics: the planner buys a precision q; an agent receives a signal that names the true state
with probability q; she weighs it against what is public, and acts; all see q and the action, nobody sees the signal; the
public belief moves by Bayes' rule. Log-odds are kept, not probabilities: `behaviour.py` says why ties matter.

The random numbers of a period are the same whatever the planner does, so all planners meet the same agents.
"""

from __future__ import annotations

import numpy as np

from ..core import jit, rng
from ..core.ledger import payment, pays
from . import behaviour as bh
from .effort import buy_level, buy_precision, effort_of

DRAWS = 3
"""Random numbers of a topic in a period: the signal, the choice, the switch of the state."""

NEAR_BASELINE = 1e-6
"""A precision asked for this near to the baseline is the baseline: learners act in 32-bit numbers."""


@jit
def reset(params, state, i):
    """The state of every topic, drawn from the prior."""
    u = rng.uniform(state.rng, i)
    prior = params.prior_low + (params.prior_high - params.prior_low) * u
    state.prior[i] = bh.log_odds(prior)
    for j in range(state.good.shape[1]):
        state.good[i, j] = rng.uniform(state.rng, i) < prior
        state.log_odds[i, j] = state.prior[i]
        state.belief[i, j] = prior
        state.last_precision[i, j] = state.last_action[i, j] = state.last_informative[i, j] = 0.0
    state.opinion[i, :] = state.prior[i]
    state.said[i, :] = 0.0
    state.errors[i] = state.good_actions[i] = state.informative[i] = 0


@jit
def level_asked_for(params, action):
    """Number of the precision that an action of a list asks for."""
    if not params.on_scale:
        return np.int64(action)
    q = asked_for(params, action)
    level = 0
    for k in range(1, params.levels.shape[0]):
        level += q > 0.5 * (params.levels[k - 1] + params.levels[k])
    return level


@jit
def asked_for(params, action):
    """The precision that an action on the scale from -1 to 1 asks for."""
    q = 0.5 + 0.5 * (action + 1.0) * (params.q_max - 0.5)
    return params.effort.p if abs(q - params.effort.p) <= NEAR_BASELINE else q


@jit
def purchase(params, action, left, initial):
    """What an action buys with the effort left: precision, strength, cost, and whether that is what it asked for."""
    if not params.listed:
        asked = asked_for(params, action)
        q = buy_precision(params.effort, asked, left, initial)
        return q, bh.log_odds(q), payment(left, effort_of(params.effort, q), initial), q == asked
    asked = level_asked_for(params, action)
    level = buy_level(params.costs, params.baseline, asked, left, initial)
    return params.levels[level], params.strengths[level], payment(left, params.costs[level], initial), level == asked


@jit
def step(params, state, i, action):
    """One agent in every topic."""
    topics = state.good.shape[1]
    draws = rng.reserve(state.rng, i, DRAWS * topics + 1)
    reward, spent, left = 0.0, 0.0, state.remaining[i, 0]
    for j in range(topics):
        q, strength, cost, as_asked = purchase(params, action[j], left, state.initial[i, 0])
        spent, left = spent + cost, left - cost
        state.blocked[i] += not as_asked
        reward += act(params, state, i, j, q, strength, draws)
    over = state.t[i] + 1 >= params.periods  # beyond, if restored from a longer problem
    if params.survival < 1.0:
        over |= rng.reserved(draws, DRAWS * topics + 1) >= params.survival
    return reward - params.price * spent, spent, over


@jit
def act(params, state, i, j, q, strength, draws):
    """An agent of topic j gets a signal of precision q and acts; the beliefs follow. Returns the reward of that."""
    apart = state.opinion.shape[1] > 0
    opinion = state.opinion[i, j] if apart else state.log_odds[i, j]
    mind, b, good = params.behaviour, state.belief[i, j], state.good[i, j]
    after_good, after_bad = bh.response(mind, opinion, strength, params.own_on_ties)
    in_good, in_bad = bh.choice_law(mind, after_good, after_bad, q)

    good_signal = good == (rng.reserved(draws, DRAWS * j + 1) < q)
    listens = (1.0 - mind.stubborn) * (after_good if good_signal else after_bad) + 0.5 * mind.stubborn
    good_action = rng.reserved(draws, DRAWS * j + 2) < listens
    state.errors[i] += good_action != good
    state.good_actions[i] += good_action

    if params.realised:
        unwanted = 0.0 if (good_action if params.biased else good_action == good) else 1.0
    else:
        unwanted = bh.unwanted_probability(params.biased, b, in_good, in_bad)

    said = bh.evidence(mind, after_good, after_bad, q, strength, good_action)
    state.informative[i] += said != 0.0
    state.last_precision[i, j] = q
    state.last_action[i, j] = 1.0 if good_action else -1.0
    state.last_informative[i, j] = 1.0 if said != 0.0 else 0.0
    if params.hazard > 0.0 and rng.reserved(draws, DRAWS * j + 3) < params.hazard:
        state.good[i, j] = not good
    if said != 0.0 or params.hazard > 0.0:
        state.log_odds[i, j] = bh.drift(bh.bounded(state.log_odds[i, j] + said), params.hazard)
        state.belief[i, j] = bh.belief(state.log_odds[i, j])
    if apart:
        state.opinion[i, j] = next_opinion(params, state, i, j, strength if good_action else -strength, said)
    return -params.loss * unwanted


@jit
def next_opinion(params, state, i, j, face_value, said):
    """What the next agent takes from what she can see, where that is not the planner's belief."""
    if params.observes.shape[0] > 0:
        state.said[i, state.t[i]] = face_value
        return naive_opinion(params.observes, state.prior[i], state.said[i], state.t[i] + 1)
    return bh.drift(bh.learn(params.behaviour, state.opinion[i, j], said), params.hazard)


@jit
def naive_opinion(observes, prior, said, agent):
    """Log-odds of an agent of a network who takes all that she observes at face value; after the last one, the prior."""
    opinion = prior
    if agent < observes.shape[0]:
        for s in range(agent):
            opinion += said[s] * observes[agent, s]
    return bh.bounded(opinion)


@jit
def squashed(b):
    """tanh(L / 4) of a belief, in [-1, 1]; square roots take a third of the time of a tanh."""
    good, bad = np.sqrt(b), np.sqrt(1.0 - b)
    return (good - bad) / (good + bad)


@jit
def observe(params, state, i, out):
    """The beliefs, what the next agent thinks where that differs, and what happened last."""
    k = 0
    topics = state.good.shape[1]
    if not params.history:
        for j in range(topics):
            out[k] = state.belief[i, j]
            out[k + topics] = squashed(state.belief[i, j])
            k += 1
        k += topics
        for j in range(state.opinion.shape[1]):
            out[k] = np.tanh(0.25 * state.opinion[i, j])
            k += 1
    for j in range(topics):
        out[k] = state.last_precision[i, j]
        out[k + topics] = state.last_action[i, j]
        out[k + 2 * topics] = state.last_informative[i, j]
        k += 1
    k += 2 * topics
    for s in range(state.said.shape[1]):
        out[k + s] = np.tanh(0.25 * state.said[i, s])


@jit
def mask(params, state, i, out):
    """Precisions that can be paid."""
    for level in range(params.levels.shape[0]):
        out[level] = pays(state.remaining[i, 0], params.costs[level], state.initial[i, 0])


@jit
def resample(params, state, i):
    """The hidden states, drawn from the planner's belief."""
    for j in range(state.good.shape[1]):
        state.good[i, j] = rng.uniform(state.rng, i) < state.belief[i, j]
