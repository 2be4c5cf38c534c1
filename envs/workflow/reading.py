"""How an agent reads the observations of `WorkflowRouting` back: what is done, and the dollars and seconds left."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core import jit
from ..core.reading import amount_of


class Reading(NamedTuple):
    """What an agent must know to read observations: their scales, and where the budget stands. All of it is public."""

    subtasks: int
    dollars_scale: float
    seconds_scale: float
    rounds: int
    budget: int
    """Index of the sizes of both budgets; their remaining shares and that of the rounds follow."""


class Situation(NamedTuple):
    """What an observation says of the present."""

    done: int
    attempts: NDArray[np.int64]
    """(V,) samples drawn."""
    initial: NDArray[np.float64]
    """(2,) dollars and seconds at the start."""
    remaining: NDArray[np.float64]
    """(2,) dollars and seconds left."""
    rounds: int
    """Played so far."""


@jit
def read_done(reading, observation):
    """The set of completed subtasks, as bits."""
    done = 0
    for v in range(reading.subtasks):
        if observation[v] > 0.5:
            done |= 1 << v
    return done


def read_ready(reading: Reading, rows: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(n, V) whether each subtask can be worked on, of observations (n, d)."""
    return rows[:, reading.subtasks : 2 * reading.subtasks] > 0.5


@jit
def read_attempts(reading, observation, v):
    """Samples drawn of subtask v."""
    share = observation[2 * reading.subtasks + v]
    return np.int64(share / (1.0 - share) + 0.5)


@jit
def read_initial(reading, observation, initial):
    """Write dollars and seconds at the start of the episode into `initial` (2,)."""
    initial[0] = amount_of(observation[reading.budget], reading.dollars_scale)
    initial[1] = amount_of(observation[reading.budget + 1], reading.seconds_scale)


@jit
def read_share(reading, observation, k):
    """The share of resource k that is left: 0 for dollars, 1 for seconds."""
    return observation[reading.budget + 2 + k]


@jit
def read_rounds(reading, observation):
    """Rounds played."""
    return np.int64((1.0 - observation[reading.budget + 4]) * reading.rounds + 0.5)


def read_situation(reading: Reading, observation: NDArray[np.float64]) -> Situation:
    """The situation of one observation (d,)."""
    initial = np.zeros(2)
    read_initial(reading, observation, initial)
    share = np.array([read_share(reading, observation, k) for k in range(2)])
    attempts = np.array([read_attempts(reading, observation, v) for v in range(reading.subtasks)], np.int64)
    rounds = int(read_rounds(reading, observation))
    return Situation(read_done(reading, observation), attempts, initial, initial * share, rounds)
