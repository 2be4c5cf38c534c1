"""What planners know: how agents decide, how observations are read, what they can ask for, and what a precision does."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...envs.core.jit import jit
from ...envs.core.problem import read_only
from ...envs.core.scaling import unit_of
from ...envs.steering.behaviour import (
    TIE,
    belief,
    choice_law,
    log_odds,
    response,
    unwanted_probability,
)
from ...envs.steering.effort import effort_of
from ...envs.steering.kernels import NEAR_BASELINE
from ...envs.steering.problem import SocialSteering
from ...envs.steering.reading import Reading
from ...envs.steering.state import Params

MENU = 161
"""Precisions of a continuum that are looked at, besides the baseline and those at the edge of a cascade."""

EDGE = 1e-6
"""Log-odds by which a precision stays clear of the edge, where a continuum has one: more than the error of those that are
read from 32-bit observations, 3e-7 up to odds of 100 to 1."""


class Model(NamedTuple):
    """What a planner's kernel knows of the problem."""

    params: Params
    reading: Reading
    menu: NDArray[np.float64]
    """(m,) precisions to choose from: those on offer, or many of a continuum, increasing."""
    costs: NDArray[np.float64]
    """(m,) effort that they take."""
    baseline: int
    """Which of them is free."""


def in_units(problem: SocialSteering) -> tuple[SocialSteering, float]:
    """The problem with rewards of the order of 1, for which solvers have their tolerances, and the unit that they are in."""
    unit = unit_of(problem.params.loss)
    if unit == 1.0:
        return problem, unit
    return problem.replace(C=problem.params.loss / unit, price=problem.params.price / unit), unit


def model_of(problem: SocialSteering) -> Model:
    """What planners of this problem know; rewards are `in_units`."""
    problem = in_units(problem)[0]
    p = problem.params
    menu = p.levels
    if not p.listed:
        even = np.linspace(0.5, p.q_max, MENU)
        menu = np.unique(np.append(even[np.abs(even - p.effort.p) > 1e-6], p.effort.p))
    costs = np.array([effort_of(p.effort, q) for q in menu])
    return Model(p, problem.reading, read_only(menu), read_only(costs), int(np.flatnonzero(menu == p.effort.p)[0]))


@jit
def options(model):
    """How many options there are: the menu, and in a continuum the two sides of the edge of a cascade."""
    edges = 0 if model.params.listed else 2
    return model.menu.shape[0] + edges


@jit
def option(model, k, opinion):
    """Precision and cost of an option, where the next agent has this opinion.

    In a continuum, those of the menu that are at the edge are left to the edge's own options, which are clear of it.
    """
    mind = model.params.behaviour
    strength = (mind.prior_weight * abs(opinion) - mind.self_trust) / max(mind.contradicting, 1e-12)
    if k < model.menu.shape[0]:
        at_edge = not model.params.listed and abs(log_odds(model.menu[k]) - strength) < EDGE
        k = model.baseline if at_edge else k
        return model.menu[k], model.costs[k]
    side = 1.0 if k == model.menu.shape[0] else -1.0
    q, p = belief(strength + side * EDGE), model.params.effort.p
    if abs(q - p) <= NEAR_BASELINE:  # asked for, that would be the baseline itself
        q = p + side * 2.0 * NEAR_BASELINE
    q = min(max(q, 0.5), model.params.q_max)
    return q, effort_of(model.params.effort, q)


@jit
def choices(model, q, opinion):
    """Probability of the good action after a good and after a bad signal of precision q."""
    return response(model.params.behaviour, opinion, log_odds(q), model.params.own_on_ties)


@jit
def reward(model, q, cost, L, opinion):
    """Expected reward of a period, at public log-odds L."""
    p = model.params
    after_good, after_bad = choices(model, q, opinion)
    in_good, in_bad = choice_law(p.behaviour, after_good, after_bad, q)
    return -p.loss * unwanted_probability(p.biased, belief(L), in_good, in_bad) - p.price * cost


@jit
def ask(model, q):
    """The action of one topic that asks for a precision."""
    if model.params.on_scale:
        return min(max((q - 0.5) / (model.params.q_max - 0.5) * 2.0 - 1.0, -1.0), 1.0)
    level = 0
    while level + 1 < model.menu.shape[0] and model.menu[level] < q - TIE:
        level += 1
    return np.float64(level)
