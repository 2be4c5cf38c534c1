"""The exact optimum where one belief is not enough: biased public beliefs, and small networks.

There the state is the planner's belief together with what the next agents think, or with all that was said. All states that
can be reached from the prior are listed, period by period; the same one reached in two ways counts once.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...envs.core.jit import jit
from ...envs.core.ledger import payment, pays
from ...envs.steering.behaviour import (
    belief,
    bounded,
    choice_law,
    drift,
    evidence,
    good_probability,
    learn,
    log_odds,
    response,
    unwanted_probability,
)
from ...envs.steering.kernels import naive_opinion
from ...envs.steering.problem import SocialSteering
from ...envs.steering.state import Params
from ..core.cache import ByKey

MOST_STATES = 1_500_000
"""In one period, before the same ones are joined."""

DIGITS = 8
"""Log-odds and effort that agree to this many decimals are the same."""


class Layer(NamedTuple):
    """A period: n states, A precisions."""

    gain: NDArray[np.float64]
    """(n, A) expected reward; -inf if it can't be paid."""
    likely: NDArray[np.float64]
    """(n, A) probability of a good action."""
    after: NDArray[np.int64]
    """(n, A, 2) number of the state in the next period, after a good and after a bad action."""


def enumerated_value(problem: SocialSteering, budget: float, control: bool = True) -> float:
    """The best expected return; without `control` that of never doing anything.

    Args:
        problem: of one topic, with a list of precisions and one prior.
        budget: effort of an episode.
        control: otherwise the baseline always.

    Raises:
        ValueError: other problems, and those with too many states.
    """
    p = problem.params
    if problem.topics > 1 or (control and not p.listed) or p.prior_low != p.prior_high:
        raise ValueError(f"{problem.instance}: states can be listed of one topic with one prior and a list of precisions")
    return _value(ByKey(problem), budget, control)


@lru_cache(maxsize=32)
def _value(which: ByKey[SocialSteering], budget: float, control: bool) -> float:
    p = which.problem.params
    actions = np.arange(len(p.levels)) if control else np.array([p.baseline])
    start = log_odds(p.prior_low)
    states = np.array([[start, start, budget, *np.zeros(len(p.observes))]])
    last_reader = (p.observes * np.arange(len(p.observes))[:, None]).max(axis=0, initial=0)
    layers: list[Layer] = []
    for t in range(p.periods):
        n, A = len(states), len(actions)
        if 2 * n * A > MOST_STATES:
            raise ValueError(f"{which.problem.instance} has more than {MOST_STATES} states in period {t}; no exact solution")
        gain, likely = np.full((n, A), -np.inf), np.zeros((n, A))
        following = np.repeat(states, 2 * A, axis=0).reshape(n, A, 2, -1)
        expand(p, states, actions, t, start, budget, gain, likely, following)
        following[..., 3:][..., last_reader <= t + 1] = 0.0  # what nobody will look at any more makes no difference
        happens = np.stack([likely > 0.0, likely < 1.0], axis=-1) & np.isfinite(gain)[..., None]
        rows = following[happens]
        _, first, inverse = np.unique(np.round(rows, DIGITS) + 0.0, axis=0, return_index=True, return_inverse=True)
        states = rows[first]  # as computed, not as rounded: ties must stay ties
        after = np.zeros((n, A, 2), np.int64)
        after[happens] = inverse.ravel()
        layers.append(Layer(gain, likely, after))
    values = np.zeros(len(states))
    for gain, likely, after in reversed(layers):
        ahead = likely * values[after[..., 0]] + (1.0 - likely) * values[after[..., 1]]
        values = (gain + p.survival * ahead).max(axis=1)
    return float(values[0])


@jit
def expand(p: Params, states, actions, t, prior, budget, gain, likely, following):
    """Write what every precision brings in every state (belief, opinion, effort left, all that was said).

    `following` (n, A, 2, ...) comes as copies of the states.
    """
    for i in range(states.shape[0]):
        L, opinion, left = states[i, 0], states[i, 1], states[i, 2]
        b = belief(L)
        for a in range(actions.shape[0]):
            q, strength, cost = p.levels[actions[a]], p.strengths[actions[a]], p.costs[actions[a]]
            if not pays(left, cost, budget):
                continue
            after_good, after_bad = response(p.behaviour, opinion, strength, p.own_on_ties)
            in_good, in_bad = choice_law(p.behaviour, after_good, after_bad, q)
            likely[i, a] = good_probability(b, in_good, in_bad)
            gain[i, a] = -p.loss * unwanted_probability(p.biased, b, in_good, in_bad) - p.price * cost
            for k in range(2):
                good_action = k == 0
                said = evidence(p.behaviour, after_good, after_bad, q, strength, good_action)
                row = following[i, a, k]
                row[0] = drift(bounded(L + said), p.hazard)
                row[2] = left - payment(left, cost, budget)
                if p.observes.shape[0] == 0:
                    row[1] = drift(learn(p.behaviour, opinion, said), p.hazard)
                    continue
                row[3 + t] = strength if good_action else -strength
                row[1] = naive_opinion(p.observes, prior, row[3:], t + 1)
