"""The mathematics of a tree in which a single leaf pays, and local scores point elsewhere."""

from __future__ import annotations

from ..core import jit, rng
from ..core.ledger import pays


@jit
def reset(params, state, i):
    """A solution drawn among all leaves."""
    for level in range(params.depth):
        state.solution[i, level] = rng.integer(state.rng, i, params.branching)
    state.level[i] = 0
    state.left_at[i] = 0
    state.success[i] = 0
    state.trap_at_1[i] = 0
    state.first_error_step[i] = 0
    state.recovered[i] = 0


@jit
def step(params, state, i, action):
    """A move to a child, or back."""
    left, initial = state.remaining[i, 0], state.initial[i, 0]
    if not pays(left, 1.0, initial):
        state.blocked[i] += 1
        return 0.0, 0.0, True
    over = not pays(left, 2.0, initial) or state.t[i] + 1 >= params.horizon
    if action[0] == params.branching:
        go_back(state, i)
        return 0.0, 1.0, over
    if state.level[i] == params.depth:  # below a leaf there is nothing
        return 0.0, 1.0, over
    right = state.solution[i, state.level[i]] == action[0]
    state.level[i] += 1
    if state.left_at[i] == 0 and not right:
        state.left_at[i] = state.level[i]
        if state.first_error_step[i] == 0:
            state.first_error_step[i] = state.t[i] + 1
            state.trap_at_1[i] = state.t[i] == 0
    if state.level[i] < params.depth:
        return 0.0, 1.0, over
    if state.left_at[i] == 0:
        state.success[i] = 1
        state.recovered[i] = state.first_error_step[i] > 0
        return 1.0, 1.0, True
    return 0.0, 1.0, over or not params.backtrack


@jit
def go_back(state, i):
    """To the parent; the root has none."""
    if state.level[i] > 0:
        if state.left_at[i] == state.level[i]:
            state.left_at[i] = 0
        state.level[i] -= 1


@jit
def local_score(params, state, i, child):
    """How good a child looks from its parent."""
    level = state.level[i]
    if level == params.depth:
        return 0.0
    if state.left_at[i] > 0:
        return 1.0  # barren branches go on looking good
    right = state.solution[i, level] == child
    return 1.0 if right != (level < params.traps) else 0.0


@jit
def observe(params, state, i, out):
    """See the table in `TrapTree`."""
    out[0] = state.level[i] / params.depth
    out[1] = state.level[i] == params.depth
    for child in range(params.branching):
        out[2 + child] = local_score(params, state, i, child)
