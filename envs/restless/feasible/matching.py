"""Pulls that need appointments: every pulled arm takes two, in slots when it and a worker have time."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from ...core.checks import as_array, positive_integer
from ...core.jit import jit
from ...core.problem import read_only
from .base import FeasibleSet, LinearSet, linear_set

MOST_SLOTS = 12


LANES = 4
"""Counts side by side in one 64-bit number, 16 bits each; the highest bit of each stays free for the comparison."""


class Members(NamedTuple):
    """What the test reads: the rows of Hall's condition, four to a number."""

    counts: NDArray[np.uint64]
    """(words, J) a one in the lane of every row in which an arm counts."""
    limits: NDArray[np.uint64]
    """(words,) most pulls that may count in a row, in its lane, and the lane's highest bit."""
    guard: np.uint64
    """The highest bit of every lane."""


@jit
def contains(members, action, scratch):
    """Whether no set of slots has more pulled arms that depend on it than appointments."""
    for w in range(members.limits.shape[0]):
        count = np.uint64(0)
        for j in range(action.shape[0]):
            count += members.counts[w, j] & np.uint64(-action[j])
        # A lane's highest bit survives the difference if its count is within the limit.
        if (members.limits[w] - count) & members.guard != members.guard:
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
        if self.m >= 1 << 15:
            raise ValueError(f"arm_slots has {self.m} rows; expected fewer than {1 << 15} arms")
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
                limit = self.most = min(limit, most, self.m)  # the arms fit into 15 bits, the appointments need not
            if inside.all() or depend.sum() > limit:
                rows.append(depend)
                limits.append(limit)
        self.rows, self.limits = np.array(rows[::-1]), np.array(limits[::-1], np.int64)  # the row of all arms first
        self.members = _pack(self.rows, self.limits)

    def linear(self) -> LinearSet:
        """Hall's rows; no further variables."""
        return linear_set(sp.csr_array(self.rows.astype(float)), self.limits.astype(float))

    def explain(self) -> str:
        """In words."""
        return f"at most {self.most} pulls, each with {self.visits} appointments in slots that suit arm and worker"


def _slots(name: str, values: Any) -> NDArray[np.bool_]:
    array = as_array(name, values)
    if array.ndim != 2 or not array.size or not np.isin(array, (0, 1)).all():
        raise ValueError(f"{name} has shape {array.shape}; expected a table of 0 and 1, a row each and a column per slot")
    if array.shape[1] > MOST_SLOTS:
        raise ValueError(f"{name} has {array.shape[1]} slots; expected at most {MOST_SLOTS}")
    return array.astype(bool)


def _pack(rows: NDArray[np.bool_], limits: NDArray[np.int64]) -> Members:
    """Rows (R, J) and their limits (R,), four to a number; lanes without a row allow everything."""
    words = -(-len(rows) // LANES)
    guard = sum(1 << (16 * lane + 15) for lane in range(LANES))
    counts, packed = np.zeros((words, rows.shape[1]), np.uint64), np.full(words, guard, np.uint64)
    for r in range(len(rows)):
        word, shift = r // LANES, np.uint64(16 * (r % LANES))
        counts[word] += rows[r].astype(np.uint64) << shift
        packed[word] += np.uint64(limits[r]) << shift
    return Members(read_only(counts), read_only(packed), np.uint64(guard))
