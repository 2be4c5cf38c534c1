"""The boundary policies, always the same model: their exact success, calls and dollars on every kind of task.

They label tasks, scale the boundary-relative reward, and are what profiles are fitted to.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...core import jit
from . import law
from .meter import is_warm
from .profile import DIFFICULTIES, ERROR_LEVELS, Profile

ROLLOUTS_PER_LABEL = 5
"""A task is labelled by this many trials of each boundary policy (arXiv:2602.21227)."""

LABELS = ("easy", "hard", "intractable")


class Boundary(NamedTuple):
    """Expectations of always calling one model. N models, D difficulties, S numbers of subgoals."""

    success: NDArray[np.float64]
    """(N, D, S) probability to solve the task."""
    calls: NDArray[np.float64]
    """(N, D, S) calls."""
    dollars: NDArray[np.float64]
    """(N, D, S) cost with a warm cache."""

    def mean(self, values: NDArray[np.float64], profile: Profile) -> NDArray[np.float64]:
        """Averages of one of these over all tasks, (N,)."""
        return values.mean(axis=1) @ profile.laws().subgoals_pmf


@jit
def follow(laws, m, d, subgoals, now, later, alive):
    """Follow model m through a task, forward in time.

    now, later: (subgoals + 1, ERROR_LEVELS, 2, R) scratch, the probabilities of progress, errors, corruption and required
    tier. alive: (T,), receives the probability that step t takes place. Returns the probability of success.
    """
    now[:] = 0.0
    enter(laws, subgoals, 0, 0, 0, 1.0, now)
    solved = 0.0
    for t in range(alive.shape[0]):
        later[:] = 0.0
        alive[t] = now[:subgoals].sum()
        for g in range(subgoals):
            for e in range(ERROR_LEVELS):
                better, worse = law.errors_after(law.PROGRESS, e), law.errors_after(law.ERROR, e)
                lasts = 1.0 - law.given_up(laws, worse)
                for z in range(2):
                    rollback = law.found(laws, m, z)
                    for r in range(laws.required.shape[1]):
                        reached = now[g, e, z, r]
                        if reached == 0.0:
                            continue
                        enter(laws, subgoals, max(g - 1, 0), law.errors_after(law.ROLLBACK, e), 0, reached * rollback, later)
                        reached *= 1.0 - rollback
                        p = law.success(laws, d, m, r, e)
                        quiet = (1.0 - p) * law.silent(laws, m, r)
                        enter(laws, subgoals, g + 1, better, z, reached * p, later)
                        enter(laws, subgoals, g + 1, better, 1, reached * quiet, later)
                        later[g, worse, z, r] += reached * (1.0 - p - quiet) * lasts
        solved += later[subgoals, :, 0].sum()
        now, later = later, now
    return solved


@jit
def enter(laws, subgoals, g, e, z, weight, later):
    """Come to subgoal g, which requires a tier by its law; or to the end."""
    third = law.zone(g, subgoals)
    for r in range(laws.required.shape[1]):
        later[g, e, z, r] += weight * laws.required[third, r]


@lru_cache(maxsize=64)
def boundary(profile: Profile) -> Boundary:
    """The boundary policies of a profile."""
    laws: Any = profile.laws()
    shape = (len(profile.models), DIFFICULTIES, len(profile.subgoals))
    solved, calls, dollars = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    alive = np.zeros(profile.T)
    costs = expected_costs(profile)
    for s, subgoals in enumerate(profile.subgoals):
        now, later = np.zeros((2, subgoals + 1, ERROR_LEVELS, 2, profile.tiers))
        for m in range(shape[0]):
            for d in range(DIFFICULTIES):
                solved[m, d, s] = follow(laws, m, d, subgoals, now, later, alive)
                calls[m, d, s] = alive.sum()
                dollars[m, d, s] = alive @ costs[m]
    return Boundary(solved, calls, dollars)


def expected_costs(profile: Profile) -> NDArray[np.float64]:
    """Expected dollars of step t if the same model made all moves, (N, T).

    How long outputs are does not depend on how the task goes, so the expected prompt is the prompt of expected outputs.
    """
    read, write, output = profile.prices().T[:, :, None]
    length = profile.tokens().mean(axis=1)[:, None]
    growth = length + profile.observation_tokens
    prompt = profile.first_prompt + growth * np.arange(profile.T)
    warm = np.array([[is_warm(model.seconds, 0.0, profile.cache_seconds)] for model in profile.models])
    remembered = np.where(warm, np.maximum(prompt - growth, 0.0), 0.0)
    remembered[:, 0] = 0.0
    return remembered * read + (prompt - remembered) * write + length * output


def label_probabilities(bounds: Boundary) -> NDArray[np.float64]:
    """Probabilities that a task is labelled easy, hard or intractable, (D, S, 3).

    Five trials of each boundary policy: easy if the small model succeeds once, else hard if the large one does, else
    intractable (arXiv:2602.21227, difficulty taxonomy).
    """
    small = 1.0 - (1.0 - bounds.success[0]) ** ROLLOUTS_PER_LABEL
    large = 1.0 - (1.0 - bounds.success[-1]) ** ROLLOUTS_PER_LABEL
    return np.stack([small, (1.0 - small) * large, (1.0 - small) * (1.0 - large)], axis=-1)
