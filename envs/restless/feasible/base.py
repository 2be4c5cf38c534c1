"""`FeasibleSet`: what can be done in one step. One object for the environment, the baselines and the agents.

Every set here is *closed downwards*: what is part of a feasible action is feasible. So doing nothing is always possible, and
an action can be cut back to a feasible part of itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, ClassVar, NamedTuple

import numpy as np
import scipy.sparse as sp
from gymnasium import spaces
from gymnasium.vector.utils import batch_space
from numpy.typing import ArrayLike, NDArray

from ...core.checks import as_array
from ...core.jit import jit
from ...core.problem import read_only
from .programme import Programme

ENUMERABLE = 100_000
"""Sets up to this size are listed on request."""


@dataclass(frozen=True)
class LinearSet:
    """{a binary (m,) : there is a y with low <= A [a; y] <= high, y_low <= y <= y_high, y whole where y_whole}.

    The first row counts the pulls, so that its upper limit can be lowered to what is left of a total budget.
    """

    rows: sp.csr_array
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    y_low: NDArray[np.float64]
    y_high: NDArray[np.float64]
    y_whole: NDArray[np.bool_]

    def counted(self) -> LinearSet:
        """The relaxation that only counts the pulls."""
        shape: Any = self.rows.shape
        m = shape[1] - len(self.y_low)
        return linear_set(sp.csr_array(self.rows[[0], :m]), self.high[:1])

    def programme(self, m: int, **options: Any) -> Programme:
        """max c [a; y] over the set."""
        return Programme(
            self.rows,
            self.low,
            self.high,
            np.concatenate([np.zeros(m), self.y_low]),
            np.concatenate([np.ones(m), self.y_high]),
            np.concatenate([np.ones(m, np.bool_), self.y_whole]),
            **options,
        )


def linear_set(
    rows: sp.csr_array,
    high: NDArray[np.float64],
    low: NDArray[np.float64] | None = None,
    y_high: ArrayLike = (),
    y_whole: ArrayLike = (),
) -> LinearSet:
    """A `LinearSet` with the usual defaults: no lower limits, y from 0 on."""
    y_high = np.asarray(y_high, float)
    whole = np.asarray(y_whole, bool) if np.size(y_whole) else np.zeros(len(y_high), np.bool_)
    low = np.full(len(high), -np.inf) if low is None else low
    return LinearSet(sp.csr_array(rows), low, np.asarray(high, float), np.zeros(len(y_high)), y_high, whole)


class SetKernels(NamedTuple):
    """Compiled functions of a kind of set, made from its test of membership."""

    contains: Callable[..., bool]
    """contains(members, action (m,), scratch (d,)) -> bool."""
    keep: Callable[..., int]
    """keep(members, order (m,), wanted (m,), most, kept (m,), scratch (d,)) -> count: take up the wanted components in this
    order, each if it still fits, up to `most`."""
    contains_all: Callable[..., None]
    """contains_all(members, actions (k, m), scratch, out (k,))."""
    keep_all: Callable[..., None]
    """keep_all(members, orders (k, m), wanted (k, m), most, kept (k, m), scratch)."""


@lru_cache
def set_kernels(contains: Callable[..., bool]) -> SetKernels:
    """The kernels of a kind of set with this compiled test."""

    @jit
    def keep(members, order, wanted, most, kept, scratch):
        kept[:] = 0
        count = 0
        for k in range(order.shape[0]):
            i = order[k]
            if wanted[i] and count < most:
                kept[i] = 1
                if contains(members, kept, scratch):
                    count += 1
                else:
                    kept[i] = 0
        return count

    @jit
    def contains_all(members, actions, scratch, out):
        for k in range(actions.shape[0]):
            out[k] = contains(members, actions[k], scratch)

    @jit
    def keep_all(members, orders, wanted, most, kept, scratch):
        for k in range(wanted.shape[0]):
            keep(members, orders[k], wanted[k], most, kept[k], scratch)

    return SetKernels(contains, keep, contains_all, keep_all)


class FeasibleSet(ABC):
    """A set of binary actions (m,), closed downwards.

    A subclass sets `test` and the attributes, and implements `linear` and `explain`.

    Attributes:
        test: compiled `contains(members, action (m,), scratch (d,)) -> bool`, exact.
        easy_test: the same for searches, which ask often: it may refuse a feasible action, and never admits another. None
            where `test` is quick.
        m: components of an action.
        members: NamedTuple of arrays that `test` reads.
        scratch_size: how many whole numbers `test` needs to write on.
        most: an upper bound on the pulls of a feasible action.
    """

    test: ClassVar[Callable[..., bool]]
    easy_test: ClassVar[Callable[..., bool] | None] = None
    m: int
    members: Any
    scratch_size: int = 1
    most: int

    @abstractmethod
    def linear(self) -> LinearSet:
        """The set as rows of a mixed-integer programme."""

    @abstractmethod
    def explain(self) -> str:
        """What makes an action feasible, in words."""

    @property
    def kernels(self) -> SetKernels:
        """The compiled functions of this kind of set."""
        return set_kernels(type(self).test)

    def contains(self, actions: ArrayLike) -> Any:
        """Whether one action (m,) belongs to the set, or which of a batch (k, m) do."""
        rows = self._rows("actions", actions)
        out = np.empty(len(rows), np.bool_)
        self.kernels.contains_all(self.members, rows, self._scratch(), out)
        return bool(out[0]) if np.ndim(actions) == 1 else out

    def project(
        self, actions: ArrayLike, order: NDArray[np.int64] | None = None, most: int | None = None
    ) -> NDArray[np.int64]:
        """A largest feasible part of one action (m,) or of each of a batch (k, m).

        Its components are taken up in `order`, (m,) or (k, m), each if it still fits with those before, up to `most`. So
        nothing that was asked for could be added. It is not always the feasible action with the fewest changes: that one
        is `maximise(2 * action - 1)`.
        """
        rows = self._rows("actions", actions)
        orders = np.arange(self.m) if order is None else np.asarray(order, np.int64)
        if orders.shape[-1:] != (self.m,) or (np.sort(orders, axis=-1) != np.arange(self.m)).any():
            raise ValueError(f"order is {order!r}; expected the components 0..{self.m - 1} in some order")
        kept = np.empty_like(rows)
        limit = self.m if most is None else most
        self.kernels.keep_all(
            self.members, np.ascontiguousarray(np.broadcast_to(orders, rows.shape)), rows, limit, kept, self._scratch()
        )
        return kept[0] if np.ndim(actions) == 1 else kept

    def sample(self, random: np.random.Generator, k: int | None = None, most: int | None = None) -> NDArray[np.int64]:
        """A random maximal action (m,), or k of them: components in a random order, each if it still fits, up to `most`."""
        count = 1 if k is None else k
        orders = np.argsort(random.random((count, self.m)), axis=1)
        kept = self.project(np.ones((count, self.m), np.int64), orders, most)
        return kept[0] if k is None else kept

    @cached_property
    def _programme(self) -> tuple[Programme, LinearSet]:
        linear = self.linear()
        return linear.programme(self.m), linear

    @cached_property
    def _listed(self) -> tuple[NDArray[np.float64], NDArray[np.int64]] | None:
        """All actions (k, m), to be multiplied with values, and their pulls (k,); None if they can't be listed quickly."""
        listed = self.enumerate() if self.is_quick_to_list else None
        return None if listed is None else (listed.astype(float), listed.sum(axis=1))

    @property
    def is_quick_to_list(self) -> bool:
        """Whether it takes little time to find all actions, or that there are too many of them."""
        return True

    def maximise(self, values: NDArray[np.float64], most: int | None = None) -> NDArray[np.int64]:
        """The feasible action with the largest sum of `values` (m,), with up to `most` pulls; without worthless ones.

        Up to 100,000 actions are listed at the first call, and then one product answers; larger sets ask the programme.

        Raises:
            ValueError: values of another shape, or not finite; `most` below 0.
            RuntimeError: the solver failed.
        """
        values = self._values(values, most)
        if self._listed is None:
            return self.maximise_unlisted(values, most)
        actions, pulls = self._listed
        gains = actions @ np.maximum(values, 0.0)
        if most is not None and most < self.most:
            gains[pulls > most] = -np.inf
        action = actions[gains.argmax()].astype(np.int64)
        action[values <= 0.0] = 0
        return action

    def maximise_unlisted(self, values: NDArray[np.float64], most: int | None = None) -> NDArray[np.int64]:
        """How `maximise` answers for sets that are not listed: exactly, unless a subclass says otherwise."""
        return self.prove(values, most)

    def prove(self, values: NDArray[np.float64], most: int | None = None) -> NDArray[np.int64]:
        """As `maximise`, by the mixed-integer programme whatever the size, to proved optimality.

        Raises:
            ValueError: values of another shape, or not finite; `most` below 0.
            RuntimeError: the solver failed.
        """
        values = self._values(values, most)
        programme, linear = self._programme
        programme.limit_row(0, linear.low[0], linear.high[0] if most is None else min(linear.high[0], most))
        objective = np.concatenate([values, np.zeros(len(linear.y_low))])
        action = (programme.maximise(objective).x[: self.m] > 0.5).astype(np.int64)
        action[values <= 0.0] = 0
        return action

    def enumerate(self, limit: int = ENUMERABLE) -> NDArray[np.int64] | None:
        """All feasible actions (k, m), doing nothing first; None if there are more than `limit`."""
        layers = [np.zeros((1, self.m), np.int64)]
        last = np.full(1, -1)  # the last component of every action of the newest layer; only later ones are added
        total = 1
        while len(layers[-1]):
            grown, tails = [], []
            for i in range(self.m):
                wider = layers[-1][last < i].copy()
                wider[:, i] = 1
                grown.append(wider[self.contains(wider)] if len(wider) else wider)
                tails.append(np.full(len(grown[-1]), i))
                if total + sum(map(len, grown)) > limit:
                    return None
            layers.append(np.concatenate(grown))
            last = np.concatenate(tails)
            total += len(layers[-1])
        return np.concatenate(layers)

    def __getstate__(self) -> dict[str, Any]:
        """Without the solver's model, which can't be copied, and the list; they are made again when they are needed."""
        return {name: value for name, value in self.__dict__.items() if name not in ("_programme", "_listed")}

    def _rows(self, name: str, actions: ArrayLike) -> NDArray[np.int64]:
        given = as_array(name, actions)
        rows = np.atleast_2d(given)
        if given.ndim not in (1, 2) or rows.shape[1] != self.m:
            raise ValueError(f"{name} have shape {given.shape}; expected ({self.m},) or (k, {self.m})")
        if not ((rows == 0) | (rows == 1)).all():
            raise ValueError(f"{name} are {actions!r}; expected 0 and 1 only")
        return np.ascontiguousarray(rows, np.int64)

    def _values(self, values: ArrayLike, most: int | None) -> NDArray[np.float64]:
        numbers = as_array("values", values)
        if numbers.shape != (self.m,) or numbers.dtype.kind not in "biuf" or not np.isfinite(numbers).all():
            raise ValueError(f"values are {values!r}; expected {self.m} finite numbers")
        if most is not None and not most >= 0:
            raise ValueError(f"most is {most!r}; expected a number >= 0")
        return numbers.astype(float)

    def _scratch(self) -> NDArray[np.int64]:
        return np.zeros(self.scratch_size, np.int64)


