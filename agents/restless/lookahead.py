"""What planners look ahead with on restless bandits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...envs.restless.problem import Restless
from ...envs.restless.reading import read_situations
from ..planning.evaluators import Value
from ..planning.lookahead import Lookahead
from .sequoia.base import LagrangianBase


class RelaxationAhead:
    """What the arms earn until the end under the Lagrangian relaxation, an upper bound."""

    def __init__(self, problem: Restless) -> None:
        self._problem, self._base = problem, LagrangianBase(problem)

    def __call__(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, d) observations -> (n,)."""
        seen = read_situations(self._problem.reading, rows)
        return self._base.ahead(seen.arms, seen.t, seen.initial)


def near_misses(
    problem: Restless, action: NDArray[np.int64], most: int, random: np.random.Generator
) -> list[NDArray[np.int64]]:
    """Feasible actions with the same number of pulls that keep most of this one."""
    if not action.any():
        return []
    values = action + random.normal(scale=0.5, size=(most, len(action)))
    orders = np.argsort(-values, axis=1, kind="stable")
    wanted = (values > 0.0).astype(np.int64)
    return list(problem.feasible.project(wanted, orders, int(action.sum())).astype(np.int64))


LOOKAHEAD = Lookahead(
    policy="lagrangian",
    proposers=("lagrangian", "joint", "myopic", "constant"),
    neighbours=near_misses,
    evaluator=lambda problem: Value(RelaxationAhead(problem)),
)
