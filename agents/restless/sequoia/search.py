"""The best action by local search: quick, feasible, and not proved to be the best.

From an action on, the component whose addition raises the network's value the most is added, as long as one does and fits;
then the best removal or exchange of two components is made, and so on. Where components meet at arms, a second attempt begins
with everything at once and gives up what is missed least. Then some components are given up at random, and it goes on from
there (iterated local search). Only the hidden units' inputs are updated on the way.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ....envs.core import rng
from ....envs.core.jit import jit
from ....envs.core.problem import read_only
from ....envs.core.scaling import unit_of
from .coding import Coding
from .question import Layers

GAIN = 1e-9
"""Smaller improvements are rounding."""


class Search:
    """Local search over a feasible set, for a network.

    Args:
        coding: of the actions.
        kicks: how often components are given up at random, per question; None only adds components (greedy).
        seed: of these random choices; the same question has the same answer.
    """

    def __init__(self, coding: Coding, kicks: int | None = 10, seed: int = 0) -> None:
        self.coding, self.kicks, self.seed = coding, kicks, seed
        # A problem that was copied or loaded has lost the mark, and would be compiled for a second time.
        self._members, self._columns = marked(coding.feasible.members), marked(coding.columns)
        kind = type(coding.feasible)
        self._run = _compile_search(kind.easy_test or kind.test)

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
        unit = unit_of(layers.output)  # small improvements are told from rounding by their size
        flat = flat._replace(output=read_only(flat.output / unit))
        widest = int(flat.sizes.max()) if flat.sizes.size else 0
        limits = np.minimum(np.asarray(most, np.int64), self.coding.feasible.most)
        kicks = self.kicks if kicks is None else kicks
        self._run(
            self._members,
            self._columns,
            flat,
            np.ascontiguousarray(linear, float) / unit,
            np.ascontiguousarray(bias, float),
            limits,
            0 if kicks is None else kicks,
            kicks is not None,
            not self.coding.problem.params.one_by_one,
            np.uint64(self.seed),
            actions,
            values,
            Scratch(
                *(np.zeros(max(widest, 1)) for _ in range(5)),
                level=np.zeros(self.coding.arms, np.int64),
                action=np.zeros(m, np.int64),
                best=np.zeros(m, np.int64),
                members=np.zeros(self.coding.feasible.scratch_size, np.int64),
                random=np.zeros(1, np.uint64),
            ),
        )
        return actions, values * unit


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


class Scratch(NamedTuple):
    """Room to work in. K inputs of the first hidden layer, m components, J arms."""

    inputs: NDArray[np.float64]
    """(K or more,) inputs of the first hidden layer for the present action."""
    trial: NDArray[np.float64]
    """Likewise, of what is tried."""
    less: NDArray[np.float64]
    """Likewise, with one component given up."""
    one: NDArray[np.float64]
    other: NDArray[np.float64]
    """Outputs of two hidden layers."""
    level: NDArray[np.int64]
    """(J,) uncapped levels of the arms."""
    action: NDArray[np.int64]
    """(m,) the present action."""
    best: NDArray[np.int64]
    """(m,) the best one so far."""
    members: NDArray[np.int64]
    """For the test of the feasible set to write on."""
    random: NDArray[np.uint64]
    """(1,) generator."""


@jit
def _apply(columns, flat, linear, i, sign, scratch):
    """Add component i (sign 1) or give it up (-1). Returns what the linear part gains."""
    gain = _shift(columns, flat, linear, scratch.level, i, sign, scratch.inputs, scratch.trial)
    for k in range(flat.first.shape[1]):
        scratch.inputs[k] = scratch.trial[k]
    scratch.action[i] = (1 + sign) // 2
    return gain


@jit
def _copy(source, target):
    """Write one action into another; numba's own assignment of arrays may allocate."""
    for i in range(source.shape[0]):
        target[i] = source[i]


@jit
def _count(action):
    """How many components an action has."""
    count = 0
    for i in range(action.shape[0]):
        count += action[i]
    return count


