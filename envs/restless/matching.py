"""Pulls that need appointments: every pulled arm takes two, in slots when it and a worker have time."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from ..core.checks import positive_integer
from ..core.jit import jit
from ..core.problem import read_only
from .feasible import FeasibleSet, LinearSet, linear_set

MOST_SLOTS = 12


class Members(NamedTuple):
    """What the test reads: the rows of Hall's condition, arm by arm."""

    start: NDArray[np.int64]
    """(J + 1,) where every arm's rows begin."""
    row: NDArray[np.int64]
    """The rows in which it counts."""
    limit: NDArray[np.int64]
    """(R,) most pulls that may count in a row."""


@jit
def contains(members, action, desk):
    """Whether no set of slots has more pulled arms that depend on it than appointments."""
    desk[:] = 0
    for j in range(action.shape[0]):
        if action[j]:
            for e in range(members.start[j], members.start[j + 1]):
                r = members.row[e]
                desk[r] += 1
                if desk[r] > members.limit[r]:
                    return False
    return True


class MatchingSet(FeasibleSet):
    """Pulls for which all appointments can be found.

    Every pulled arm needs `visits` appointments, each a slot in which the arm is available together with a worker who is
    available then; a worker sees one arm in a slot. The appointments may be with the same worker or not, in the same slot
    or not. At most B arms are pulled. The test is Hall's theorem: workers within a slot are alike.

    Args:
        arm_slots: (J, K) which slots suit an arm; at least one does.
        worker_slots: (W, K) in which slots a worker is available.
        most: B.
        visits: appointments that a pull takes.
    """

    test = contains

    def __init__(self, arm_slots: ArrayLike, worker_slots: ArrayLike, most: int, visits: int = 2) -> None:
        self.arm_slots, self.worker_slots = _slots("arm_slots", arm_slots), _slots("worker_slots", worker_slots)
        self.visits = positive_integer("visits", visits)
        self.m, K = self.arm_slots.shape
        if self.worker_slots.shape[1] != K:
            raise ValueError(f"worker_slots has {self.worker_slots.shape[1]} slots and arm_slots {K}; expected the same")
        if (nowhere := ~self.arm_slots.any(axis=1)).any():
            raise ValueError(f"arm_slots: arm {int(nowhere.argmax())} has no slot; expected at least one")
        most = positive_integer("B", most)
        appointments = self.worker_slots.sum(axis=0)
        rows, limits = [], []
        for chosen in range(1, 1 << K):
            inside = (chosen >> np.arange(K) & 1).astype(bool)
            depend = ~(self.arm_slots & ~inside).any(axis=1)
            limit = int(appointments[inside].sum()) // self.visits
            if inside.all():
                limit = min(limit, most)
                self.most = min(limit, self.m)
            if inside.all() or depend.sum() > limit:
                rows.append(depend)
                limits.append(limit)
        self.rows, self.limits = np.array(rows[::-1]), np.array(limits[::-1], np.int64)  # the row of all arms first
        row = np.nonzero(self.rows.T)[1]
        start = np.concatenate([[0], np.cumsum(self.rows.sum(axis=0))])
        self.members = Members(
            read_only(start.astype(np.int64)), read_only(row.astype(np.int64)), read_only(self.limits.astype(np.int64))
        )
        self.desk = len(self.limits)

    def linear(self) -> LinearSet:
        """Hall's rows; no further variables."""
        return linear_set(sp.csr_array(self.rows.astype(float)), self.limits.astype(float))

    def explain(self) -> str:
        """In words."""
        return f"at most {self.most} pulls, each with {self.visits} appointments in slots that suit arm and worker"


def _slots(name: str, values: Any) -> NDArray[np.bool_]:
    array = np.asarray(values)
    if array.ndim != 2 or not array.size or not np.isin(array, (0, 1)).all():
        raise ValueError(f"{name} has shape {array.shape}; expected a table of 0 and 1, a row each and a column per slot")
    if array.shape[1] > MOST_SLOTS:
        raise ValueError(f"{name} has {array.shape[1]} slots; expected at most {MOST_SLOTS}")
    return array.astype(bool)
