"""How a router reads the observations of `AgenticRouting` back: the task so far, its signals, and what the budget can pay."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...core import jit
from ...core.reading import left_of
from .profile import ERROR_LEVELS

PROGRESS, SUBGOALS, ERRORS, ROLLED_BACK, ESTIMATE, SIGNAL, STEPS_LEFT, LAST_MODEL = 0, 1, 2, 3, 4, 5, 7, 9


class Reading(NamedTuple):
    """What a router must know to read observations: their scales, and where they hold what. All of it is public."""

    models: int
    tiers: int
    subgoals: int
    """The largest number of a task."""
    steps: int
    """Of a task, at most."""
    budget_scale: float
    affordable: int
    """Index of whether the first model can be afforded. Only of observations that show the budget, as the next."""
    budget: int
    """Index of the size of the budget; its remaining share follows."""


@jit
def read_subgoals(reading, observation):
    """The task's number of subgoals."""
    return np.int64(observation[SUBGOALS] * reading.subgoals + 0.5)


@jit
def read_progress(reading, observation):
    """How many of them are reached, as it seems."""
    return np.int64(observation[PROGRESS] * read_subgoals(reading, observation) + 0.5)


@jit
def read_errors(observation):
    """Errors that weigh on the agent, 0 .. 3."""
    return np.int64(observation[ERRORS] * (ERROR_LEVELS - 1) + 0.5)


@jit
def read_rolled_back(observation):
    """Whether the latest step undid a subgoal."""
    return observation[ROLLED_BACK] > 0.5


@jit
def read_estimate(observation):
    """The estimate of the difficulty, in standard deviations."""
    return observation[ESTIMATE]


@jit
def read_signal(reading, observation):
    """The tier that the subgoal requires, by the signal."""
    return np.int64(observation[SIGNAL] * (reading.tiers - 1) + 0.5)


@jit
def read_steps_left(reading, observation):
    """Steps that the task has left; all of them where it begins."""
    return np.int64(observation[STEPS_LEFT] * reading.steps + 0.5)


@jit
def read_last_model(reading, observation):
    """The model of the task's latest call; -1 before the first."""
    for m in range(reading.models):
        if observation[LAST_MODEL + m] > 0.5:
            return m
    return -1


@jit
def read_affordable(reading, observation, m):
    """Whether the budget can pay a call of model m."""
    return observation[reading.affordable + m] > 0.5


def read_all_affordable(reading: Reading, rows: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(n, models) whether the budget can pay a call of each model, of observations (n, d)."""
    return rows[:, reading.affordable : reading.affordable + reading.models] > 0.5


@jit
def read_left(reading, observation):
    """What is left of the budget, in its unit; off by rounding."""
    return left_of(observation[reading.budget], observation[reading.budget + 1], reading.budget_scale)
