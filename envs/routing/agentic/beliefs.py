"""What a router can know of a task: the exact posterior of its hidden state, given all that was seen.

Given the difficulty, corruption and the required tier are independent, and stay so whatever is seen: visible events are as
likely in corrupted tasks, except for the rollback that ends the corruption. So the posterior is a table with a row per
difficulty class: its probability, the probability of corruption, and the probabilities of the required tier.
"""

from __future__ import annotations

import numpy as np

from ...core import jit
from . import law

WEIGHT, CORRUPTED, TIERS = 0, 1, 2
"""Columns of a belief (D, 2 + R): the row's own probability, corruption given the row, and from column 2 on the tiers."""


@jit
def begin_belief(laws, difficulty, estimate, noise, accuracy, third, signal, belief):
    """The belief at the start of a task. difficulty: (D,) logits; estimate: of it, in logits; third: the subgoal's zone."""
    nearest = 0
    for d in range(belief.shape[0]):
        if abs(difficulty[d] - estimate) < abs(difficulty[nearest] - estimate):
            nearest = d
    for d in range(belief.shape[0]):
        if noise > 0.0:  # relative to the likeliest, so that they can't all be 0
            far = (difficulty[d] - estimate) / noise
            near = (difficulty[nearest] - estimate) / noise
            belief[d, WEIGHT] = np.exp(0.5 * (near * near - far * far))
        else:
            belief[d, WEIGHT] = d == nearest
        belief[d, CORRUPTED] = 0.0
        expect_tier(laws, accuracy, third, signal, belief[d])
    normalise(belief)


@jit
def expect_tier(laws, accuracy, third, signal, row):
    """The tiers of a subgoal that the agent just came to, given the signal."""
    tiers = laws.required.shape[1]
    total = 0.0
    for r in range(tiers):
        row[TIERS + r] = laws.required[third, r] * law.signalled(accuracy, r, signal, tiers)
        total += row[TIERS + r]
    for r in range(tiers):
        row[TIERS + r] /= total


@jit
def update_belief(laws, accuracy, event, m, verdict, e, g, subgoals, signal, belief):
    """Bayes' rule after a step. m, verdict: who was called, and whether for a verdict; e: errors before; g: progress after."""
    third = law.zone(g, subgoals)
    for d in range(belief.shape[0]):
        row = belief[d]
        if row[WEIGHT] == 0.0:
            continue
        if verdict:
            judge_row(laws, m, event, row)
        else:
            move_row(laws, d, m, e, event, row)
        if event == law.ROLLBACK:
            row[CORRUPTED] = 0.0
        if event == law.PROGRESS or event == law.ROLLBACK:
            expect_tier(laws, accuracy, third, signal, row)
    normalise(belief)


@jit
def judge_row(laws, m, event, row):
    """A verdict: weigh the row, and its corruption if the work was found clean."""
    z = row[CORRUPTED]
    accused = z * law.accused(laws, m, 1) + (1.0 - z) * law.accused(laws, m, 0)
    if event == law.ROLLBACK:
        row[WEIGHT] *= accused
        return
    row[WEIGHT] *= 1.0 - accused
    if accused < 1.0:
        row[CORRUPTED] = z * (1.0 - law.accused(laws, m, 1)) / (1.0 - accused)


@jit
def move_row(laws, d, m, e, event, row):
    """A move: weigh the row, its corruption, and after an error the tiers."""
    found = law.found(laws, m, row[CORRUPTED])
    if event == law.ROLLBACK:
        row[WEIGHT] *= found
        return
    unfound = row[CORRUPTED] * (1.0 - law.found(laws, m, 1)) / (1.0 - found) if found < 1.0 else 0.0
    right, quiet, loud = 0.0, 0.0, 0.0
    for r in range(laws.required.shape[1]):
        p = law.success(laws, d, m, r, e)
        s = (1.0 - p) * law.silent(laws, m, r)
        right += row[TIERS + r] * p
        quiet += row[TIERS + r] * s
        loud += row[TIERS + r] * (1.0 - p - s)
    row[CORRUPTED] = unfound
    if event == law.ERROR:
        row[WEIGHT] *= (1.0 - found) * loud
        for r in range(laws.required.shape[1]):
            p = law.success(laws, d, m, r, e)
            row[TIERS + r] *= (1.0 - p) * (1.0 - law.silent(laws, m, r)) / loud if loud > 0.0 else 1.0
    else:
        row[WEIGHT] *= (1.0 - found) * (right + quiet)
        if right + quiet > 0.0:
            row[CORRUPTED] = unfound + (1.0 - unfound) * quiet / (right + quiet)


@jit
def normalise(belief):
    """Let the rows' probabilities sum to one."""
    total = 0.0
    for d in range(belief.shape[0]):
        total += belief[d, WEIGHT]
    for d in range(belief.shape[0]):
        # Who came in the middle of a task took its work for clean; if that turns out impossible, it knows nothing.
        belief[d, WEIGHT] = belief[d, WEIGHT] / total if total > 0.0 else 1.0 / belief.shape[0]


@jit
def replay_history(params, state, i):
    """Lane i's belief, from all that its router saw of the present task; written into `state.belief[i]`."""
    laws, belief = params.laws, state.belief[i]
    models, tiers = params.seconds.shape[0], laws.required.shape[1]
    subgoals = laws.subgoals[state.kind[i]]
    estimate = state.estimate[i] * params.estimate_spread
    accuracy = params.criticality_accuracy
    first = state.first_signal[i]
    begin_belief(laws, params.difficulty, estimate, params.estimate_noise, accuracy, law.zone(0, subgoals), first, belief)
    g, e = 0, 0
    for t in range(state.step[i]):
        seen, caller = state.history[i, t] // (2 * models), state.history[i, t] % (2 * models)
        event, signal = seen // tiers, seen % tiers
        verdict = caller >= models
        if event == law.PROGRESS:
            g += 1
        elif event == law.ROLLBACK:
            g = max(g - 1, 0)
        update_belief(laws, accuracy, event, caller - models * verdict, verdict, e, g, subgoals, signal, belief)
        e = law.errors_after(event, e)


@jit
def draw_belief(belief, u_difficulty, u_corrupted, u_tier):
    """A hidden state drawn from a belief: difficulty class, corruption and required tier."""
    d = 0
    while d < belief.shape[0] - 1 and u_difficulty >= belief[d, WEIGHT]:
        u_difficulty -= belief[d, WEIGHT]
        d += 1
    r = 0
    while r < belief.shape[1] - TIERS - 1 and u_tier >= belief[d, TIERS + r]:
        u_tier -= belief[d, TIERS + r]
        r += 1
    return d, np.int64(u_corrupted < belief[d, CORRUPTED]), r
