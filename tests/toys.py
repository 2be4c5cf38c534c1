"""Small problems that exercise what the families don't: two resources, boxes of actions, hidden state, a faulty kernel."""

from typing import Any, NamedTuple

import numpy as np
from budgetgym.envs.core import Kernels, Metric, Problem, core_fields, jit, rng
from gymnasium import spaces
from numpy.typing import NDArray


class Params(NamedTuple):
    horizon: int
    overcharge: float


class State(NamedTuple):
    rng: NDArray[np.uint64]
    t: NDArray[np.int64]
    episode: NDArray[np.int64]
    finished: NDArray[np.bool_]
    initial: NDArray[np.float64]
    remaining: NDArray[np.float64]
    cost: NDArray[np.float64]
    blocked: NDArray[np.int64]
    next_budget: NDArray[np.float64]
    next_episode: NDArray[np.int64]
    colour: NDArray[np.float64]  # hidden: what the agent tries to guess; uniform, so its posterior is its prior
    hits: NDArray[np.int64]


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
    resources = ("red", "blue")
    metrics = (Metric("hits", "hits", "total"),)

    def __init__(self, horizon: int = 12, budget: Any = None, overcharge: float = 1.0, budget_aware: bool = True) -> None:
        super().__init__(
            params=Params(horizon, overcharge),
            features={"hits": (0.0, 1.0), "parity": (np.zeros(1), np.ones(1))},
            action_space=spaces.Box(0.0, np.array([2.0, 2.0, 1.0]), dtype=np.float64),
            horizon=horizon,
            budget={"red": 4.0, "blue": (1.0, 3.0)} if budget is None else budget,
            budget_scale=(10.0, 5.0),
            budget_aware=budget_aware,
        )

    def allocate(self, n: int) -> State:
        return State(**core_fields(n, 2), colour=np.zeros(n), hits=np.zeros(n, np.int64))
