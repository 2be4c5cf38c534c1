"""What is known of a steering problem: the best expected return or a bound on it, and the return of doing nothing."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from ...envs.steering.effort import effort_of
from ...envs.steering.problem import SocialSteering
from ..core.cache import ByKey
from . import grid
from .enumeration import enumerated_value
from .exact import check_exact, exact, relaxed, value, without_control
from .model import in_units

GRID_STEP = 1e-3
"""Of the beliefs, where values are computed on a grid."""


def optimal_value(problem: SocialSteering, budget: float) -> float:
    """The best expected return where dynamic programming can find it, otherwise an upper bound on it.

    Args:
        problem: its own budget is ignored.
        budget: effort of an episode.

    Raises:
        ValueError: networks and biased public beliefs with more states than can be listed, of which neither is known.
    """
    if problem.opinions_apart:
        return enumerated_value(problem, budget)
    try:
        solvable, unit = in_units(problem)
        return unit * value(exact(solvable, budget), solvable)
    except ValueError:  # several topics, a continuum of precisions, a logit, or too many amounts that can be left
        return bound(problem, budget)


def null_value(problem: SocialSteering) -> float:
    """The expected return of never doing anything.

    Raises:
        ValueError: networks and biased public beliefs with more states than can be listed.
    """
    if problem.opinions_apart:
        return enumerated_value(problem, 0.0, control=False)
    alone, unit = in_units(single_topic(problem))
    if alone.params.behaviour.certain_choice:
        return problem.topics * unit * value(without_control(alone), alone)
    solved = grid.no_control(society_of(alone), **_time(alone), step=GRID_STEP)
    return problem.topics * unit * _over_priors(alone, solved)


def bound(problem: SocialSteering, budget: float) -> float:
    """The Lagrangian bound: the best return if effort may be bought and sold at a price, at the worst price for the planner.

    Every topic is solved for itself. Proved for lists of precisions and agents with certain choices; for a continuum and
    for logit agents up to the grid of beliefs, 1e-4 to 1e-3. Exact if the budget cannot run out.
    """
    solvable, unit = in_units(problem)
    return unit * _bound(ByKey(solvable), budget)[0]


def best_price(problem: SocialSteering, budget: float) -> float:
    """The price of effort at which the bound is least, beside the problem's own price."""
    solvable, unit = in_units(problem)
    return unit * _bound(ByKey(solvable), budget)[1]


@lru_cache(maxsize=64)
def _bound(which: ByKey[SocialSteering], budget: float) -> tuple[float, float]:
    """The least bound, and its price."""
    problem = which.problem
    alone = single_topic(problem)
    priced = _Priced(alone)

    def dual(price: float) -> float:
        return problem.topics * priced(price) + price * budget

    if budget >= problem.topics * unlimited(alone):
        return problem.topics * priced(0.0), 0.0
    # At a price at which even all that can be lost is not worth a thousandth of the most expensive precision, nobody buys.
    most = 1000.0 * alone.params.loss * alone.params.periods / most_expensive(alone)
    tried = [(dual(0.0), 0.0)]

    def note(price: float) -> float:
        tried.append((dual(float(price)), float(price)))
        return tried[-1][0]

    # The dual is convex in the price, with most of its bends at small ones: search in its square root.
    minimize_scalar(
        lambda root: note(root * root), bounds=(0.0, most**0.5), method="bounded", options={"xatol": 4e-8 * most**0.5}
    )
    return min(tried)


class _Priced:
    """The value of one topic without a budget, by the price of effort that comes on top of the problem's own."""

    def __init__(self, alone: SocialSteering) -> None:
        self.alone = alone
        self.listed = alone.params.behaviour.certain_choice and levels_of(alone) is not None
        if self.listed:
            check_exact(alone)

    def __call__(self, price: float) -> float:
        alone = self.alone
        total = alone.params.price + price
        if self.listed:
            return value(relaxed(alone, total), alone)
        time, levels = _time(alone), levels_of(alone)
        solved = grid.solve(society_of(alone), price=total, levels=levels, step=GRID_STEP, precisions=401, **time)
        return _over_priors(alone, solved)


def single_topic(problem: SocialSteering) -> SocialSteering:
    """One of the problem's topics, without a budget.

    Raises:
        ValueError: networks and biased public beliefs.
    """
    if problem.opinions_apart:
        raise ValueError(f"{problem.instance}: a single topic can't be solved with networks and biased public beliefs")
    return problem.replace(topics=1, budget=None)


def unlimited(alone: SocialSteering) -> float:
    """Effort of one topic that cannot run out."""
    return alone.params.periods * most_expensive(alone)


def most_expensive(alone: SocialSteering) -> float:
    """Effort that the most expensive precision takes."""
    p = alone.params
    if levels_of(alone) is not None:
        return float(p.costs.max())
    return max(effort_of(p.effort, p.q_max), effort_of(p.effort, 0.5))


def levels_of(problem: SocialSteering) -> list[float] | None:
    """The precisions on offer; None: a continuum."""
    p = problem.params
    return p.levels.tolist() if p.listed else None


def society_of(alone: SocialSteering) -> grid.Society:
    """A topic as the solver on the grid takes it."""
    p = alone.params
    return grid.Society(p.biased, p.loss, p.effort, p.behaviour, p.own_on_ties, p.hazard, p.q_max)


def _time(alone: SocialSteering) -> dict[str, Any]:
    """Horizon and discount, as the solver on the grid takes them; a society without a last period has no horizon there."""
    endless = alone.settings.get("T", 0) is None
    return {"discount": alone.params.survival, "horizon": None if endless else alone.params.periods}


def _over_priors(alone: SocialSteering, solved: grid.Solution) -> float:
    """The mean value over the problem's priors."""
    low, high = alone.params.prior_low, alone.params.prior_high
    if low == high:
        return solved.value(low)
    return float(np.mean([solved.value(b) for b in np.linspace(low, high, 2001)]))
