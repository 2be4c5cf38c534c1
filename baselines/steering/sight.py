"""What planners read from an observation, what they can ask for, and what a precision does there."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...envs.core.jit import jit
from ...envs.core.problem import read_only
from ...envs.steering.behaviour import (
    CERTAIN,
    TIE,
    belief,
    choice_law,
    log_odds,
    response,
    unwanted_probability,
)
from ...envs.steering.effort import effort_of
from ...envs.steering.kernels import NEAR_BASELINE
from ...envs.steering.problem import Reading, SocialSteering
from ...envs.steering.state import Params

MENU = 161
"""Precisions of a continuum that are looked at, besides the baseline and those at the edge of a cascade."""

EDGE = 1e-7
"""Log-odds by which a precision stays clear of the edge, where a continuum has one."""


class Sight(NamedTuple):
    """What every planner's kernel reads."""

    params: Params
    reading: Reading
    menu: NDArray[np.float64]
    """(m,) precisions to choose from: those on offer, or many of a continuum, increasing."""
    costs: NDArray[np.float64]
    """(m,) effort that they take."""
    baseline: int
    """Which of them is free."""


def sight_of(problem: SocialSteering) -> Sight:
    """What planners of this problem read."""
    p = problem.params
    menu = p.levels
    if not p.listed:
        even = np.linspace(0.5, p.q_max, MENU)
        menu = np.unique(np.append(even[np.abs(even - p.effort.p) > 1e-6], p.effort.p))
    costs = np.array([effort_of(p.effort, q) for q in menu])
    return Sight(p, problem.reading, read_only(menu), read_only(costs), int(np.flatnonzero(menu == p.effort.p)[0]))


@jit
def see_belief(sight, observation, topic):
    """Log-odds of the public belief."""
    return log_odds(observation[sight.reading.belief + topic])


@jit
def see_opinion(sight, observation, topic):
    """Log-odds that the next agent takes from what she sees."""
    if sight.reading.opinion < 0:
        return see_belief(sight, observation, topic)
    shown = observation[sight.reading.opinion + topic]
    if abs(shown) >= 1.0:
        return CERTAIN if shown > 0.0 else -CERTAIN
    return 4.0 * np.arctanh(shown)


@jit
def see_left(sight, observation):
    """Effort that is left."""
    size, rest = observation[observation.shape[0] - 3], observation[observation.shape[0] - 2]
    return rest * size / max(1.0 - size, 1e-12) * sight.reading.scale


@jit
def see_period(sight, observation):
    """Number of the period, from 0."""
    return np.int64(np.round((1.0 - observation[observation.shape[0] - 1]) * sight.reading.horizon))


@jit
def options(sight):
    """How many options there are: the menu, and in a continuum the two sides of the edge of a cascade."""
    edges = 0 if sight.params.listed else 2
    return sight.menu.shape[0] + edges


@jit
def option(sight, k, opinion):
    """Precision and cost of an option, where the next agent has this opinion."""
    if k < sight.menu.shape[0]:
        return sight.menu[k], sight.costs[k]
    mind = sight.params.behaviour
    strength = (mind.prior_weight * abs(opinion) - mind.self_trust) / max(mind.contradicting, 1e-12)
    side = 1.0 if k == sight.menu.shape[0] else -1.0
    q, p = belief(strength + side * EDGE), sight.params.effort.p
    if abs(q - p) <= NEAR_BASELINE:  # asked for, that would be the baseline itself
        q = p + side * 2.0 * NEAR_BASELINE
    q = min(max(q, 0.5), sight.params.q_max)
    return q, effort_of(sight.params.effort, q)


@jit
def choices(sight, q, opinion):
    """Probability of the good action after a good and after a bad signal of precision q."""
    return response(sight.params.behaviour, opinion, log_odds(q), sight.params.own_on_ties)


@jit
def reward(sight, q, cost, L, opinion):
    """Expected reward of a period, at public log-odds L."""
    p = sight.params
    after_good, after_bad = choices(sight, q, opinion)
    in_good, in_bad = choice_law(p.behaviour, after_good, after_bad, q)
    return -p.loss * unwanted_probability(p.biased, belief(L), in_good, in_bad) - p.price * cost


@jit
def ask(sight, q):
    """The action of one topic that asks for a precision."""
    if sight.params.on_scale:
        return min(max((q - 0.5) / (sight.params.q_max - 0.5) * 2.0 - 1.0, -1.0), 1.0)
    level = 0
    while level + 1 < sight.menu.shape[0] and sight.menu[level] < q - TIE:
        level += 1
    return np.float64(level)
