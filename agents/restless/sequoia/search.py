"""The best action by local search: quick, feasible, and not proved to be the best.

From an action on, the component whose addition raises the network's value the most is added, as long as one does and fits;
then the best removal or exchange of two components is made, and so on. Where components meet at arms, a second attempt begins
with everything at once and gives up what is missed least. Then some components are given up by chance, and it goes on from
there (iterated local search). Only the hidden units' inputs are updated on the way.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....envs.core import rng
from ....envs.core.jit import jit
from ....envs.core.problem import read_only
from .coding import Coding
from .question import Layers

GAIN = 1e-9
"""Smaller improvements are rounding."""


class Search:
    """Local search over a feasible set, for a network.

    Args:
        coding: of the actions.
        kicks: how often components are given up by chance, per question; None only adds components (greedy).
        seed: of that chance; the same question has the same answer.
    """

    def __init__(self, coding: Coding, kicks: int | None = 10, seed: int = 0) -> None:
        self.coding, self.kicks, self.seed = coding, kicks, seed
        # A problem that was copied or loaded has lost the mark, and would be compiled for a second time.
        self._members, self._columns = marked(coding.feasible.members), marked(coding.columns)
        kind = type(coding.feasible)
        self._run = _compiled(kind.easy_test or kind.test)

    def maximise(
        self,
        layers: Layers,
        linear: NDArray[np.float64],
        bias: NDArray[np.float64],
        most: NDArray[np.int64],
        starts: NDArray[np.int64] | None = None,
        kicks: int | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Actions (n, m) for n questions, and their values (n,) without the questions' constants.

        Args:
            layers: of the network.
            linear, bias: (n, X) and (n, K) of the questions.
            most: (n,) pulls that are left.
            starts: (n, m) feasible actions to begin with, within `most`; otherwise nothing is pulled at first.
            kicks: other than the usual ones.
        """
        n, m = len(linear), self.coding.m
        actions = np.zeros((n, m), np.int64) if starts is None else np.array(starts, np.int64)
        values, flat = np.empty(n), layers.flat
        widest = int(flat.sizes.max()) if flat.sizes.size else 0
        limits = np.minimum(np.asarray(most, np.int64), self.coding.feasible.most)
        kicks = self.kicks if kicks is None else kicks
        self._run(
            self._members,
            self._columns,
            flat,
            np.ascontiguousarray(linear, float),
            np.ascontiguousarray(bias, float),
            limits,
            0 if kicks is None else kicks,
            kicks is not None,
            not self.coding.problem.params.one_by_one,
            np.uint64(self.seed),
            actions,
            values,
            np.zeros((6, max(widest, 1))),
            np.zeros(self.coding.arms, np.int64),
            np.zeros((2, m), np.int64),
            np.zeros(self.coding.feasible.desk, np.int64),
            np.zeros(1, np.uint64),
        )
        return actions, values


def marked(arrays: Any) -> Any:
    """The same named tuple with its arrays read-only."""
    return type(arrays)(*(read_only(part) if isinstance(part, np.ndarray) else part for part in arrays))


@jit
def _shift(columns, flat, linear, level, i, sign, inputs, out):
    """Inputs of the first hidden layer after component i is added (sign 1) or given up (-1). Returns what the linear part
    gains; writes `out` (K,) and updates the arms' uncapped levels."""
    K = flat.first.shape[1]
    gain = sign * linear[i]
    for k in range(K):
        out[k] = inputs[k] + sign * flat.first[i, k]
    m = columns.start.shape[0] - 1
    for e in range(columns.start[i], columns.start[i + 1]):
        j = columns.arm[e]
        old = min(level[j], columns.levels - 1)
        level[j] += sign * columns.amount[e]
        new = min(level[j], columns.levels - 1)
        if old != new:
            base = m + j * (columns.levels - 1) - 1
            if old > 0:
                gain -= linear[base + old]
                for k in range(K):
                    out[k] -= flat.first[base + old, k]
            if new > 0:
                gain += linear[base + new]
                for k in range(K):
                    out[k] += flat.first[base + new, k]
    return gain


@jit
def _unshift(columns, level, i, sign):
    """Take back what `_shift` did to the levels."""
    for e in range(columns.start[i], columns.start[i + 1]):
        level[columns.arm[e]] -= sign * columns.amount[e]


@jit(reassociate=True)
def _hidden(flat, inputs, one, other):
    """What the hidden layers add to the value, for inputs (K,) of the first of them."""
    if flat.sizes.shape[0] == 1:
        total = 0.0
        for k in range(inputs.shape[0]):
            total += flat.output[k] * max(inputs[k], 0.0)
        return total
    for k in range(flat.sizes[0]):
        one[k] = max(inputs[k], 0.0)
    weight, at = 0, 0
    for layer in range(1, flat.sizes.shape[0]):
        below = flat.sizes[layer - 1]
        for k in range(flat.sizes[layer]):
            total = flat.biases[at + k]
            for u in range(below):
                total += flat.weights[weight + u] * one[u]
            weight += below
            other[k] = max(total, 0.0)
        at += flat.sizes[layer]
        for k in range(flat.sizes[layer]):
            one[k] = other[k]
    total = 0.0
    for k in range(flat.sizes[-1]):
        total += flat.output[k] * one[k]
    return total


@jit
def _begin(columns, flat, linear, bias, action, level, inputs, out):
    """Inputs of the first hidden layer for an action, and the arms' levels. Returns the linear part of the value."""
    K = flat.first.shape[1]
    level[:] = 0
    for k in range(K):
        inputs[k] = bias[k]
    worth = 0.0
    for i in range(action.shape[0]):
        if action[i]:
            worth += _shift(columns, flat, linear, level, i, 1, inputs, out)
            for k in range(K):
                inputs[k] = out[k]
    return worth