@lru_cache
def _compile_climb(contains: Callable[..., bool]) -> Callable[..., float]:
    """Improvement of an action as far as that goes, over a kind of feasible set."""

    @jit
    def best_addition(members, columns, flat, linear, worth, value, scratch):
        """The component that adds the most, -1 if none adds anything, and the value with it."""
        action, best, add = scratch.action, value, -1
        for i in range(action.shape[0]):
            if action[i]:
                continue
            gain = _shift(columns, flat, linear, scratch.level, i, 1, scratch.inputs, scratch.trial)
            reached = worth + gain + _hidden(flat, scratch.trial, scratch.one, scratch.other)
            _unshift(columns, scratch.level, i, 1)
            if reached > best:
                action[i] = 1
                if contains(members, action, scratch.members):
                    best, add = reached, i
                action[i] = 0
        return add, best

    @jit
    def best_replacement(members, columns, flat, linear, worth, loss, i, value, scratch):
        """The component that adds the most in place of i, which was given up for `loss`; see `best_addition`."""
        action, best, add = scratch.action, value, -1
        for j in range(action.shape[0]):
            if action[j] or j == i:
                continue
            gain = loss + _shift(columns, flat, linear, scratch.level, j, 1, scratch.less, scratch.trial)
            reached = worth + gain + _hidden(flat, scratch.trial, scratch.one, scratch.other)
            _unshift(columns, scratch.level, j, 1)
            if reached > best:
                action[j] = 1
                if contains(members, action, scratch.members):
                    best, add = reached, j
                action[j] = 0
        return add, best

    @jit
    def best_exchange(members, columns, flat, linear, worth, value, scratch):
        """The component to give up, -1 if none, what to add in its place, -1 for nothing, and the value then."""
        action, best, add, drop = scratch.action, value, -1, -1
        for i in range(action.shape[0]):
            if not action[i]:
                continue
            loss = _shift(columns, flat, linear, scratch.level, i, -1, scratch.inputs, scratch.less)
            action[i] = 0
            reached = worth + loss + _hidden(flat, scratch.less, scratch.one, scratch.other)
            if reached > best:
                best, add, drop = reached, -1, i
            found, reached = best_replacement(members, columns, flat, linear, worth, loss, i, best, scratch)
            if found >= 0:
                best, add, drop = reached, found, i
            action[i] = 1
            _unshift(columns, scratch.level, i, -1)
        return drop, add, best

    @jit
    def climb(members, columns, flat, linear, most, exchange, worth, scratch):
        """Improve the present action as far as that goes. Returns its value."""
        value = worth + _hidden(flat, scratch.inputs, scratch.one, scratch.other)
        count = _count(scratch.action)
        while True:
            best, add, drop = value + GAIN, -1, -1
            if count < most:
                add, best = best_addition(members, columns, flat, linear, worth, best, scratch)
            if add < 0 and exchange:  # nothing can be added: what can be given up, or exchanged?
                drop, add, best = best_exchange(members, columns, flat, linear, worth, best, scratch)
            if add < 0 and drop < 0:
                return value
            if drop >= 0:
                worth += _apply(columns, flat, linear, drop, -1, scratch)
                count -= 1
            if add >= 0:
                worth += _apply(columns, flat, linear, add, 1, scratch)
                count += 1
            value = best

    return climb


@lru_cache
def _compile_shrink(contains: Callable[..., bool]) -> Callable[..., None]:
    """A first action that keeps what works only together, over a kind of feasible set."""

    @jit
    def shrink(members, columns, flat, linear, bias, most, scratch):
        """From everything at once, give up what is missed least until the rest is feasible."""
        action, m = scratch.action, scratch.action.shape[0]
        action[:] = 1
        worth = _begin(columns, flat, linear, bias, action, scratch.level, scratch.inputs, scratch.trial)
        count = m
        while count > most or not contains(members, action, scratch.members):
            best, drop = -np.inf, -1
            for i in range(m):
                if action[i]:
                    loss = _shift(columns, flat, linear, scratch.level, i, -1, scratch.inputs, scratch.trial)
                    reached = worth + loss + _hidden(flat, scratch.trial, scratch.one, scratch.other)
                    _unshift(columns, scratch.level, i, -1)
                    if reached > best:
                        best, drop = reached, i
            worth += _apply(columns, flat, linear, drop, -1, scratch)
            count -= 1

    return shrink


@lru_cache
def _compile_kick(contains: Callable[..., bool]) -> Callable[..., None]:
    """A random step away from the best action, over a kind of feasible set."""

    @jit
    def kick(members, columns, most, scratch):
        """Give up some of the best action at random, and take up something else, which may keep it from falling back."""
        action, best, random = scratch.action, scratch.best, scratch.random
        m = action.shape[0]
        share = 0.2 + 0.6 * rng.uniform(random, 0)
        for i in range(m):
            action[i] = best[i] and rng.uniform(random, 0) > share
        J = columns.group_start.shape[0] - 1
        j = rng.integer(random, 0, J)
        begin, end = columns.group_start[j], columns.group_start[j + 1]
        new = rng.integer(random, 0, m)
        together = end > begin and rng.uniform(random, 0) < 0.5  # all that treats one arm
        for pick in range(begin if together else 0, end if together else 1):
            i = columns.group[pick] if together else new
            if not action[i]:
                action[i] = 1
                if _count(action) > most or not contains(members, action, scratch.members):
                    action[i] = 0

    return kick


@lru_cache
def _compile_search(contains: Callable[..., bool]) -> Callable[..., None]:
    """The search over a kind of feasible set, from its test of membership."""
    climb, shrink, kick = _compile_climb(contains), _compile_shrink(contains), _compile_kick(contains)

    @jit
    def search(members, columns, flat, linear, bias, most, kicks, exchange, meets, seed, actions, values, scratch):
        """`Search.maximise`: the best actions found, in place of the ones to begin with, and their values."""
        action, best = scratch.action, scratch.best
        for n in range(actions.shape[0]):
            _copy(actions[n], action)
            shrinks = meets and exchange and _count(action) == 0
            scratch.random[0] = seed
            top = -np.inf
            for attempt in range(kicks + 1 + shrinks):
                if attempt == 1 and shrinks:
                    shrink(members, columns, flat, linear[n], bias[n], most[n], scratch)
                elif attempt > 0:
                    kick(members, columns, most[n], scratch)
                worth = _begin(columns, flat, linear[n], bias[n], action, scratch.level, scratch.inputs, scratch.trial)
                value = climb(members, columns, flat, linear[n], most[n], exchange, worth, scratch)
                if value > top + GAIN:
                    top = value
                    _copy(action, best)
            values[n] = top
            _copy(best, actions[n])

    return search
