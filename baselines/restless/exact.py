"""The exact optimum of a few arms: dynamic programming over the states of all arms together, and the pulls left.

For 8 arms with 4 states there are 65,536 joint states; the arms move independently given the action, so the expectation over
the next joint state is taken arm by arm, and shared among all actions that treat the last arms alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...envs.core.scaling import unit_of
from ...envs.restless.problem import Restless
from ..core.cache import ByKey
from .relaxation import whole_pulls
from .treatment import levels_of

LARGEST_WORK = 4e10
"""Products of a whole calculation, about a minute."""

LARGEST_TABLE = 1 << 27
"""Entries of the table of best actions."""


class Exact(NamedTuple):
    """The optimum and a best action for every situation."""

    value: float
    """Expected return from the distribution of first states."""
    actions: NDArray[np.int64]
    """(k, m) all feasible actions."""
    best: NDArray[Any]
    """(H, pulls left + 1, S, ..., S) number of a best action; the second axis has one entry if the pulls can't run out."""
    values: NDArray[np.float64]
    """(pulls left + 1, S, ..., S) at the start, likewise."""


def exact(problem: Restless, budget: float) -> Exact:
    """Solve a problem of few arms exactly; the latest few are kept in memory.

    Raises:
        ValueError: there are too many joint states, actions or pulls.
    """
    return _exact(ByKey(problem), whole_pulls(problem, budget))


def exact_value(problem: Restless, budget: float) -> float:
    """The best expected return of any policy; see `exact`."""
    return exact(problem, budget).value


def check_size(problem: Restless, budget: float) -> None:
    """Refuse problems that `exact` can't solve; ValueError."""
    _actions_of(problem, whole_pulls(problem, budget))


def _actions_of(problem: Restless, pulls: float) -> NDArray[np.int64]:
    """All feasible actions (n, m), where they and the joint states are few enough for an exact solution."""
    J, _, S = problem.arms.shape
    situations = float(S) ** J * problem.horizon * (1 if pulls == np.inf else int(pulls) + 1)
    # To list the actions of a large set takes time, and every evaluation asks: only where the states are few enough.
    actions = None if situations > LARGEST_TABLE else problem.feasible.enumerate()
    if actions is None or len(actions) * situations * S > LARGEST_WORK:
        raise ValueError(f"{problem.instance} is too large for an exact solution; a bound is in `relaxation`")
    return actions


@lru_cache(maxsize=2)
def _exact(which: ByKey[Restless], pulls: float) -> Exact:
    problem = which.problem
    (J, _, S), H = problem.arms.shape, problem.horizon
    rests = 1 if pulls == np.inf else int(pulls) + 1
    actions = _actions_of(problem, pulls)
    order = np.lexsort(levels_of(problem, actions).T)  # actions that treat the last arms alike are neighbours
    actions = actions[order]
    levels, counts = levels_of(problem, actions), actions.sum(axis=1).tolist()
    joint, least = (S,) * J, 1e-12 * unit_of(problem.arms.expected_rewards())  # smaller improvements are rounding
    value = np.zeros((rests, S**J))
    best = np.empty((H, rests, S**J), np.min_scalar_type(len(actions) - 1))
    for t in range(H - 1, -1, -1):
        ahead, value = value, np.full((rests, S**J), -np.inf)
        for left, table in enumerate(ahead):  # pulls left after the step; one table at a time stays in the processor's cache
            for rows, outcome in _outcomes(problem, levels, table):
                for k in rows.tolist():
                    before = left if pulls == np.inf else left + counts[k]
                    if before < rests:
                        better = outcome > value[before] + least
                        np.copyto(value[before], outcome, where=better)
                        np.copyto(best[t, before], best.dtype.type(k), where=better)
    start = value[-1].reshape(joint)
    for j in range(J):
        start = np.tensordot(problem.arms.start[j], start, axes=(0, 0))
    return Exact(float(start), actions, best.reshape(H, rests, *joint), value.reshape(rests, *joint))


def _outcomes(
    problem: Restless, levels: NDArray[np.int64], ahead: NDArray[np.float64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """For every way to treat the arms: numbers of the actions that do, and expected reward and value ahead (S**J,).

    Args:
        ahead: (S**J,) value of the next joint state.
    """
    gains, transitions = problem.arms.expected_rewards(), problem.arms.transitions
    J, _, S = gains.shape

    def treat(
        j: int, rows: NDArray[np.int64], table: NDArray[np.float64]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        # Arm j's axis is the last of `table`: it turns from the next state into the present one and becomes the first. So
        # the axes are those of the arms after j, now known by their present state, and then those of arms 0 to j.
        for level in np.unique(levels[rows, j]):
            moved = (transitions[j, level] @ table.reshape(-1, S).T + gains[j, level][:, None]).ravel()
            alike = rows[levels[rows, j] == level]
            if j == 0:
                yield alike, moved
            else:
                yield from treat(j - 1, alike, moved)

    yield from treat(J - 1, np.arange(len(levels)), ahead)
