"""What rewards are compared with: from rewards to advantages.

A baseline that does not depend on a rollout's own actions changes the variance of the policy gradient and not its mean. So
none of these decides what is learned, but all decide how fast.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...envs.core.checks import one_of
from .rollouts import Rollouts
from .tasks import Visit

SCALES = ("batch", "group", "none")

EPSILON = 1e-6
"""Spreads below this are none."""


class Baseline(Protocol):
    """Compares the rewards of rollouts."""

    def __call__(self, rewards: NDArray[np.float64], rollouts: Rollouts, visit: Visit) -> NDArray[np.float64]:
        """The advantage of every rollout, (R,), from its reward, (R,)."""
        ...


def group_means(values: NDArray[np.float64], task: NDArray[np.int64], tasks: int) -> NDArray[np.float64]:
    """Means of values (R,) by task (R,): (tasks,), NaN for tasks without any."""
    tried = np.bincount(task, minlength=tasks)
    total = np.bincount(task, values, minlength=tasks)
    return np.divide(total, tried, out=np.full(tasks, np.nan), where=tried > 0)


def scaled(
    advantages: NDArray[np.float64], task: NDArray[np.int64], scale: str, spread: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Advantages (R,) in units of the spread of their group (M,), of all of them, or as they are.

    By group is GRPO's rule. It counts groups that hardly differ as much as those that do, and so maximises something else
    than the mean reward; by batch, or not at all, the mean.
    """
    if scale == "group":
        return advantages / (spread[task] + EPSILON)
    if scale == "batch":
        return advantages / max(float(np.sqrt(np.mean(advantages**2))), EPSILON)
    return advantages


class GroupMean:
    """The mean of the rollout's group (GRPO, arXiv:2402.03300).

    Args:
        scale: see `scaled`: "group" as published, "batch", or "none".
    """

    def __init__(self, scale: str = "batch") -> None:
        self.scale = one_of("scale", scale, SCALES)

    def __call__(self, rewards: NDArray[np.float64], rollouts: Rollouts, visit: Visit) -> NDArray[np.float64]:
        """See `Baseline`."""
        task, tasks = rollouts.outcomes.task, len(visit.numbers)
        advantages = rewards - group_means(rewards, task, tasks)[task]
        return scaled(advantages, task, self.scale, np.sqrt(group_means(advantages**2, task, tasks)))


class ValuePrior:
    """What a task is expected to earn by its first observation: a ridge regression on it and its squares, kept up to date.

    Stands where V_0 (arXiv:2602.03584) has a network that reads the prompt. Older evidence counts less: the policy moves.

    Args:
        memory: by how much the weight of all evidence falls with every update, in (0, 1].
        ridge: weight of the assumption that no feature matters, in tasks.
    """

    def __init__(self, memory: float = 0.5, ridge: float = 1.0) -> None:
        if not 0.0 < memory <= 1.0:
            raise ValueError(f"memory is {memory!r}; expected a number in (0, 1]")
        self.memory, self.ridge = memory, ridge
        self._gram: NDArray[np.float64] | None = None
        self._moment: NDArray[np.float64] | None = None

    def __call__(self, first: NDArray[np.float64]) -> NDArray[np.float64]:
        """The expected reward of tasks by their first observations (M, d), (M,); NaN before the first update."""
        if self._gram is None or self._moment is None:
            return np.full(len(first), np.nan)
        penalty = self.ridge * np.eye(len(self._gram))
        penalty[0, 0] = 1e-9  # the mean is free
        return self._features(first) @ np.linalg.solve(self._gram + penalty, self._moment)

    def update(self, first: NDArray[np.float64], rewards: NDArray[np.float64], counts: NDArray[np.int64]) -> None:
        """Learn from tasks: first observations (M, d), mean rewards (M,), numbers of rollouts (M,)."""
        some = counts > 0
        x, weight = self._features(first[some]), counts[some].astype(float)
        gram, moment = (x.T * weight) @ x, (x.T * weight) @ rewards[some]
        self._gram = gram if self._gram is None else self.memory * self._gram + gram
        self._moment = moment if self._moment is None else self.memory * self._moment + moment

    def _features(self, first: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.concatenate([np.ones((len(first), 1)), first, first**2], axis=1)


def squared_distance(mean: NDArray[np.float64], prior: NDArray[np.float64], trials: NDArray[np.int64]) -> NDArray[np.float64]:
    """V_0.5's estimate of the prior's squared error (n,): what the distance from the mean has above its noise, at least 0.

    Args:
        mean: (n,) of rewards in -1..1.
        prior: (n,) what was expected, in -1..1.
        trials: (n,) rollouts behind the mean; the variance of the mean is at most 1 / trials.
    """
    return np.maximum(0.0, (mean - prior) ** 2 - 1.0 / trials)


def shrunk(mean: NDArray[np.float64], prior: NDArray[np.float64], trials: NDArray[np.int64]) -> NDArray[np.float64]:
    """V_0.5's baseline (n,): the mean, drawn towards the prior as far as chance explains their distance."""
    distance = squared_distance(mean, prior, trials)
    weight = distance / (distance + 1.0 / trials)
    return weight * mean + (1.0 - weight) * prior


class Shrinkage:
    """The group's mean, shrunk towards a prior value of the task (V_0.5, arXiv:2603.10848), so that few rollouts suffice.

    Args:
        prior: what tasks are expected to earn; this baseline keeps it up to date.
        low, high: the range of rewards.
        scale: see `scaled`.
    """

    def __init__(self, prior: ValuePrior, low: float = 0.0, high: float = 1.0, scale: str = "batch") -> None:
        if not low < high:
            raise ValueError(f"low is {low!r} and high is {high!r}; expected low < high")
        self.prior, self.low, self.high, self.scale = prior, low, high, one_of("scale", scale, SCALES)

    def __call__(self, rewards: NDArray[np.float64], rollouts: Rollouts, visit: Visit) -> NDArray[np.float64]:
        """See `Baseline`."""
        task, tasks = rollouts.outcomes.task, len(visit.numbers)
        first, trials = rollouts.first(tasks), np.bincount(task, minlength=tasks)
        mean, expected = group_means(rewards, task, tasks), self.prior(first)
        expected = np.where(np.isnan(expected), mean, np.clip(expected, self.low, self.high))
        width = (self.high - self.low) / 2.0
        centre = (self.high + self.low) / 2.0
        baseline = shrunk((mean - centre) / width, (expected - centre) / width, np.maximum(trials, 1)) * width + centre
        self.prior.update(first, mean, trials)
        advantages = rewards - baseline[task]
        return scaled(advantages, task, self.scale, np.sqrt(group_means(advantages**2, task, tasks)))
