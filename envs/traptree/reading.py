"""How an observation of `TrapTree` is read back into where one stands, and how good the children look."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core import jit

LEVEL, SCORES = 0, 2


class Reading(NamedTuple):
    """What one must know to read observations: the shape of the tree, which is public."""

    branching: int
    depth: int


@jit
def read_level(reading, observation):
    """How deep one stands, 0 .. depth."""
    return np.int64(np.round(observation[LEVEL] * reading.depth))


@jit
def read_score(observation, child):
    """The local score of a child."""
    return observation[SCORES + child]


def read_scores(rows: NDArray[np.float64], children: NDArray[Any]) -> NDArray[np.float64]:
    """The local scores (n,) of one child each, of observations (n, d)."""
    return rows[np.arange(len(rows)), SCORES + children]
