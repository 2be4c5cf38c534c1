"""The mathematics of a restless bandit whose arms are tied together by what can be done at once.

In a step an action (m,) is chosen from the feasible set; it treats every arm with some level; every arm moves on by the row
of its transition table for that level, alone. The random number of arm j in step t of an episode is always the same, so all
agents meet the same random numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..core import jit, rng
from ..core.ledger import payable
from ..core.problem import Kernels
from .feasible.base import set_kernels
from .state import State


@jit
def reset(params, state, i):
    """Every arm in its first state."""
    J, S = params.start.shape
    draws = rng.reserve(state.rng, i, J)
    for j in range(J):
        u, first = rng.reserved(draws, j + 1), 0
        for s in range(S - 1):
            first += u >= params.start[j, s]
        state.arms[i, j] = first
    state.pulled[i, :] = 0
    state.realised[i] = 0.0


@jit
def treat(params, pulled, level):
    """Write the level (J,) at which every arm is treated by what is pulled (m,)."""
    if params.one_by_one:  # the action is itself the level of every arm
        for j in range(level.shape[0]):
            level[j] = pulled[j]
        return
    coupling = params.coupling
    for j in range(level.shape[0]):
        total = 0
        for e in range(coupling.start[j], coupling.start[j + 1]):
            total += coupling.amount[e] * pulled[coupling.component[e]]
        level[j] = min(total, params.levels - 1)


@jit
def move(params, state, i):
    """All arms one step on. Returns the expected reward of that, and the reward that came of it."""
    J, S = params.start.shape
    laws, arms, level = params.laws, state.arms[i], state.level[i]
    draws = rng.reserve(state.rng, i, J)
    expected, realised = 0.0, 0.0
    for j in range(J):
        row = (j * params.levels + level[j]) * S + arms[j]
        u, after = rng.reserved(draws, j + 1), 0
        for s in range(1, S):
            after += u >= laws[row, s]
        expected += laws[row, 0]
        realised += laws[row, S + after]
        arms[j] = after
    return expected, realised


def pack_laws(
    transitions: NDArray[np.float64], gains: NDArray[np.float64], rewards: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The `laws` of `Params` from arrays (J, L, S, S), (J, L, S) and (J, L, S, S)."""
    S = transitions.shape[-1]
    cumulative = transitions.cumsum(axis=-1)[..., :-1]
    return np.concatenate([gains[..., None], cumulative, rewards], axis=-1).reshape(-1, 2 * S)


@jit
def observe(params, state, i, out):
    """The state of every arm, as a number or one-hot."""
    J, S = params.start.shape
    if params.one_hot:
        out[:] = 0.0
        for j in range(J):
            out[j * S + state.arms[i, j]] = 1.0
    else:
        for j in range(J):
            out[j] = state.arms[i, j]


@jit
def payable_pulls(state, i, most):
    """How many pulls the budget of lane i pays for, at most `most`."""
    return np.int64(min(payable(state.remaining[i, 0], state.initial[i, 0]), np.float64(most)))


@jit
def _fill_payable(state, most, out):
    for i in range(out.shape[0]):
        out[i] = payable_pulls(state, i, most)


def payable_in_all(state: State, most: int) -> NDArray[np.int64]:
    """How many pulls the budget of every lane (n,) pays for, at most `most`."""
    out = np.empty(len(state.t), np.int64)
    _fill_payable(state, most, out)
    return out


@lru_cache
def restless_kernels(contains: Callable[..., bool]) -> Kernels:
    """The kernels over a kind of feasible set, from its test of membership."""
    keep = set_kernels(contains).keep

    @jit
    def step(params, state, i, action):
        pulled = state.pulled[i]
        pulls = 0
        for k in range(action.shape[0]):
            pulled[k] = action[k]
            pulls += action[k]
        affordable = payable_pulls(state, i, action.shape[0])
        if pulls > affordable or (params.project and not contains(params.members, pulled, state.scratch[i])):
            pulls = keep(params.members, params.order, action, affordable, pulled, state.scratch[i])
            state.blocked[i] += 1
        treat(params, pulled, state.level[i])
        expected, realised = move(params, state, i)
        state.realised[i] += realised
        reward = expected if params.expected else realised
        return reward, np.float64(pulls), state.t[i] + 1 == params.horizon

    @jit
    def feasible(params, state, i, action):
        return params.project or contains(params.members, action, state.scratch[i])

    return Kernels(reset, step, observe, feasible=feasible)
