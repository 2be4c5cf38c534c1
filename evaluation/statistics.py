"""Statistics across tasks for few runs each, as rliable has them (Agarwal et al., "Deep reinforcement learning at the edge of
the statistical precipice", NeurIPS 2021, arXiv:2108.13264).

Scores are a list with the scores of an algorithm's runs for every task, or a matrix (runs, tasks). Tasks count alike: where
they have different numbers of runs (an agent that does not learn has one), every run is repeated until all have the same
number. With equal numbers that changes nothing, and all statistics are rliable's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import scipy.stats
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
"""From scores (..., runs, tasks) to one number for each matrix, or to several, (..., k)."""

RESAMPLES = 2000


class Estimate(NamedTuple):
    """A statistic with its interval; floats, or arrays of as many entries as the statistic has."""

    value: Floats
    low: Floats
    high: Floats


def interquartile_mean(scores: Floats) -> Floats:
    """The mean of the middle half of all runs of all tasks: robust as a median, and of little variance as a mean."""
    return scipy.stats.trim_mean(_together(scores), 0.25, axis=-1)


def mean(scores: Floats) -> Floats:
    """The mean over all runs of all tasks."""
    return scores.mean(axis=(-2, -1))


def median(scores: Floats) -> Floats:
    """The median over tasks of the mean over runs."""
    return np.median(scores.mean(axis=-2), axis=-1)


def optimality_gap(scores: Floats, best: float = 1.0) -> Floats:
    """By how much runs fall short of `best` on average; what exceeds it counts as `best`."""
    return best - np.minimum(scores, best).mean(axis=(-2, -1))


def profile(scores: Floats, thresholds: ArrayLike) -> Floats:
    """The share of all runs of all tasks above each of the thresholds, (..., k): the run-score distribution."""
    together = np.sort(_together(scores), axis=-1)
    above = together[..., None, :] > np.asarray(thresholds, float)[:, None]
    return above.mean(axis=-1)


def estimate(
    scores: Sequence[ArrayLike] | ArrayLike,
    statistic: Statistic,
    *,
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
    seed: int = 0,
    as_rliable: bool = False,
) -> Estimate:
    """A statistic with a stratified bootstrap interval: runs are resampled within each task. See `expanded` for its level.

    Args:
        scores: see above; every task has at least one run.
        statistic: such as `interquartile_mean`, or `lambda scores: profile(scores, thresholds)`; then intervals are pointwise.
        resamples: number of resamples.
        confidence: coverage of the interval.
        seed: of the resamples.
        as_rliable: rliable's plain percentile interval, which is too narrow for few runs of few tasks.
    """
    tasks = as_tasks(scores)
    runs = [] if as_rliable else list(map(len, tasks))
    rng = np.random.default_rng(seed)
    return interval(statistic(as_matrix(tasks)), statistic(resample(tasks, resamples, rng)), confidence, runs)


def improvement(
    scores: Sequence[ArrayLike] | ArrayLike,
    others: Sequence[ArrayLike] | ArrayLike,
    *,
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
    seed: int = 0,
    as_rliable: bool = False,
) -> Estimate:
    """How probable it is that a run is better than one of another algorithm, averaged over tasks; see `superiority`.

    Args:
        scores, others: of both algorithms, the same tasks in the same order.
        resamples, confidence, seed, as_rliable: see `estimate`; the runs of both are resampled independently.

    Raises:
        ValueError: different numbers of tasks.
    """
    ours, theirs = as_tasks(scores), as_tasks(others)
    if len(ours) != len(theirs):
        raise ValueError(f"scores have {len(ours)} tasks and others {len(theirs)}; expected the same tasks")
    runs = [] if as_rliable else list(map(len, [*ours, *theirs]))
    rng = np.random.default_rng(seed)
    resampled = superiority(resample(ours, resamples, rng), resample(theirs, resamples, rng))
    return interval(superiority(as_matrix(ours), as_matrix(theirs)), resampled, confidence, runs)


def superiority(scores: Floats, others: Floats) -> Floats:
    """P(X > Y) + P(X = Y) / 2 within each task, averaged over tasks: the Mann-Whitney statistic as a share.

    Args:
        scores, others: (..., runs, tasks); their numbers of runs may differ.
    """
    above = scores[..., :, None, :] - others[..., None, :, :]
    return (0.5 * (np.sign(above) + 1.0)).mean(axis=(-3, -2, -1))


def interval(value: Floats, resampled: Floats, confidence: float = 0.95, runs: Sequence[int] = ()) -> Estimate:
    """The percentile interval of resampled values, (resamples, ...), at the level that suits these `runs`; see `expanded`."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}; expected a number between 0 and 1")
    level = expanded(confidence, runs)
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return Estimate(value, low, high)