class FeasibleActions(spaces.MultiBinary):
    """MultiBinary of which only a feasible set is allowed: samples belong to it, and membership means the set."""

    def __init__(self, feasible: FeasibleSet, seed: int | np.random.Generator | None = None) -> None:
        self.feasible = feasible
        super().__init__(feasible.m, seed)

    def sample(self, mask: Any = None, probability: Any = None) -> NDArray[np.int8]:
        """A random maximal feasible action.

        Args:
            mask: (m,) 0 for components that must be 0, 1 for those that must be 1, 2 for free ones.
            probability: not used.

        Raises:
            ValueError: a mask of another shape, or whose ones are not feasible together.
        """
        if mask is None:
            return self.feasible.sample(self.np_random).astype(self.dtype)
        given = np.asarray(mask)
        if given.shape != (self.n,) or not np.isin(given, (0, 1, 2)).all():
            raise ValueError(f"mask is {mask!r}; expected {self.n} numbers 0, 1 or 2")
        order = np.lexsort([self.np_random.random(self.n), given != 1])  # those that must be first
        action = self.feasible.project(given != 0, order)
        if not action[given == 1].all():
            raise ValueError(f"mask is {mask!r}; its ones are not feasible together")
        return action.astype(self.dtype)

    def contains(self, x: Any) -> bool:
        """Whether it is a binary vector within the feasible set."""
        return super().contains(np.asarray(x)) and self.feasible.contains(np.asarray(x))

    def __repr__(self) -> str:
        return f"MultiBinary({self.n}) with {self.feasible.explain()}"


class FeasibleBatch(spaces.Box):
    """A batch of `FeasibleActions`, as Gymnasium's vector environments batch MultiBinary, but with feasible samples."""

    def __init__(self, single: FeasibleActions, n: int) -> None:
        self.single = single
        super().__init__(0, 1, (n, single.feasible.m), np.int8)

    def sample(self, mask: Any = None, probability: Any = None) -> NDArray[Any]:
        """A random maximal feasible action for every lane."""
        return self.single.feasible.sample(self.np_random, self.shape[0]).astype(self.dtype)

    def contains(self, x: Any) -> bool:
        """Whether every lane's action belongs to the feasible set."""
        return super().contains(x) and bool(self.single.feasible.contains(x).all())


@batch_space.register
def _batch_feasible(space: FeasibleActions, n: int = 1) -> FeasibleBatch:
    return FeasibleBatch(space, n)


def order_of_pulls(m: int, random: np.random.Generator) -> NDArray[np.int64]:
    """The fixed order in which an instance takes up the pulls of an action that can't be done as it is.

    Random, because in the published instances the arms with the highest prizes come first.
    """
    return read_only(random.permutation(m).astype(np.int64))
