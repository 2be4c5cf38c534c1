"""How a planner reads the observations of `SocialSteering` back: what the society believes, and the effort and time left."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..core.jit import jit
from ..core.reading import amount_of, left_of
from .behaviour import CERTAIN, log_odds


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
