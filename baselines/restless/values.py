"""What is known of a restless problem: the best expected return or a bound on it, and the return of doing nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...envs.restless.problem import Restless
from .exact import exact_value
from .relaxation import relax


def optimal_value(problem: Restless, budget: float) -> float:
    """The best expected return of any policy where dynamic programming can find it, otherwise the bound of the relaxation.

    Args:
        problem: arms, feasible set and horizon.
        budget: pulls of the whole episode.
    """
    try:
        return exact_value(problem, budget)
    except ValueError:  # too many arms
        return relax(problem, budget).bound


def null_value(problem: Restless) -> float:
    """The expected return of doing nothing, exactly."""
    return float(worth_of_levels(problem)[:, 0].sum())


def worth_of_levels(problem: Restless) -> NDArray[np.float64]:
    """(J, L) expected sum of rewards of an arm that gets the same level all the time."""
    arms, gains = problem.arms, problem.arms.expected_rewards()
    worth = np.zeros(gains.shape[:2])
    share = np.repeat(arms.start[:, None, :], gains.shape[1], axis=1)  # (J, L, S) where the arm is
    for _ in range(problem.horizon):
        worth += (share * gains).sum(axis=2)
        share = np.einsum("jls,jlst->jlt", share, arms.transitions)
    return worth
