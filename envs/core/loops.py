"""The loops over a batch, compiled once per family from its kernels.

Every face steps through these functions, with a batch of one or of many, so the faces cannot disagree.
"""

# The loops are closures over the kernels and are compiled: annotations would say less than the shapes in the comments.
from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.extending import overload

from .jit import jit
from .ledger import charge, observe_budget, open_ledger, shorten_ledger
from .problem import Kernels

OK = -1
"""No fault. Otherwise a fault names its lane: the lane's number itself if its kernel charged what it may not, and
`INVALID - lane` if its action is NaN, out of range or not feasible."""

INVALID = -2


class Loops(NamedTuple):
    """The compiled loops of one family. Shapes: n lanes, d observation entries, m action components, A actions."""

    reset: Callable[..., Any]
    """reset(params, rules, state, lanes (n,) bool, stride): start a new episode in the chosen lanes."""
    observe: Callable[..., Any]
    """observe(params, rules, state, lanes (n,) bool, out (n, d)): write the observations of the chosen lanes."""
    step: Callable[..., int]
    """step(params, rules, state, restart, stride, actions (n, m), observation (n, d), reward (n,), terminated (n,),
    truncated (n,)) -> a fault or OK. Invalid actions are found before anything happens. A lane that had finished before
    begins anew if `restart` (Gymnasium's NEXT_STEP), else it stays as it is and reports terminated, without reward or cost."""
    mask: Callable[..., Any]
    """mask(params, state, out (n, A) int8): write every lane's action mask."""
    resample: Callable[..., Any]
    """resample(params, state, keys (n,) uint64): redraw the future from `keys`, and what is hidden."""


@jit
def invalid_action(rules, actions):
    """The fault of the first lane whose action is NaN or out of range, or OK."""
    fault = OK
    for j in range(actions.shape[1]):
        low, high = rules.action_low[j], rules.action_high[j]
        for i in range(actions.shape[0] - 1, -1, -1):  # to the end, without leaving early: then it runs on vector registers
            if not low <= actions[i, j] <= high and (fault == OK or INVALID - i > fault):
                fault = INVALID - i
    return fault


@jit
def is_valid(rules, action):
    """Whether one action (m,) is within its range."""
    for j in range(action.shape[0]):
        if not rules.action_low[j] <= action[j] <= rules.action_high[j]:
            return False
    return True


def record_cost(costs, i, cost):
    """Write a kernel's cost, a number or a tuple, into row i. Only called from compiled code."""


@overload(record_cost)
def _record_compiled(costs, i, cost):
    if isinstance(cost, types.BaseTuple):
        entries = len(cost)

        def record(costs, i, cost):
            if costs.shape[1] == entries:
                for k in range(costs.shape[1]):
                    costs[i, k] = cost[k]
            else:
                costs[i, :] = np.nan  # not as many as there are resources: `charge` refuses it
    else:

        def record(costs, i, cost):
            costs[i, 0] = cost if costs.shape[1] == 1 else np.nan

    return record


@jit
def hide_nothing(params, state, i):
    """The resample kernel of a problem without hidden state."""


@jit
def mask_nothing(params, state, i, out):
    """The mask kernel of a problem whose actions can always be executed."""
    out[:] = 1


@jit
def anything_goes(params, state, i, action):
    """The feasible kernel of a problem whose actions are bounded by their range alone."""
    return True


