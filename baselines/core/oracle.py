"""What is known about the best possible result, by family: exact optima, and upper bounds for single episodes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...envs.bidding.problem import RealTimeBidding
from ...envs.core.batch import Batch
from ...envs.core.problem import Problem
from ...envs.restless.problem import Restless
from ...envs.routing.agentic.problem import AgenticRouting
from ...envs.routing.logged.problem import LoggedRouting
from ...envs.steering.problem import SocialSteering
from ...envs.traptree.problem import TrapTree
from ...envs.workflow.problem import WorkflowRouting
from ..bidding.bounds import hindsight_bounds
from ..bidding.values import optimal_value
from ..restless.values import null_value
from ..restless.values import optimal_value as optimal_restless
from ..routing.agentic.values import optimal_value as optimal_routing
from ..routing.logged import bounds as logged_bounds
from ..steering.values import null_value as null_steering
from ..steering.values import optimal_value as optimal_steering
from ..traptree.oracle import optimal_value as optimal_tree
from ..workflow.optimum import optimal_value as optimal_workflow


class Oracle(NamedTuple):
    """The answers that a family has. All speak of `problem.score`."""

    bounds: Callable[[Any, Batch], NDArray[np.float64]] | None
    """bounds(problem, batch) -> (n,): for every lane of a batch that was just reset, a bound that no policy exceeds in
    that very episode. Leaves the batch unplayed."""
    optimum: Callable[..., float] | None
    """optimum(problem, *amounts), an amount of each resource: expected score of the best policy that does not know the
    future, or a proved upper bound on it; ValueError if unknown."""
    null: Callable[[Any], float] | None = None
    """null(problem): expected score of doing nothing, from which shares of the optimum are measured; 0 without it;
    ValueError if unknown."""


ORACLES: dict[type[Problem], Oracle] = {
    RealTimeBidding: Oracle(hindsight_bounds, optimal_value),
    AgenticRouting: Oracle(None, optimal_routing),
    LoggedRouting: Oracle(logged_bounds.hindsight_bounds, None),
    WorkflowRouting: Oracle(None, optimal_workflow),
    Restless: Oracle(None, optimal_restless, null_value),
    SocialSteering: Oracle(None, optimal_steering, null_steering),
    TrapTree: Oracle(None, optimal_tree),
}
"""Add a family of your own here."""


def oracle_of(problem: Problem) -> Oracle:
    """The oracle of the problem's family; an empty one where nothing is known."""
    return next((ORACLES[family] for family in type(problem).__mro__ if family in ORACLES), Oracle(None, None))


def episode_bounds(problem: Problem, batch: Batch) -> NDArray[np.float64]:
    """An upper bound on the score of every episode of a batch that was just reset, (n,); NaN where none is known."""
    oracle = oracle_of(problem)
    return np.full(batch.n, math.nan) if oracle.bounds is None else oracle.bounds(problem, batch)


def exact_optimum(problem: Problem) -> float:
    """The best expected score of an episode at the problem's own budget; NaN if unknown or if budgets vary."""
    oracle = oracle_of(problem)
    low, high = problem.budget.arrays(problem.resources)
    if oracle.optimum is None or (low != high).any():
        return math.nan
    try:
        return oracle.optimum(problem, *low.tolist())
    except ValueError:
        return math.nan


def null_score(problem: Problem) -> float:
    """The expected score of doing nothing, from which shares of the optimum are measured; NaN if unknown."""
    null = oracle_of(problem).null
    try:
        return 0.0 if null is None else null(problem)
    except ValueError:
        return math.nan
