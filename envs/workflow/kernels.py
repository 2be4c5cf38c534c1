"""The mathematics of a workflow with a budget and a deadline, in synchronised rounds.

In a round every ready subtask may be given a model and a number of parallel samples. All samples of the round run side by
side; the round lasts as long as its longest sample and costs what all of them cost. A subtask is completed when one of its
samples passes the verifier. What stands still is not charged: a round costs nothing but its samples.

The a-th sample of subtask v ever drawn in an episode has its own two random numbers, whatever was done before: all agents
meet the same random numbers, and better models turn the same failures into successes.
"""

from __future__ import annotations

import numpy as np

from ..core import jit, rng
from ..core.ledger import payment
from .law import affordable_samples, hopeless, is_ready, launched_model, launched_samples, success_probability


@jit
def draw(key, v, attempt, which):
    """The random number in [0, 1) of a sample: `which` is 0 for its length, 1 for its success."""
    position = (np.uint64(v) << np.uint64(40)) + np.uint64(2 * attempt + which + 1)
    return rng.unit(rng.mix(key + rng.GOLDEN_GAMMA * position))


@jit
def reset(params, state, i):
    """Nothing is done yet, and the key of the episode is drawn."""
    state.sample_key[i] = rng.next_uint64(state.rng, i)
    state.done[i] = 0
    state.attempts[i, :] = 0
    state.samples[i] = 0
    state.solved[i] = 0
    state.elapsed[i] = 0.0
    state.completed[i] = 0


@jit
def step(params, state, i, action):
    """A round. Launches reserve what they cost at worst, in the order of the subtasks; then samples are cut, down to none."""
    done = state.done[i]
    initial = state.initial[i]
    dollars_left, seconds_left = state.remaining[i, 0], state.remaining[i, 1]
    reserved, dollars, seconds = 0.0, 0.0, 0.0
    drawn = 0
    for v in range(params.before.shape[0]):
        if action[v] == 0 or not is_ready(params, done, v):
            continue
        m, asked = launched_model(params, action[v]), launched_samples(params, action[v])
        n = affordable_samples(params, v, m, asked, dollars_left - reserved, seconds_left, initial)
        reserved += n * params.dollars[v, m, params.atoms[v, m] - 1]
        state.blocked[i] += n < asked
        passed = False
        for attempt in range(state.attempts[i, v], state.attempts[i, v] + n):
            length = np.int64(draw(state.sample_key[i], v, attempt, 0) * params.atoms[v, m])
            dollars += params.dollars[v, m, length]
            seconds = max(seconds, params.seconds[v, m, length])
            passed |= draw(state.sample_key[i], v, attempt, 1) < success_probability(params, v, m)
        state.attempts[i, v] += n
        drawn += n
        if passed:
            state.done[i] |= 1 << v
            state.solved[i] += 1
    dollars, seconds = payment(dollars_left, dollars, initial[0]), payment(seconds_left, seconds, initial[1])
    state.samples[i] += drawn
    state.elapsed[i] += seconds
    state.completed[i] = state.done[i] == params.everything
    over = drawn == 0 or hopeless(params, state.done[i], dollars_left - dollars, seconds_left - seconds, initial)
    return np.float64(state.completed[i]), (dollars, seconds), state.completed[i] == 1 or over


@jit
def observe(params, state, i, out):
    """For every subtask: is it completed, is it ready, how often it was tried; see the table in `WorkflowRouting`."""
    V = params.before.shape[0]
    for v in range(V):
        out[v] = (state.done[i] >> v) & 1
        out[V + v] = is_ready(params, state.done[i], v)
        out[2 * V + v] = state.attempts[i, v] / (state.attempts[i, v] + 1.0)


@jit
def resample(params, state, i):
    """A planner does not know the samples to come."""
    state.sample_key[i] = rng.next_uint64(state.rng, i)
