"""Tasks that are met again and again: what the literature on language models calls prompts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...envs.core.batch import Batch, episode_keys
from ...envs.core.checks import MOST_EPISODES, positive_integer
from ...envs.core.problem import Problem


class Visit(NamedTuple):
    """M tasks of the pool, each with the budget that it has this time."""

    numbers: NDArray[np.int64]
    """(M,) of the tasks in the pool."""
    keys: NDArray[np.uint64]
    """(M,) what their facts are drawn from."""
    budgets: NDArray[np.float64]
    """(M, resources) in the problem's units."""
    futures: NDArray[np.uint64]
    """(M,) seeds of the random numbers of their rollouts."""


class TaskPool:
    """A fixed set of tasks of a problem, and what is known of them.

    A task is where an episode starts: all that `reset` draws. What comes later is drawn anew in every rollout.

    Args:
        problem: the tasks are its episodes; budgets are drawn from its budget at every visit.
        size: number of tasks.
        seed: of the tasks.

    Attributes:
        rewards: (size,) mean reward at the latest visit; NaN before the first.
    """

    def __init__(self, problem: Problem, size: int, seed: int = 0) -> None:
        self.problem = problem
        self.keys = episode_keys(seed, positive_integer("tasks", size, MOST_EPISODES))
        self.rewards = np.full(size, np.nan)
        self._low, self._high = problem.budget.arrays(problem.resources)
        self._order = np.zeros(0, np.int64)

    def __len__(self) -> int:
        return len(self.keys)

    def draw(self, count: int, random: np.random.Generator) -> Visit:
        """The next `count` tasks: every one is visited once before any is visited again."""
        while len(self._order) < count:
            self._order = np.concatenate([self._order, random.permutation(len(self))])
        numbers, self._order = self._order[:count], self._order[count:]
        return self.visit(numbers, random)

    def visit(self, numbers: NDArray[np.int64], random: np.random.Generator) -> Visit:
        """These tasks (M,), with budgets and noise drawn anew."""
        u = random.random((len(numbers), len(self._low)))
        if self.problem.budget.log:
            ratio = np.divide(self._high, self._low, out=np.ones_like(self._low), where=self._low > 0.0)
            budgets = self._low * ratio**u
        else:
            budgets = self._low + (self._high - self._low) * u
        return Visit(numbers, self.keys[numbers], budgets, random.integers(2**64, size=len(numbers), dtype=np.uint64))

    def remember(self, visit: Visit, task: NDArray[np.int64], rewards: NDArray[np.float64]) -> None:
        """Note what the rollouts of a visit earned: task (R,) is the place in the visit, rewards (R,)."""
        tried = np.bincount(task, minlength=len(visit.numbers))
        total = np.bincount(task, rewards, minlength=len(visit.numbers))
        some = tried > 0
        self.rewards[visit.numbers[some]] = total[some] / tried[some]


def begin(problem: Problem, visit: Visit, task: NDArray[np.int64], keys: NDArray[np.uint64]) -> Batch:
    """A batch of rollouts at the start of their tasks: task (R,) is the place in the visit, keys (R,) seed their futures."""
    batch = Batch(problem, len(task))
    batch.seed(visit.keys[task])
    episodes = visit.numbers[task]
    episodes = episodes if problem.num_episodes is None else episodes % problem.num_episodes
    batch.choose({"next_budget": visit.budgets[task], "next_episode": episodes})
    batch.reset()
    batch.state.rng[:] = keys
    return batch
