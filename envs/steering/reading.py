"""How a planner reads the observations of `SocialSteering` back: what the society believes, and the effort and time left."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.jit import jit
from ..core.reading import amount_of, left_of
from .behaviour import CERTAIN, Behaviour, log_odds

IN_32_BITS = 5e-7
"""Log-odds that are read from a 32-bit tanh(L / 4) are off by less, up to odds of 150 to 1."""


class Reading(NamedTuple):
    """What planners must know to read observations: scales, and where they hold what. All of it is public."""

    belief: int
    """Index of the first topic's public belief; -1 if beliefs are hidden."""
    opinion: int
    """Index of the first topic's opinion; -1 where it is the belief."""
    budget: int
    """Index of the size of the budget; its remaining share and that of the time follow."""
    scale: float
    """Of the budget's size."""
    horizon: int


@jit
def read_log_odds(reading, observation, topic):
    """Log-odds of the public belief."""
    return log_odds(observation[reading.belief + topic])


@jit
def read_opinion(reading, observation, topic):
    """Log-odds that the next agent takes from what she sees."""
    if reading.opinion < 0:
        return read_log_odds(reading, observation, topic)
    shown = observation[reading.opinion + topic]
    if abs(shown) >= 1.0:
        return CERTAIN if shown > 0.0 else -CERTAIN
    return 4.0 * np.arctanh(shown)


@jit
def read_initial(reading, observation):
    """Effort at the start; off by rounding."""
    return amount_of(observation[reading.budget], reading.scale)


@jit
def read_left(reading, observation):
    """Effort that is left; off by rounding."""
    return left_of(observation[reading.budget], observation[reading.budget + 1], reading.scale)


@jit
def read_period(reading, observation):
    """Number of the period, from 0."""
    return np.int64(np.round((1.0 - observation[reading.budget + 2]) * reading.horizon))


def restore_ties(
    rows: NDArray[np.float64], behaviour: Behaviour, strengths: NDArray[np.float64], topics: int, opinions: bool
) -> None:
    """Make the beliefs of observations (n, d) that were shown in 32 bits exact again where an agent would be torn.

    There, what she does depends on the last digit. `log_odds` (and `opinion`) are more precise than `public_belief`.

    Args:
        rows: changed in place.
        behaviour, strengths: of the agents, and (m,) of the signals on offer.
        topics: K.
        opinions: whether there are entries for them.
    """
    torn = (behaviour.contradicting * strengths + behaviour.self_trust) / max(behaviour.prior_weight, 1e-12)
    ties = np.concatenate([-torn, [0.0], torn])
    for k in range(topics, (3 if opinions else 2) * topics):
        L = 4.0 * np.arctanh(np.clip(rows[:, k], -np.tanh(CERTAIN / 4.0), np.tanh(CERTAIN / 4.0)))
        nearest = ties[np.abs(L[:, None] - ties).argmin(axis=1)]
        L = np.where(np.abs(L - nearest) < IN_32_BITS, nearest, L)
        rows[:, k] = np.tanh(L / 4.0)
        if k < 2 * topics:
            rows[:, k - topics] = 1.0 / (1.0 + np.exp(-L))