@lru_cache
def compile_loops(kernels: Kernels) -> Loops:
    """The batch loops of a family, compiled (or found in the on-disk cache) at their first call."""
    kernel_reset, kernel_step, kernel_observe = kernels.reset, kernels.step, kernels.observe
    kernel_mask = kernels.mask or mask_nothing
    kernel_feasible = kernels.feasible or anything_goes
    kernel_resample = kernels.resample or hide_nothing

    @jit
    def begin(params, rules, state, i, stride):
        state.t[i] = 0
        state.episode[i] = state.next_episode[i]
        state.next_episode[i] += stride
        state.finished[i] = False
        open_ledger(rules, state, i)
        kernel_reset(params, state, i)
        shorten_ledger(rules, state, i)

    @jit
    def observe_lane(params, rules, state, i, out):
        kernel_observe(params, state, i, out[: rules.features])
        if rules.budget_aware:
            observe_budget(rules, state, i, out[rules.features :])

    @jit
    def advance(params, rules, state, i, action):
        reward, cost, terminated = kernel_step(params, state, i, action)
        record_cost(state.cost, i, cost)
        affordable = charge(state, i)
        if affordable:
            state.t[i] += 1
        truncated = not terminated and state.t[i] == rules.max_steps
        state.finished[i] = terminated or truncated
        return reward, terminated, truncated, affordable

    @jit
    def reset(params, rules, state, lanes, stride):
        for i in range(lanes.shape[0]):
            if lanes[i]:
                begin(params, rules, state, i, stride)

    @jit
    def observe(params, rules, state, lanes, out):
        for i in range(lanes.shape[0]):
            if lanes[i]:
                observe_lane(params, rules, state, i, out[i])

    @jit
    def step(params, rules, state, restart, stride, actions, observation, reward, terminated, truncated):
        fault = invalid_action(rules, actions)
        if fault != OK:
            return fault
        for i in range(actions.shape[0]):
            if not kernel_feasible(params, state, i, actions[i]):
                return INVALID - i
        for i in range(actions.shape[0]):
            if state.finished[i]:
                reward[i], terminated[i], truncated[i] = 0.0, not restart, False
                state.cost[i, :] = 0.0
                if restart:
                    begin(params, rules, state, i, stride)
            else:
                reward[i], terminated[i], truncated[i], affordable = advance(params, rules, state, i, actions[i])
                if not affordable:
                    return i
            observe_lane(params, rules, state, i, observation[i])
        return OK

    @jit
    def mask(params, state, out):
        for i in range(out.shape[0]):
            kernel_mask(params, state, i, out[i])

    @jit
    def resample(params, state, keys):
        for i in range(keys.shape[0]):
            state.rng[i] = keys[i]
            kernel_resample(params, state, i)

    return Loops(reset, observe, step, mask, resample)


@lru_cache
def compile_rollout(kernels: Kernels, act: Callable[..., Any]) -> Callable[..., int]:
    """A whole policy played in compiled code.

    `act(policy, observation (d,), memory (p,), action (m,))` writes the action and may change its memory. The result is
    `rollout(params, rules, state, policy, memory (n, p), observation (n, d), action (n, m), steps, returns (n,))`: it plays
    up to `steps` steps in every lane that has not finished, adds the rewards to `returns`, leaves the latest observations,
    and returns a fault or OK. Lane by lane, so that a lane's
    state stays in the processor's nearest cache; lanes do not interact, so the order changes nothing.
    """
    kernel_step, kernel_observe = kernels.step, kernels.observe
    kernel_feasible = kernels.feasible or anything_goes

    @jit
    def rollout(params, rules, state, policy, memory, observation, action, steps, returns):
        for i in range(returns.shape[0]):
            for _ in range(steps):
                if state.finished[i]:
                    break
                act(policy, observation[i], memory[i], action[i])
                if not (is_valid(rules, action[i]) and kernel_feasible(params, state, i, action[i])):
                    return INVALID - i
                reward, cost, terminated = kernel_step(params, state, i, action[i])
                record_cost(state.cost, i, cost)
                if not charge(state, i):
                    return i
                state.t[i] += 1
                state.finished[i] = terminated or state.t[i] == rules.max_steps
                returns[i] += reward
                kernel_observe(params, state, i, observation[i, : rules.features])
                if rules.budget_aware:
                    observe_budget(rules, state, i, observation[i, rules.features :])
        return OK

    return rollout
