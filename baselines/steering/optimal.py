"""Planners that look one period ahead into computed values: the exact optimum, and the one with a price on effort."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...envs.core.jit import jit
from ...envs.core.problem import Problem, read_only
from ...envs.steering.effort import SLACK
from .exact import Exact, Functions, exact, relaxed
from .piecewise import Law, look_ahead
from .planners import Steering
from .sight import Sight, affordable, ask, see_belief, see_left, see_period, sight_of, steering_problem
from .values import best_price, single_topic


class LookAheadParameters(NamedTuple):
    """The values of what follows; see `Exact`."""

    sight: Sight
    law: Law
    rests: NDArray[np.float64]
    after: NDArray[np.int64]
    ahead: Functions


def parameters_of(sight: Sight, solved: Exact) -> LookAheadParameters:
    """The solution as a kernel reads it."""
    law = Law(*map(read_only, solved.law))
    ahead = Functions(*map(read_only, solved.ahead))
    return LookAheadParameters(sight, law, read_only(solved.rests), read_only(solved.after), ahead)


@jit
def best_level(p, period, rest, L, left):
    """The best precision's number, in a period, with a rest of effort, at log-odds L; of equal ones the cheapest."""
    sight, ahead = p.sight, p.ahead
    best, best_value = sight.baseline, -np.inf
    for a in range(sight.menu.shape[0]):
        follows = p.after[rest, a]
        if follows < 0 or not affordable(sight.costs[a], left):
            continue
        f = period * p.rests.shape[0] + follows
        i, n = ahead.start[f], ahead.size[f]
        x, at = ahead.x[i : i + n + 1], ahead.at[i : i + n + 1]
        g, h = ahead.g[i : i + n + 1], ahead.h[i : i + n + 1]
        value = look_ahead(p.law, a, x, at, g, h, n, L, sight.params.survival)
        equal = abs(value - best_value) <= 1e-9
        if value > best_value + 1e-9 or (equal and sight.costs[a] < sight.costs[best]):
            best, best_value = a, value
    return best


@jit
def act_look_ahead(p, observation, memory, action):
    """The best precision for every topic by itself."""
    sight = p.sight
    left = see_left(sight, observation)
    period = min(see_period(sight, observation), sight.params.periods - 1)  # after the end nobody listens
    for j in range(action.shape[0]):
        rest = 0
        while rest + 1 < p.rests.shape[0] and p.rests[rest + 1] <= left + SLACK:
            rest += 1
        level = best_level(p, period, rest, see_belief(sight, observation, j), left)
        left -= sight.costs[level]
        action[j] = ask(sight, sight.menu[level])


class Optimal(Steering):
    """The exact optimum of one topic with a list of precisions.

    Args:
        problem: what to steer; its largest budget is solved for, and all that can be left of it.

    Raises:
        ValueError: where there is no exact solution, see `exact`.
    """

    name = "optimal"

    def __init__(self, problem: Problem) -> None:
        problem = steering_problem(problem, self.name)
        _, high = problem.budget.arrays(problem.resources)
        super().__init__(problem, act_look_ahead, parameters_of(sight_of(problem), exact(problem, float(high[0]))))


class Lagrangian(Steering):
    """Steers as if effort could be bought at a price, at which a planner would spend the budget on average.

    That is the optimum of the relaxed problem, whose value is the upper bound (`values.bound`). Every topic for itself, as
    long as the effort lasts.

    Args:
        problem: what to steer.

    Raises:
        ValueError: where a topic by itself has no exact solution, see `exact`.
    """

    name = "lagrangian"

    def __init__(self, problem: Problem) -> None:
        problem = steering_problem(problem, self.name)
        alone = single_topic(problem)
        self.price = best_price(problem, problem.budget.middle(problem.resources))
        solved = relaxed(alone, alone.params.price + self.price)
        super().__init__(problem, act_look_ahead, parameters_of(sight_of(problem), solved))
