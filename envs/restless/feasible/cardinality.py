"""Up to B components at once: the simplest feasible set."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ...core.checks import positive_integer
from ...core.jit import jit
from .base import FeasibleSet, LinearSet, linear_set


class Members(NamedTuple):
    """What the test reads."""

    most: int


@jit
def contains(members, action, scratch):
    """Whether at most `most` components are chosen."""
    return action.sum() <= members.most


class CardinalitySet(FeasibleSet):
    """Actions (m,) with at most B ones."""

    test = contains

    def __init__(self, m: int, most: int) -> None:
        self.m = positive_integer("the number of components", m)
        self.most = min(positive_integer("B", most), self.m)
        self.members = Members(self.most)

    def linear(self) -> LinearSet:
        """One row."""
        return linear_set(sp.csr_array(np.ones((1, self.m))), np.array([float(self.most)]))

    @property
    def is_quick_to_list(self) -> bool:
        """There is no need to."""
        return False

    def maximise_unlisted(self, values: NDArray[np.float64], most: int | None = None) -> NDArray[np.int64]:
        """The largest positive values."""
        limit = self.most if most is None else min(self.most, most)
        action = np.zeros(self.m, np.int64)
        best = np.argsort(-np.asarray(values), kind="stable")[:limit]
        action[best[np.asarray(values)[best] > 0.0]] = 1
        return action

    def explain(self) -> str:
        """In words."""
        return f"at most {self.most} ones"
