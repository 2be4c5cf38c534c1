"""What a network sees of an action: its components, and, where components meet at arms, the levels that arms get."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ....baselines.restless.treatment import Levelled, levelled_set
from ....envs.core.problem import read_only
from ....envs.restless.feasible.base import LinearSet
from ....envs.restless.problem import Restless


class Columns(NamedTuple):
    """The coupling by components, for compiled code."""

    start: NDArray[np.int64]
    """(m + 1,) where the entries of every component begin in the other two; all 0 if arms' levels are not coded."""
    arm: NDArray[np.int64]
    """(entries,) which arm a component treats."""
    amount: NDArray[np.int64]
    """(entries,) by how many levels."""
    group_start: NDArray[np.int64]
    """(J + 1,) the same by arms: which components treat it together."""
    group: NDArray[np.int64]
    levels: int
    """L"""


class Coding:
    """The code (X,) of an action (m,): the action itself, then for every arm which of its levels 1..L-1 it gets (one-hot).

    Where arms are pulled one by one the levels say the same as the action, and are left out. What an action does to arms is
    a sum over arms in this code, so that a network needs no hidden units to say it.

    Args:
        problem: gives feasible set and coupling.
        levels: False leaves the levels out in any case, as published.
    """

    def __init__(self, problem: Restless, levels: bool = True) -> None:
        self.feasible = problem.feasible
        self.problem = problem
        self.m = problem.feasible.m
        self.has_levels = levels and not problem.params.one_by_one
        J, L, _ = problem.arms.shape
        self.arms, self.levels = J, L
        self.width = self.m + (J * (L - 1) if self.has_levels else 0)
        coupling = problem.coupling if self.has_levels else np.zeros_like(problem.coupling)
        component, arm = np.nonzero(coupling.T)
        treated, together = np.nonzero(coupling)
        start, amount, group_start = _starts(component, self.m), coupling[arm, component], _starts(treated, J)
        start, arm, amount, group_start, together = (
            read_only(array.astype(np.int64)) for array in (start, arm, amount, group_start, together)
        )
        self.columns = Columns(start, arm, amount, group_start, together, L)

    def encode(self, actions: NDArray[np.int64]) -> NDArray[np.float64]:
        """The codes (k, X) of actions (k, m)."""
        if not self.has_levels:
            return actions.astype(float)
        level = np.minimum(actions @ self.problem.coupling.T, self.levels - 1)
        shown = level[:, :, None] == np.arange(1, self.levels)
        return np.concatenate([actions, shown.reshape(len(actions), -1)], axis=1).astype(float)

    @cached_property
    def _levelled(self) -> Levelled:
        return levelled_set(self.problem)

    @cached_property
    def linear(self) -> LinearSet:
        """The codes of all feasible actions as rows of a mixed-integer programme; its first variables are the folded code."""
        return self._levelled.linear if self.has_levels else self.feasible.linear()

    def fold(self, coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
        """Coefficients (k, F) of the folded code for coefficients (k, X) of the code.

        Arms that are treated alike have the same levels in every action, and are folded into one.
        """
        if not self.has_levels:
            return coefficients
        gains = coefficients[:, self.m :].reshape(len(coefficients), self.arms, self.levels - 1)
        return np.concatenate([coefficients[:, : self.m], self._levelled.fold(gains)], axis=1)

    def highest(self, coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
        """An upper bound on `coefficients x` over all folded feasible codes, for rows of coefficients (k, F); (k,).

        The largest positive entries of as many components as fit at most, and the best level of every group of arms.
        """
        gains = np.maximum(coefficients[:, : self.m], 0.0)
        most = min(self.feasible.most, self.m)
        total = np.sort(gains, axis=1)[:, self.m - most :].sum(axis=1)
        if self.has_levels:
            by_group = coefficients[:, self.m :].reshape(len(coefficients), -1, self.levels - 1)
            total = total + np.maximum(by_group.max(axis=2), 0.0).sum(axis=1)
        return total


def _starts(rows: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """(count + 1,) where each row's entries begin, for the rows of all entries in ascending order."""
    return np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=count))])
