"""How an action treats the arms: the level of arm j is a whole-number combination of what was chosen, `sum_i M[j, i] a_i`,
or the arm's highest level if that is more.

Pulling arms one by one is the identity. An intervention treats several arms at once; a pull on a network also treats
neighbours. The levels index the tables of `Arms`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.problem import read_only


class Coupling(NamedTuple):
    """The matrix M (J, m) by its rows, without the zeros."""

    start: NDArray[np.int64]
    """(J + 1,) where the entries of every arm begin in the other two."""
    component: NDArray[np.int64]
    """(entries,) which component of the action treats the arm."""
    amount: NDArray[np.int64]
    """(entries,) by how many levels."""


def make_coupling(matrix: NDArray[np.int64]) -> Coupling:
    """The coupling of a matrix (J, m) of whole numbers >= 0."""
    arm, component = np.nonzero(matrix)
    start = np.concatenate([[0], np.cumsum(np.bincount(arm, minlength=len(matrix)))])
    return Coupling(
        read_only(start.astype(np.int64)),
        read_only(component.astype(np.int64)),
        read_only(matrix[arm, component].astype(np.int64)),
    )
