"""Pulls that workers must carry out: every pulled arm costs effort, and every worker has so much of it."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from ...core.checks import as_array
from ...core.jit import jit
from ...core.problem import read_only
from .base import FeasibleSet, LinearSet, linear_set

LARGEST_TABLE = 1 << 24
"""Entries of the table of what fits: published costs, up to 300 arms."""
MOST_LOADS = 100_000
"""Ways to combine costs that are looked at for one worker."""


class Members(NamedTuple):
    """What the test reads. The table knows for all numbers of pulled arms of each cost, but of one, what fits beside them."""

    step: NDArray[np.int64]
    """(J,) how far an arm's pull moves on in the table; 0 for arms of the cost that is looked up."""
    looked_up: NDArray[np.int64]
    """(J,) 1 for those."""
    room: NDArray[np.int16]
    """(table,) how many of the looked-up arms fit beside a number of the others; -1 if already those don't fit."""


@jit
def contains(members, action, scratch):
    """Whether the workers can share the pulled arms: one look into the table of what fits."""
    at, count = 0, 0
    for j in range(action.shape[0]):
        pulled = -action[j]  # all bits or none: no branch, no product
        at += members.step[j] & pulled
        count += members.looked_up[j] & pulled
    return count <= members.room[at]


class CapacitySet(FeasibleSet):
    """Pulls that can be dealt out to workers, none of whom spends more effort than he has.

    Args:
        costs: (J,) effort that the pull of an arm takes, > 0.
        capacities: (W,) effort that every worker has.

    Raises:
        ValueError: values that can't be meant, or too many different costs: the exact test would not fit into memory.
    """

    test = contains

    def __init__(self, costs: ArrayLike, capacities: ArrayLike) -> None:
        self.costs = _efforts("costs", costs)
        self.capacities = _efforts("capacities", capacities)
        self.m = len(self.costs)
        self.sizes, kind = np.unique(self.costs, return_inverse=True)
        if self.m >= 1 << 15:
            raise ValueError(f"costs has {self.m} entries; expected fewer than {1 << 15} arms")
        self.workers = Counter(self.capacities.tolist())
        cap = np.bincount(kind)
        self.loads = {capacity: _loads(self.sizes, cap, capacity) for capacity in self.workers}
        looked_up = int(cap.argmax())
        shape = tuple(1 if c == looked_up else int(cap[c]) + 1 for c in range(len(cap)))
        if np.prod(shape, dtype=float) > LARGEST_TABLE:
            raise ValueError(f"costs take {len(cap)} different values; too many combinations, expected fewer: round them")
        room = self._room(shape, looked_up, int(cap[looked_up]))
        stride = np.array([int(np.prod(shape[c + 1 :])) for c in range(len(cap))])
        stride[looked_up] = 0
        self.members = Members(
            read_only(stride[kind].astype(np.int64)), read_only((kind == looked_up).astype(np.int64)), read_only(room.ravel())
        )
        counts = np.indices(shape).reshape(len(cap), -1).sum(axis=0)
        self.most = int((counts + room.ravel())[room.ravel() >= 0].max())

    def linear(self) -> LinearSet:
        """How many workers of each capacity carry which load; arms of a size or larger need as many slots of that size."""
        columns = [(capacity, load) for capacity, loads in self.loads.items() for load in _covering(loads)]
        J, C, Y = self.m, len(self.sizes), len(columns)
        slots = np.array([load for _, load in columns]).reshape(Y, C)
        rows = [np.concatenate([np.ones(J), np.zeros(Y)])]
        high = [float(self.most)]
        for capacity, n in self.workers.items():
            rows.append(np.concatenate([np.zeros(J), [float(c == capacity) for c, _ in columns]]))
            high.append(float(n))
        for c in range(C):
            rows.append(np.concatenate([self.costs >= self.sizes[c], -slots[:, c:].sum(axis=1)]).astype(float))
            high.append(0.0)
        y_high = np.array([float(self.workers[capacity]) for capacity, _ in columns])
        return linear_set(sp.csr_array(np.array(rows)), np.array(high), y_high=y_high, y_whole=np.ones(Y, np.bool_))

    def explain(self) -> str:
        """In words."""
        return f"pulls that workers of capacities {self.capacities.tolist()} can share"

    def _room(self, shape: tuple[int, ...], looked_up: int, there_are: int) -> NDArray[np.int16]:
        """The table: worker after worker takes the load that leaves the most room."""
        room = np.full(shape, -1, np.int16)
        room[(0,) * len(shape)] = 0
        for capacity, n in self.workers.items():
            for _ in range(n):
                best = room
                for load in self.loads[capacity]:
                    before = [np.maximum(np.arange(size) - load[c], 0) for c, size in enumerate(shape)]
                    before[looked_up] = np.zeros(1, np.int64)
                    left = room[np.ix_(*before)]
                    more = load[looked_up]  # never beyond the arms there are, which fit into 16 bits
                    fit = np.minimum(left, np.int16(there_are - more)) + np.int16(more)
                    best = np.maximum(best, np.where(left >= 0, fit, np.int16(-1)))
                room = best
        return room


def _loads(sizes: NDArray[np.float64], there_are: NDArray[np.int64], capacity: float) -> list[tuple[int, ...]]:
    """What one worker can carry: numbers of arms of every size, only loads to which no arm there is can be added."""
    if np.dot(there_are, sizes) <= capacity + 1e-9:
        return [tuple(there_are.tolist())]
    counts = [range(int(min(capacity / size + 1e-9, n)) + 1) for size, n in zip(sizes, there_are, strict=True)]
    if np.prod([len(c) for c in counts], dtype=float) > MOST_LOADS:
        raise ValueError(f"a worker of capacity {capacity:g} has too many ways to combine {len(sizes)} costs; round them")
    fitting = [load for load in itertools.product(*counts) if np.dot(load, sizes) <= capacity + 1e-9]
    return [load for load in fitting if any(load) and not _can_grow(load, sizes, there_are, capacity)]


def _can_grow(load: tuple[int, ...], sizes: NDArray[np.float64], there_are: NDArray[np.int64], capacity: float) -> bool:
    return bool(((np.asarray(load) < there_are) & (sizes <= capacity - np.dot(load, sizes) + 1e-9)).any())


def _covering(loads: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """The loads that no other one covers, if the place of a large arm also takes a small one."""
    table = np.array(loads, np.int64).reshape(len(loads), len(loads[0]) if loads else 0)
    places = table[:, ::-1].cumsum(axis=1)[:, ::-1]
    keep: list[int] = []
    for k in np.lexsort([-places.sum(axis=1)]):
        if not any((places[other] >= places[k]).all() for other in keep):
            keep.append(int(k))
    return [loads[k] for k in keep]


def _efforts(name: str, values: Any) -> NDArray[np.float64]:
    array = as_array(name, values)
    if array.ndim != 1 or not len(array) or array.dtype.kind not in "iuf" or not (np.isfinite(array) & (array > 0)).all():
        raise ValueError(f"{name} are {values!r}; expected a list of finite numbers > 0")
    return array.astype(float)
