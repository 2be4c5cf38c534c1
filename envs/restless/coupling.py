"""How an action treats the arms: the level of arm j is a whole-number combination of what was chosen, `sum_i M[j, i] a_i`.

Pulling arms one by one is the identity. An intervention treats several arms at once; a pull on a network also treats
neighbours. The levels index the tables of `Arms`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.problem import read_only


class Coupling(NamedTuple):
    """The matrix M by columns. m components of an action, J arms."""

    start: NDArray[np.int64]
    """(m + 1,) where the entries of every component begin in the other two."""
    arm: NDArray[np.int64]
    """(entries,) which arm is treated."""
    amount: NDArray[np.int64]
    """(entries,) by how many levels."""


def make_coupling(matrix: NDArray[np.int64]) -> Coupling:
    """The coupling of a matrix (J, m) of whole numbers >= 0."""
    action, arm = np.nonzero(matrix.T)
    start = np.concatenate([[0], np.cumsum((matrix != 0).sum(axis=0))])
    return Coupling(
        read_only(start.astype(np.int64)), read_only(arm.astype(np.int64)), read_only(matrix[arm, action].astype(np.int64))
    )


def coupling_matrix(coupling: Coupling, J: int) -> NDArray[np.int64]:
    """The matrix M (J, m)."""
    m = len(coupling.start) - 1
    matrix = np.zeros((J, m), np.int64)
    matrix[coupling.arm, np.repeat(np.arange(m), np.diff(coupling.start))] = coupling.amount
    return matrix
