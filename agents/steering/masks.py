"""Which precisions of `SocialSteering` can be paid, read from observations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...envs.core import jit
from ...envs.core.ledger import pays
from ...envs.steering.problem import SocialSteering
from ...envs.steering.reading import read_initial, read_left


@jit
def write_affordable(reading, costs, rows, out):
    """Whether what is left under each of observations (n, d) pays each cost (m,), into out (n, m)."""
    for i in range(out.shape[0]):
        left, initial = read_left(reading, rows[i]), read_initial(reading, rows[i])
        for level in range(out.shape[1]):
            out[i, level] = pays(left, costs[level], initial)


def precision_masks(problem: SocialSteering, rows: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Precisions that the effort left can pay; all of them where it is not observed.

    Raises:
        ValueError: several topics share the effort.
    """
    if problem.topics > 1:
        raise ValueError(f"several topics share the effort, so that there are no masks for {problem.action_space}")
    costs = problem.params.costs
    if not (problem.budget_aware and len(rows)):
        return np.ones((len(rows), len(costs)), np.bool_)
    out = np.empty((len(rows), len(costs)), np.bool_)
    write_affordable(problem.reading, costs, np.ascontiguousarray(rows), out)
    return out
