"""How many rollouts every task gets."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from .baselines import ValuePrior, squared_distance
from .tasks import TaskPool, Visit


class Seen(NamedTuple):
    """What the rollouts of this visit have shown so far, by task."""

    trials: NDArray[np.int64]
    """(M,) rollouts."""
    means: NDArray[np.float64]
    """(M,) of their rewards, NaN without any."""
    first: NDArray[np.float64] | None
    """(M, d) first observations, NaN without rollouts; None before the first round."""


class Allocator(Protocol):
    """Divides rollouts among the tasks of a visit, in rounds."""

    def __call__(self, visit: Visit, pool: TaskPool, seen: Seen, left: int) -> NDArray[np.int64]:
        """Rollouts of every task in the next round, (M,), at most `left` together; zeros end the visit."""
        ...


class Uniform:
    """The same number for every task."""

    def __call__(self, visit: Visit, pool: TaskPool, seen: Seen, left: int) -> NDArray[np.int64]:
        """See `Allocator`."""
        return np.zeros_like(seen.trials) if seen.trials.any() else evenly(len(seen.trials), left)


def evenly(tasks: int, rollouts: int) -> NDArray[np.int64]:
    """Counts (tasks,) that differ by one at most."""
    return np.full(tasks, rollouts // tasks) + (np.arange(tasks) < rollouts % tasks)


# --- Knapsack RL --------------------------------------------------------------------------------------------------------


def mixed_probability(rollouts: NDArray | int, p: NDArray | float) -> NDArray[np.float64]:
    """The probability that not all rollouts of success rate p succeed, and not all fail: a gradient is not zero."""
    p = np.asarray(p, float)
    return 1.0 - p**rollouts - (1.0 - p) ** rollouts


def expected_rollouts(p: float) -> float:
    """The expected number of rollouts until one has succeeded and one has failed, at success rate p in (0, 1)."""
    return 1.0 / p + 1.0 / (1.0 - p) - 1.0


def information(p: NDArray | float) -> NDArray[np.float64]:
    """What a gradient on a task of success rate p is worth: p (1 - p)^2, the most at 1/3 (Knapsack RL)."""
    p = np.asarray(p, float)
    return p * (1.0 - p) ** 2


def rollout_value(rollouts: NDArray | int, p: NDArray | float) -> NDArray[np.float64]:
    """The value of a number of rollouts on a task of success rate p (Knapsack RL, arXiv:2509.25849)."""
    return mixed_probability(rollouts, p) * information(p)


def knapsack(p: NDArray[np.float64], total: int, low: int = 2, most: int = 128) -> NDArray[np.int64]:
    """The division of `total` rollouts (M,) with the largest sum of values, each between `low` and `most`.

    The value is concave in the number of rollouts, so always giving the next one where it adds the most is exact. What nobody
    has use for goes, as published, to tasks that have never been solved.

    Args:
        p: (M,) success rates in [0, 1].
        total: number of rollouts.
        low, most: of every task.

    Raises:
        ValueError: the total can't be divided so.
    """
    tasks = len(p)
    if not tasks * low <= total <= tasks * most:
        raise ValueError(f"total is {total}; expected between {tasks * low} and {tasks * most} for {tasks} tasks")
    n = np.arange(low, most)
    gains = information(p)[:, None] * (p[:, None] ** n * (1.0 - p)[:, None] + (1.0 - p)[:, None] ** n * p[:, None])
    # The first gains of a task are its largest: the best `spare` ones of all tasks are a division.
    spare = total - tasks * low
    ranked = np.argsort(-gains, axis=None, kind="stable")[:spare]
    useful = ranked[gains.ravel()[ranked] > 0.0]
    counts = low + np.bincount(useful // len(n), minlength=tasks) if len(n) else np.full(tasks, low)
    for group in (p <= 0.0, np.ones(tasks, np.bool_)):
        spare = total - int(counts.sum())
        room = np.where(group, most - counts, 0)
        if spare <= 0 or not room.any():
            continue
        counts = counts + _filled(room, spare)
    return counts


def _filled(room: NDArray[np.int64], spare: int) -> NDArray[np.int64]:
    """`spare` or as many as fit, divided evenly over places with this much room (n,)."""
    order = np.argsort(room, kind="stable")
    given, left = np.zeros_like(room), min(spare, int(room.sum()))
    for place, k in enumerate(order):
        given[k] = min(int(room[k]), -(-left // (len(order) - place)))
        left -= int(given[k])
    return given


class Knapsack:
    """Rollouts where mixed groups are likely and worth something, by every task's latest success rate (Knapsack RL).

    Tasks that were never visited get an even share.

    Args:
        low, most: rollouts of every task.
        worst, best: the rewards of failure and success.
    """

    def __init__(self, low: int = 2, most: int = 128, worst: float = 0.0, best: float = 1.0) -> None:
        if not 1 <= low <= most:
            raise ValueError(f"low is {low!r} and most is {most!r}; expected 1 <= low <= most")
        self.low, self.most, self.worst, self.best = low, most, worst, best

    def __call__(self, visit: Visit, pool: TaskPool, seen: Seen, left: int) -> NDArray[np.int64]:
        """See `Allocator`."""
        if seen.trials.any():
            return np.zeros_like(seen.trials)
        rates = (pool.rewards[visit.numbers] - self.worst) / (self.best - self.worst)
        counts, known = evenly(len(rates), left), ~np.isnan(rates)
        total = int(counts[known].sum())
        if known.any() and known.sum() * self.low <= total <= known.sum() * self.most:
            counts[known] = knapsack(np.clip(rates[known], 0.0, 1.0), total, self.low, self.most)
        return counts


# --- V_0.5 --------------------------------------------------------------------------------------------------------------


def risk(trials: NDArray | int, distance: NDArray | float) -> NDArray[np.float64]:
    """The mean squared error of V_0.5's baseline at the best weight, after `trials` rollouts, if the prior is off by
    the root of `distance`."""
    return np.asarray(distance, float) / (np.asarray(trials) * np.asarray(distance, float) + 1.0)


def worth_another(trials: NDArray | int, distance: NDArray | float, cost: float = 1.0 / 256.0) -> NDArray[np.bool_]:
    """Whether one more rollout lowers the error by more than it costs: V_0.5's one-step lookahead."""
    return risk(trials, distance) - risk(np.asarray(trials) + 1, distance) > cost


