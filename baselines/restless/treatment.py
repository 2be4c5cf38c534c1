"""The best action where every arm has a value for every level of treatment: a mixed-integer programme, solved many times.

Myopic, Lagrangian and constant policies all ask this question; they differ in the values.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ...envs.restless.feasible.base import LinearSet
from ...envs.restless.feasible.programme import Programme
from ...envs.restless.problem import Restless

LISTED = 25_000
"""Up to this number, all actions are tried, in a millisecond or two."""


class Treatment:
    """max over feasible actions a of `sum_j values[j, level_j(a)]`, exactly.

    Where arms are pulled one by one, that is linear in a. Otherwise up to 25,000 actions are listed at the first call, and
    larger sets ask a programme in which a binary variable says which level an arm has.

    Args:
        problem: gives the feasible set and the coupling M (J, m).
    """

    def __init__(self, problem: Restless) -> None:
        self.problem, self.feasible = problem, problem.feasible
        self.levels = problem.arms.shape[1]
        self.coupling = problem.coupling
        self.one_by_one = bool(problem.params.one_by_one)

    @cached_property
    def _listed(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]] | None:
        """All actions (k, m), their pulls (k,), and where their levels stand in the flat values (J * L), (k, J)."""
        actions = self.feasible.enumerate(LISTED)
        if actions is None:
            return None
        levels = np.minimum(actions @ self.coupling.T, self.levels - 1)
        return actions, actions.sum(axis=1), levels + self.levels * np.arange(len(self.coupling))

    def maximise(self, values: NDArray[np.float64], most: int | None = None, price: float = 0.0) -> NDArray[np.int64]:
        """The best action (m,) for values (J, L), with up to `most` components, each of which costs `price` >= 0.

        Components that add nothing are left out.

        Raises:
            RuntimeError: the solver failed.
        """
        if self.one_by_one:
            return self.feasible.maximise(values[:, 1] - values[:, 0] - price, most)
        action = self.prove(values, most, price) if self._listed is None else self._best_listed(values, most, price)
        return self._without_idle(action, values)

    def _best_listed(self, values: NDArray[np.float64], most: int | None, price: float) -> NDArray[np.int64]:
        assert self._listed is not None
        actions, pulls, where = self._listed
        worth = np.take(values.ravel(), where).sum(axis=1) - price * pulls
        if most is not None:
            worth[pulls > most] = -np.inf
        return actions[worth.argmax()].copy()

    def prove(self, values: NDArray[np.float64], most: int | None = None, price: float = 0.0) -> NDArray[np.int64]:
        """As `maximise`, by the mixed-integer programme whatever the size; with components that add nothing."""
        programme, levelled = self._programme
        high, m = levelled.linear.high[0], self.feasible.m
        programme.limit_row(0, -np.inf, high if most is None else min(high, most))
        gains = levelled.fold(values[None, :, 1:] - values[None, :, :1])[0]
        objective = np.zeros(programme.shape[1])
        objective[:m] = -price
        objective[m : m + gains.size] = gains
        return (programme.maximise(objective).x[:m] > 0.5).astype(np.int64)

    def _without_idle(self, action: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.int64]:
        """The action without components that bring nothing beside the others: the budget has better uses for them."""
        arms, top = np.arange(len(values)), self.levels - 1
        treated, scale = self.coupling @ action, np.abs(values).max()
        worth = values[arms, np.minimum(treated, top)].sum()
        for i in np.flatnonzero(action):
            less = treated - self.coupling[:, i]
            without = values[arms, np.minimum(less, top)].sum()
            if without >= worth - 1e-12 * scale:
                action[i], treated, worth = 0, less, without
        return action

    @cached_property
    def _programme(self) -> tuple[Programme, Levelled]:
        levelled = levelled_set(self.problem)
        return levelled.linear.programme(self.feasible.m), levelled


class Levelled(NamedTuple):
    """A feasible set with what its actions do to arms, as rows of a mixed-integer programme.

    The variables after the action are z[g, l - 1], G (L - 1) of them: 1 if the arms of group g get the level l > 0. Arms
    that the same components treat alike always have the same level, and are one group; arms that nothing treats are in none.
    """

    linear: LinearSet
    groups: NDArray[np.float64]
    """(J, G) 1 where an arm belongs to a group."""

    def fold(self, gains: NDArray[np.float64]) -> NDArray[np.float64]:
        """(k, G (L - 1)) coefficients of z that say the same as coefficients (k, J, L - 1) of the arms' levels."""
        return np.einsum("jg,kjl->kgl", self.groups, gains).reshape(len(gains), -1)


def levelled_set(problem: Restless) -> Levelled:
    """The feasible set of a problem with the levels of its arms.

    `sum_l l z[g, l] + excess[g] = sum_i M[g, i] a_i`, `sum_l z[g, l] <= 1`, and excess only at the highest level. A
    component that takes a group to the highest level alone says so in a row of its own: without it, half a pull would
    look like reaching every neighbour of the arm.
    """
    linear, m, L = problem.feasible.linear(), problem.feasible.m, problem.arms.shape[1]
    coupling, member = np.unique(problem.coupling, axis=0, return_inverse=True)
    groups = np.eye(len(coupling))[member.ravel()]
    treated = coupling.any(axis=1)
    coupling, groups = coupling[treated], groups[:, treated]
    G, Y = len(coupling), len(linear.y_low)
    total = coupling.sum(axis=1)
    excess = np.maximum(total - (L - 1), 0).astype(float)
    each = sp.identity(G, format="csr")
    level = sp.kron(each, np.arange(1, L, dtype=float)[None, :])
    highest = sp.kron(each, (np.arange(1, L) == L - 1).astype(float)[None, :])
    alone = np.argwhere(coupling >= L - 1)
    group, component = (sp.csr_array(np.eye(n)[alone[:, k]]) for k, n in enumerate((G, m)))
    rows: Any = sp.block_array(
        [
            [linear.rows[:, :m], None, linear.rows[:, m:] if Y else None, sp.csr_array((len(linear.high), G))],
            [-coupling.astype(float), level, None, each],
            [None, sp.kron(each, np.ones((1, L - 1))), None, None],
            [None, -sp.diags_array(excess) @ highest, None, each],
            [-component, group @ highest, None, None],
        ],
        format="csr",
    )
    zero, one, free = np.zeros(G), np.ones(G), np.full(len(alone), np.inf)
    reachable = (np.arange(1, L) <= total[:, None]).astype(float).ravel()
    return Levelled(
        LinearSet(
            rows,
            np.concatenate([linear.low, zero, np.full(2 * G, -np.inf), np.zeros(len(alone))]),
            np.concatenate([linear.high, zero, one, zero, free]),
            np.concatenate([np.zeros(G * (L - 1)), linear.y_low, zero]),
            np.concatenate([reachable, linear.y_high, excess]),
            np.concatenate([np.ones(G * (L - 1), np.bool_), linear.y_whole, np.zeros(G, np.bool_)]),
        ),
        groups,
    )


def levels_of(problem: Restless, actions: NDArray[np.int64]) -> NDArray[np.int64]:
    """The level of every arm (k, J) under actions (k, m)."""
    return np.minimum(actions @ problem.coupling.T, problem.arms.shape[1] - 1)


def value_of(problem: Restless, values: NDArray[np.float64], actions: NDArray[np.int64]) -> NDArray[np.float64]:
    """`sum_j values[j, level_j(a)]` of actions (k, m), for values (J, L); (k,)."""
    levels = levels_of(problem, actions)
    return values[np.arange(len(values)), levels].sum(axis=1)
