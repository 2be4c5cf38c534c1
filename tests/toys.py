"""Small problems that exercise what the families don't: two resources, boxes of actions, hidden state, a faulty kernel."""

from typing import Any, NamedTuple

import numpy as np
from budgetgym.envs.core import CoreState, Feature, Floats, Ints, Kernels, Metric, Problem, jit, rng, state
from gymnasium import spaces


class Params(NamedTuple):
    horizon: int
    overcharge: float


@state
class State(CoreState):
    colour: Floats  # hidden: what the agent tries to guess; uniform, so its posterior is its prior
    hits: Ints


@jit
def reset(params, state, i):
    state.colour[i] = rng.uniform(state.rng, i)
    state.hits[i] = 0


@jit
def step(params, state, i, action):
    """Buy as much of either resource as is asked for and there; guess the colour. Ends when a guess is very close."""
    buy = min(action[0], state.remaining[i, 0]), min(action[1], state.remaining[i, 1])
    if buy[0] < action[0] or buy[1] < action[1]:
        state.blocked[i] += 1
    error = abs(action[2] - state.colour[i])
    hit = error < 0.02
    state.hits[i] += hit
    reward = buy[0] * rng.uniform(state.rng, i) + buy[1] - error
    return reward, (buy[0] * params.overcharge, buy[1]), hit or state.t[i] + 1 == params.horizon


@jit
def observe(params, state, i, out):
    out[0] = state.hits[i]
    out[1] = state.t[i] % 2


@jit
def resample(params, state, i):
    state.colour[i] = rng.uniform(state.rng, i)


class Painter(Problem):
    """Two resources, three action components, a hidden colour."""

    kernels = Kernels(reset, step, observe, resample=resample)
    state_class = State
    resources = ("red", "blue")
    metrics = (Metric("hits", "hits", "total"),)

    def __init__(self, horizon: int = 12, budget: Any = None, overcharge: float = 1.0, budget_aware: bool = True) -> None:
        super().__init__(
            params=Params(horizon, overcharge),
            features=[
                Feature("hits", 0.0, 1.0, "whether the colour was guessed"),
                Feature("parity", np.zeros(1), np.ones(1), "of the step"),
            ],
            action_space=spaces.Box(0.0, np.array([2.0, 2.0, 1.0]), dtype=np.float64),
            horizon=horizon,
            budget={"red": 4.0, "blue": (1.0, 3.0)} if budget is None else budget,
            budget_scale=(10.0, 5.0),
            budget_aware=budget_aware,
        )