def mean_of_runs(values: Floats, resampled: Floats, episodes: int, confidence: float = 0.95) -> Estimate:
    """The mean of an agent's runs on the same episodes, with an interval over training seeds and episodes.

    Student's interval: the runs differ by their seeds, and what the episodes do to all of them is in the resamples; degrees of
    freedom are Welch and Satterthwaite's. A single run has an interval over episodes alone.

    Args:
        values: of the runs, (runs,).
        resampled: the same in resamples of the episodes that all runs share, (resamples, runs).
        episodes: how many there were.
        confidence: coverage of the interval.
    """
    runs, mean = len(values), values.mean()
    if runs == 1:
        return interval(mean, resampled[:, 0], confidence, [episodes])
    of_seeds, of_episodes = values.var(ddof=1) / runs, resampled.mean(axis=1).var(ddof=1)
    total = of_seeds + of_episodes
    if not total > 0.0:
        return Estimate(mean, mean + 0.0 * total, mean + 0.0 * total)
    freedom = total**2 / (of_seeds**2 / (runs - 1) + of_episodes**2 / max(episodes - 1, 1))
    half = scipy.stats.t.ppf((1 + confidence) / 2, freedom) * np.sqrt(total)
    return Estimate(mean, mean - half, mean + half)


def expanded(confidence: float, runs: Sequence[int]) -> float:
    """The level at which a percentile interval of a mean covers with `confidence`, in spite of few runs.

    Resamples spread too little by the factor sqrt((n - 1) / n), and quantiles are the normal distribution's where Student's
    are right (Hesterberg, "What teachers should know about the bootstrap", 2015, section 4.2).

    Args:
        confidence: asked for, between 0 and 1.
        runs: of every task; those with a single run have nothing to resample and don't count.
    """
    several = np.array([n for n in runs if n > 1], float)
    if len(several) == 0:
        return confidence
    narrow = np.sqrt(np.sum(1.0 / several) / np.sum((several - 1.0) / several**2))
    quantile = scipy.stats.t.ppf((1 + confidence) / 2, np.sum(several - 1.0))
    return float(2 * scipy.stats.norm.cdf(narrow * quantile) - 1)


def as_tasks(scores: Sequence[ArrayLike] | ArrayLike) -> list[Floats]:
    """The scores of every task's runs.

    Raises:
        ValueError: no tasks, a task without runs, or scores that are not finite.
    """
    columns = np.asarray(scores, float).T if isinstance(scores, np.ndarray) else scores
    tasks = [np.asarray(task, float).ravel() for task in columns]  # type: ignore[union-attr]
    if not tasks or any(len(task) == 0 for task in tasks):
        raise ValueError(f"scores have {[len(task) for task in tasks]} runs for each task; expected at least one task and run")
    if not all(np.isfinite(task).all() for task in tasks):
        raise ValueError("scores are not all finite; leave out the runs without a score")
    return tasks


def as_matrix(tasks: Sequence[Floats]) -> Floats:
    """Scores (runs, tasks), where runs are repeated until all tasks have the same number; tasks may have leading axes."""
    runs = int(np.lcm.reduce([task.shape[-1] for task in tasks]))
    return np.stack([np.repeat(task, runs // task.shape[-1], axis=-1) for task in tasks], axis=-1)


def resample(tasks: Sequence[Floats], resamples: int, rng: np.random.Generator) -> Floats:
    """Runs drawn with replacement within each task, (resamples, runs, tasks)."""
    return as_matrix([task[rng.integers(len(task), size=(resamples, len(task)))] for task in tasks])


def _together(scores: Floats) -> Floats:
    """All runs of all tasks in one axis."""
    return scores.reshape(*scores.shape[:-2], -1)
