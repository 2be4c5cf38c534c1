"""Planners that look one period ahead into computed values: the exact optimum, and the one with a price on effort."""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from ...envs.core.checks import positive
from ...envs.core.jit import jit
from ...envs.core.ledger import ROUNDING, pays
from ...envs.core.problem import Problem, read_only
from ...envs.steering.behaviour import TIE, belief, bounded, choice_law, drift, evidence, good_probability, log_odds
from ...envs.steering.problem import SocialSteering
from ...envs.steering.reading import read_initial, read_left, read_log_odds, read_period
from .exact import TOLERANCE, Exact, Functions, check_exact, exact, relaxed
from .grid import solve
from .model import (
    Model,
    ask,
    choices,
    in_units,
    model_of,
    option,
    options,
    reward,
)
from .piecewise import Law, look_ahead
from .planners import Steering
from .values import best_price, levels_of, single_topic, society_of, unlimited


class LookAheadParameters(NamedTuple):
    """The values of what follows; see `Exact`."""

    model: Model
    law: Law
    rests: NDArray[np.float64]
    after: NDArray[np.int64]
    ahead: Functions


def parameters_of(model: Model, solved: Exact) -> LookAheadParameters:
    """The solution as a kernel reads it."""
    law = Law(*map(read_only, solved.law))
    ahead = Functions(*map(read_only, solved.ahead))
    return LookAheadParameters(model, law, read_only(solved.rests), read_only(solved.after), ahead)


@jit
def best_level(p, period, rest, L, left, initial):
    """The best precision's number, in a period, with a rest of effort, at log-odds L.

    Of equally good ones the cheapest, and if that is free the baseline.
    """
    model, ahead = p.model, p.ahead
    best, best_value = model.baseline, -np.inf
    for a in range(model.menu.shape[0]):
        follows = p.after[rest, a]
        if follows < 0 or not pays(left, model.costs[a], initial):
            continue
        f = period * p.rests.shape[0] + follows
        i, n = ahead.start[f], ahead.size[f]
        x, at = ahead.x[i : i + n + 1], ahead.at[i : i + n + 1]
        g, h = ahead.g[i : i + n + 1], ahead.h[i : i + n + 1]
        value = look_ahead(p.law, a, x, at, g, h, n, L, model.params.survival)
        equal = abs(value - best_value) <= 1e-9
        cheaper = model.costs[a] < model.costs[best] or (model.costs[a] == 0.0 and a == model.baseline)
        if value > best_value + 1e-9 or (equal and cheaper):
            best, best_value = a, value
    return best


@jit
def act_look_ahead(p, observation, memory, action):
    """The best precision for every topic alone."""
    model = p.model
    left, initial = read_left(model.reading, observation), read_initial(model.reading, observation)
    period = min(read_period(model.reading, observation), model.params.periods - 1)  # after the end nobody listens
    for j in range(action.shape[0]):
        rest = 0
        while rest + 1 < p.rests.shape[0] and pays(left, p.rests[rest + 1], initial):
            rest += 1
        level = best_level(p, period, rest, read_log_odds(model.reading, observation, j), left, initial)
        left -= model.costs[level]
        action[j] = ask(model, model.menu[level])


class GridParameters(NamedTuple):
    """Values on a grid of beliefs, the same in every period; see `grid.Solution`."""

    model: Model
    values: NDArray[np.float64]


@jit
def interpolate(values, L):
    """The value at log-odds L, on the two halves of the grid."""
    b = belief(L)
    half = 1 if L > TIE else 0
    place = (b - 0.5 * half) * 2.0 * (values.shape[1] - 1)
    i = min(max(np.int64(place), 0), values.shape[1] - 2)
    part = min(max(place - i, 0.0), 1.0)
    return (1.0 - part) * values[half, i] + part * values[half, i + 1]


@jit
def act_on_grid(p, observation, memory, action):
    """The best option, by its reward and the values of the beliefs that follow; of equal ones the cheapest."""
    model, params, mind = p.model, p.model.params, p.model.params.behaviour
    L = read_log_odds(model.reading, observation, 0)
    best_q, best_cost, best = params.effort.p, 0.0, -np.inf
    for k in range(options(model)):
        q, cost = option(model, k, L)
        after_good, after_bad = choices(model, q, L)
        in_good, in_bad = choice_law(mind, after_good, after_bad, q)
        likely = good_probability(belief(L), in_good, in_bad)
        value = reward(model, q, cost, L, L)
        for good_action in (True, False):
            chance = likely if good_action else 1.0 - likely
            if chance > 0.0:
                said = evidence(mind, after_good, after_bad, q, log_odds(q), good_action)
                value += params.survival * chance * interpolate(p.values, drift(bounded(L + said), params.hazard))
        if value > best + 1e-9 or (value > best - 1e-9 and cost < best_cost):
            best_q, best_cost, best = q, cost, value
    action[0] = ask(model, best_q)


