"""Boundary-guided data synthesis: demonstrations to start from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .....envs.core.checks import positive_integer, probability
from .....envs.routing.agentic.kernels import HARD
from .....envs.routing.agentic.problem import AgenticRouting
from ....group_policy.rollouts import Outcomes, outcomes_of
from ....group_policy.tasks import TaskPool, Visit, begin
from .taxonomy import Taxonomy


class Demonstrations(NamedTuple):
    """R episodes to imitate; T steps at most, d entries of an observation."""

    observation: NDArray[np.float32]
    """(T, R, d)."""
    action: NDArray[np.int64]
    """(T, R)."""
    alive: NDArray[np.bool_]
    """(T, R) whether the decision was made."""
    task: NDArray[np.int64]
    """(R,) number of the task in the pool."""


def synthesise(
    problem: AgenticRouting,
    pool: TaskPool,
    taxonomy: Taxonomy,
    mixtures: int = 16,
    hard_share: float = 0.8,
    seed: int = 0,
) -> Demonstrations:
    """Episodes that show how little suffices (arXiv:2602.21227, boundary-guided data synthesis).

    On easy and intractable tasks always-small: it suffices, or nothing does and failure should be cheap. On hard tasks the
    cheapest success among mixtures that make every call a large one with probability k / N, k = 1..N; hard tasks on which no
    mixture succeeds are left out. With more than two models, a call that is not small is to any other one alike.

    Args:
        problem: gives budgets, which are drawn for every task; what they can't pay is made small, as in play.
        pool: the tasks.
        taxonomy: of its tasks.
        mixtures: N; the paper has 10 to 20.
        hard_share: of the demonstrations, as far as there are enough others to leave out. Where few tasks are hard, imitating
            all alike teaches to be small always.
        seed: of everything drawn.
    """
    random, N = np.random.default_rng(seed), positive_integer("mixtures", mixtures)
    hard, others = np.flatnonzero(taxonomy.label == HARD), np.flatnonzero(taxonomy.label != HARD)
    if len(hard) and probability("hard_share", hard_share) > 0.0:
        others = random.permutation(others)[: int(len(hard) * (1.0 - hard_share) / hard_share)]
    models = len(problem.profile.models)

    def always_small(visit: Visit) -> Demonstrations:
        every = np.arange(len(visit.numbers))
        return _play(problem, visit, every, np.zeros(len(every)), models, random)[0]

    def cheapest_mixture(visit: Visit) -> Demonstrations:
        task = np.repeat(np.arange(len(visit.numbers)), N)
        share = np.tile(np.arange(1, N + 1) / N, len(visit.numbers))
        played, outcomes = _play(problem, visit, task, share, models, random)
        cost = np.where(outcomes.metrics["success"] > 0.0, outcomes.spent[:, 0], np.inf).reshape(-1, N)
        # Among mixtures of the same cost any: the first would prefer rarely large calls to rightly placed ones.
        best = (cost + 1e-9 * random.random(cost.shape)).argmin(axis=1)
        chosen = np.flatnonzero(np.isfinite(cost.min(axis=1))) * N + best[np.isfinite(cost.min(axis=1))]
        return Demonstrations._make([*(part[:, chosen] for part in played[:3]), played.task[chosen]])

    parts = [
        make(pool.visit(numbers, random))
        for make, numbers in ((always_small, others), (cheapest_mixture, hard))
        if len(numbers)
    ]
    columns = zip(*(part[:3] for part in parts), strict=True)
    task = np.concatenate([part.task for part in parts])
    return Demonstrations._make([*(np.concatenate(column, axis=1) for column in columns), task])


def _play(
    problem: AgenticRouting,
    visit: Visit,
    task: NDArray[np.int64],
    share: NDArray[np.float64],
    models: int,
    random: np.random.Generator,
) -> tuple[Demonstrations, Outcomes]:
    """Episodes of the tasks (R,) in which every call is not small with probability `share` (R,)."""
    R, T = len(task), problem.horizon
    batch = begin(problem, visit, task, random.integers(2**64, size=R, dtype=np.uint64))
    played = Demonstrations(
        np.zeros((T, R, len(problem.observation_names)), np.float32),
        np.zeros((T, R), np.int64),
        np.zeros((T, R), np.bool_),
        visit.numbers[task],
    )
    rows, reward = batch.observe(), np.zeros(R)
    for t in range(T):
        alive = ~batch.state.finished
        if not alive.any():
            break
        other = random.integers(1, models, size=R) if models > 1 else np.zeros(R, np.int64)
        action = np.where(random.random(R) < share, other, 0)
        action = np.where(batch.action_mask()[np.arange(R), action] > 0, action, 0)
        played.observation[t], played.action[t], played.alive[t] = rows, action, alive
        after = batch.step(batch.read_actions(action))
        rows, reward = after.observation, reward + after.reward * alive
    return played, outcomes_of(batch, task, reward)