class SequentialStopping:
    """Rollouts one after another, until another one would not be worth its cost (V_0.5, arXiv:2603.10848).

    Args:
        prior: the same as of the baseline `Shrinkage`.
        first: rollouts that every task gets.
        most: of every task.
        cost: of a rollout, in squared error of the baseline.
        low, high: the range of rewards.
    """

    def __init__(
        self, prior: ValuePrior, first: int = 4, most: int = 16, cost: float = 1.0 / 256.0, low: float = 0.0, high: float = 1.0
    ) -> None:
        if not 1 <= first <= most:
            raise ValueError(f"first is {first!r} and most is {most!r}; expected 1 <= first <= most")
        self.prior, self.first, self.most, self.cost, self.low, self.high = prior, first, most, cost, low, high

    def __call__(self, visit: Visit, pool: TaskPool, seen: Seen, left: int) -> NDArray[np.int64]:
        """See `Allocator`."""
        tasks = len(seen.trials)
        if seen.first is None:
            return evenly(tasks, min(left, tasks * self.first))
        expected = self.prior(seen.first)
        if np.isnan(expected).all():  # nothing is known of any task yet
            return np.zeros(tasks, np.int64) if seen.trials.max() > self.first else evenly(tasks, left)
        centre, width = (self.high + self.low) / 2.0, (self.high - self.low) / 2.0
        expected = (np.clip(expected, self.low, self.high) - centre) / width
        distance = squared_distance((seen.means - centre) / width, expected, np.maximum(seen.trials, 1))
        more = worth_another(np.maximum(seen.trials, 1), distance, self.cost) & (seen.trials < self.most)
        return (more & (np.cumsum(more) <= left)).astype(np.int64)
