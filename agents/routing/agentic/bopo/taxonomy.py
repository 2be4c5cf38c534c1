"""Which tasks are easy, hard or intractable, by trial: what the two boundary policies make of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .....baselines.routing.agentic.routers import AlwaysLarge, AlwaysSmall
from .....envs.core.checks import positive_integer
from .....envs.routing.agentic.boundary import ROLLOUTS_PER_LABEL
from .....envs.routing.agentic.kernels import EASY, HARD, INTRACTABLE
from .....envs.routing.agentic.problem import AgenticRouting
from ....group_policy.rollouts import play_kernel
from ....group_policy.tasks import TaskPool


class Taxonomy(NamedTuple):
    """What K rollouts of always-small and always-large, without a cap, have shown of N tasks."""

    label: NDArray[np.int64]
    """(N,) 0 easy: small succeeded; 1 hard: only large did; 2 intractable: neither."""
    success: NDArray[np.float64]
    """(N, 2) success rates of always-small and always-large."""
    cost: NDArray[np.float64]
    """(N, 2) what the cheaper and the more expensive of them took from the budget, on average."""

    def shares(self) -> dict[str, float]:
        """How many of the tasks have which label."""
        return {name: float((self.label == k).mean()) for k, name in enumerate(("easy", "hard", "intractable"))}


def classify(problem: AgenticRouting, pool: TaskPool, rollouts: int = ROLLOUTS_PER_LABEL, seed: int = 0) -> Taxonomy:
    """Label all tasks of a pool by trial (arXiv:2602.21227, difficulty taxonomy).

    Args:
        problem: the routing problem that the tasks are of.
        pool: the tasks.
        rollouts: of each boundary policy on each task; the paper has five.
        seed: of the rollouts.
    """
    free = problem.replace(budget=np.inf)
    random = np.random.default_rng(seed)
    N, K = len(pool), positive_integer("rollouts", rollouts)
    visit = pool.visit(np.arange(N), random)
    visit = visit._replace(budgets=np.full((N, 1), np.inf))
    task = np.repeat(np.arange(N), K)
    success, cost = np.zeros((N, 2)), np.zeros((N, 2))
    for k, policy in enumerate((AlwaysSmall(free), AlwaysLarge(free))):
        keys = random.integers(2**64, size=N * K, dtype=np.uint64)
        found = play_kernel(free, policy, visit, task, keys)
        success[:, k] = found.metrics["success"].reshape(N, K).mean(axis=1)
        cost[:, k] = found.spent[:, 0].reshape(N, K).mean(axis=1)
    label = np.where(success[:, 0] > 0.0, EASY, np.where(success[:, 1] > 0.0, HARD, INTRACTABLE))
    return Taxonomy(label, success, np.sort(cost, axis=1))