class Optimal(Steering):
    """The exact optimum of one topic with a list of precisions.

    For a continuum of precisions and for logit agents, where effort has a price, no limit, and T=None: the optimum on a fine
    grid of beliefs. Where that is a limit which no precision attains (a biased planner's obfuscation), this asks for one that
    is 1e-6 in log-odds from it, or 2e-6 from the baseline.

    Args:
        problem: what to steer. It is solved for all its budgets, and serves problems with smaller ones if they can run out.
        tolerance: what exact values may be off in all, in multiples of C; long problems of many precisions need a larger one.

    Raises:
        ValueError: other problems, see `exact`.
    """

    name = "optimal"
    needs_law = True

    @classmethod
    def check(cls, problem: Problem) -> None:
        """See `Policy.check`: there must be an exact solution; whether it gets too large is found out later."""
        super().check(problem)
        steering = cast(SocialSteering, problem)
        if not on_grid(steering, float(steering.budget.arrays(steering.resources)[0][0])):
            check_exact(steering)

    def __init__(self, problem: Problem, tolerance: float = TOLERANCE) -> None:
        problem = self.served(problem)
        tolerance = positive("tolerance", tolerance)
        solvable = in_units(problem)[0]
        ends = problem.budget.arrays(problem.resources)
        self.least, self.most = (float(end[0]) for end in ends)
        if on_grid(problem, self.least):
            solved = solve(
                society_of(solvable),
                price=solvable.params.price,
                discount=solvable.params.survival,
                levels=levels_of(solvable),
            )
            super().__init__(problem, act_on_grid, GridParameters(model_of(problem), read_only(solved.values)))
        else:
            solved = exact(solvable, self.most, tolerance, self.least)
            super().__init__(problem, act_look_ahead, parameters_of(model_of(problem), solved))

    def check_problem(self, problem: Problem) -> None:
        """The budget must be among those that were solved for."""
        super().check_problem(problem)
        mine = self.problem
        if isinstance(mine, SocialSteering) and isinstance(problem, SocialSteering):
            least, most = (float(end[0]) for end in problem.budget.arrays(problem.resources))
            enough = unlimited(mine) * (1.0 - ROUNDING)
            if min(most, enough) > self.most * (1.0 + ROUNDING) or self.least >= enough > least:
                raise ValueError(
                    f"Optimal was made for budgets from {self.least:g} to {self.most:g}, not for {least:g} to {most:g}; "
                    "make the agent for this environment"
                )


def on_grid(problem: SocialSteering, budget: float) -> bool:
    """Whether the optimum is stationary, of one belief, and not linear in pieces."""
    one_belief = problem.topics == 1 and not problem.opinions_apart
    endless = problem.settings.get("T", 0) is None and pays(budget, unlimited(problem), budget)
    linear = problem.params.behaviour.certain_choice and levels_of(problem) is not None
    return one_belief and endless and not linear


class Lagrangian(Steering):
    """Steers as if effort could be bought at a price, at which a planner would spend the budget on average.

    That is the optimum of the relaxed problem, whose value is the upper bound (`values.bound`). Every topic for itself, as
    long as the effort lasts.

    Args:
        problem: what to steer.

    Raises:
        ValueError: where a single topic has no exact solution, see `exact`.
    """

    name = "lagrangian"
    needs_law = True

    @classmethod
    def check(cls, problem: Problem) -> None:
        """See `Policy.check`: a single topic must have an exact solution."""
        super().check(problem)
        check_exact(single_topic(cast(SocialSteering, problem)))

    def __init__(self, problem: Problem) -> None:
        problem = self.served(problem)
        alone, unit = in_units(single_topic(problem))
        self.price = best_price(problem, problem.budget.middle(problem.resources))
        solved = relaxed(alone, alone.params.price + self.price / unit)
        super().__init__(problem, act_look_ahead, parameters_of(model_of(problem), solved))