@lru_cache
def _compiled(contains: Callable[..., bool]) -> Callable[..., None]:
    """The search over a kind of feasible set, from its test of membership."""

    @jit
    def climb(members, columns, flat, linear, most, exchange, action, level, inputs, worth, work, desk):
        """Improve an action as far as that goes. Returns its value; `inputs`, `level` and `action` follow."""
        trial, less, one, other = work[1], work[2], work[3], work[4]
        K, m = flat.first.shape[1], action.shape[0]
        value = worth + _hidden(flat, inputs, one, other)
        count = 0
        for i in range(m):
            count += action[i]
        while True:
            best, add, drop = value + GAIN, -1, -1
            if count < most:
                for i in range(m):
                    if not action[i]:
                        gain = _shift(columns, flat, linear, level, i, 1, inputs, trial)
                        reached = worth + gain + _hidden(flat, trial, one, other)
                        _unshift(columns, level, i, 1)
                        if reached > best:
                            action[i] = 1
                            if contains(members, action, desk):
                                best, add = reached, i
                            action[i] = 0
            if add < 0 and exchange:  # nothing can be added: what can be given up, or exchanged?
                for i in range(m):
                    if action[i]:
                        loss = _shift(columns, flat, linear, level, i, -1, inputs, less)
                        action[i] = 0
                        reached = worth + loss + _hidden(flat, less, one, other)
                        if reached > best:
                            best, add, drop = reached, -1, i
                        for j in range(m):
                            if not action[j] and j != i:
                                gain = loss + _shift(columns, flat, linear, level, j, 1, less, trial)
                                reached = worth + gain + _hidden(flat, trial, one, other)
                                _unshift(columns, level, j, 1)
                                if reached > best:
                                    action[j] = 1
                                    if contains(members, action, desk):
                                        best, add, drop = reached, j, i
                                    action[j] = 0
                        action[i] = 1
                        _unshift(columns, level, i, -1)
            if add < 0 and drop < 0:
                return value
            if drop >= 0:
                worth += _shift(columns, flat, linear, level, drop, -1, inputs, trial)
                for k in range(K):
                    inputs[k] = trial[k]
                action[drop] = 0
                count -= 1
            if add >= 0:
                worth += _shift(columns, flat, linear, level, add, 1, inputs, trial)
                for k in range(K):
                    inputs[k] = trial[k]
                action[add] = 1
                count += 1
            value = best

    @jit
    def shrink(members, columns, flat, linear, bias, most, action, level, inputs, work, desk):
        """From everything at once, give up what is missed least until the rest is feasible: finds what works only together."""
        trial, one, other = work[1], work[3], work[4]
        K, m = flat.first.shape[1], action.shape[0]
        for i in range(m):
            action[i] = 1
        worth, count = _begin(columns, flat, linear, bias, action, level, inputs, trial), m
        while count > most or not contains(members, action, desk):
            best, drop = -np.inf, -1
            for i in range(m):
                if action[i]:
                    loss = _shift(columns, flat, linear, level, i, -1, inputs, trial)
                    reached = worth + loss + _hidden(flat, trial, one, other)
                    _unshift(columns, level, i, -1)
                    if reached > best:
                        best, drop = reached, i
            worth += _shift(columns, flat, linear, level, drop, -1, inputs, trial)
            for k in range(K):
                inputs[k] = trial[k]
            action[drop] = 0
            count -= 1

    @jit
    def kick(members, columns, most, best, action, luck, desk):
        """Give up some of the best action by chance, and take up something else, which may keep it from falling back."""
        m = action.shape[0]
        share = 0.2 + 0.6 * rng.uniform(luck, 0)
        for i in range(m):
            action[i] = best[i] and rng.uniform(luck, 0) > share
        J = columns.group_start.shape[0] - 1
        j = rng.integer(luck, 0, J)
        begin, end = columns.group_start[j], columns.group_start[j + 1]
        new = rng.integer(luck, 0, m)
        together = end > begin and rng.uniform(luck, 0) < 0.5  # all that treats one arm
        for pick in range(begin if together else 0, end if together else 1):
            i = columns.group[pick] if together else new
            if not action[i]:
                action[i] = 1
                count = 0
                for k in range(m):
                    count += action[k]
                if count > most or not contains(members, action, desk):
                    action[i] = 0

    @jit
    def run(
        members,
        columns,
        flat,
        linear,
        bias,
        most,
        kicks,
        exchange,
        meets,
        seed,
        actions,
        values,
        work,
        level,
        kept,
        desk,
        luck,
    ):
        m = actions.shape[1]
        inputs, trial = work[0], work[1]
        for n in range(actions.shape[0]):
            action, best = kept[0], kept[1]
            begun = 0
            for i in range(m):
                action[i] = actions[n, i]
                begun += action[i]
            luck[0] = seed
            top = -np.inf
            shrinks = meets and exchange and begun == 0
            for attempt in range(kicks + 1 + shrinks):
                if attempt == 1 and shrinks:
                    shrink(members, columns, flat, linear[n], bias[n], most[n], action, level, inputs, work, desk)
                elif attempt > 0:
                    kick(members, columns, most[n], best, action, luck, desk)
                worth = _begin(columns, flat, linear[n], bias[n], action, level, inputs, trial)
                value = climb(members, columns, flat, linear[n], most[n], exchange, action, level, inputs, worth, work, desk)
                if value > top + GAIN:
                    top = value
                    for i in range(m):
                        best[i] = action[i]
            values[n] = top
            for i in range(m):
                actions[n, i] = best[i]

    return run
