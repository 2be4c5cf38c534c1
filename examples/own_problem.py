"""A problem of your own, in one file: the online knapsack.

Items arrive one by one with a value and a weight; each is taken or left, for good, and what is taken must fit. From the
parameters, the state and three kernels below come the Gymnasium environment, the native vector environment, the
Stable-Baselines3 environment, forks for planners, the ledger and its audit.

    python examples/own_problem.py
"""

from typing import Any, NamedTuple

import budgetgym
import gymnasium as gym
import numpy as np
from budgetgym.envs.core import CoreState, Feature, Floats, Ints, Kernels, Metric, Problem, jit, rng, state


class Params(NamedTuple):
    """What the kernels read."""

    horizon: int
    heaviest: float


@state
class State(CoreState):
    """One entry per episode: the fields of the core, then the knapsack's own."""

    value: Floats
    weight: Floats
    taken: Ints


@jit
def next_item(params, state, i):
    state.value[i] = rng.uniform(state.rng, i)
    state.weight[i] = params.heaviest * rng.uniform(state.rng, i)


@jit
def reset(params, state, i):
    state.taken[i] = 0
    next_item(params, state, i)


@jit
def step(params, state, i, action):
    reward, cost = 0.0, 0.0
    if action[0] == 1:
        if state.weight[i] <= state.remaining[i, 0]:
            reward, cost = state.value[i], state.weight[i]
            state.taken[i] += 1
        else:
            state.blocked[i] += 1  # an item that does not fit is left
    next_item(params, state, i)
    return reward, cost, state.t[i] + 1 == params.horizon


@jit
def observe(params, state, i, out):
    out[0] = state.value[i]
    out[1] = state.weight[i] / params.heaviest


@jit
def mask(params, state, i, out):
    out[0] = 1
    out[1] = state.weight[i] <= state.remaining[i, 0]


class OnlineKnapsack(Problem):
    """Take or leave each of `horizon` items; weights are uniform up to `heaviest`, values uniform in [0, 1]."""

    kernels = Kernels(reset, step, observe, mask)
    state_class = State
    resources = ("capacity",)
    budget_settings = ("capacity",)
    metrics = (Metric("taken", "items taken", "mean"),)

    def __init__(self, horizon: int = 50, capacity: Any = 5.0, heaviest: float = 1.0, budget_aware: bool = True) -> None:
        if not heaviest > 0:
            raise ValueError(f"heaviest is {heaviest!r}; expected a weight > 0")
        super().__init__(
            params=Params(horizon, heaviest),
            features=[
                Feature("value", 0.0, 1.0, "value of the item"),
                Feature("weight", 0.0, 1.0, "weight of the item / heaviest"),
            ],
            action_space=gym.spaces.Discrete(2),
            horizon=horizon,
            budget=capacity,
            budget_scale=horizon * heaviest / 2,
            budget_aware=budget_aware,
        )


def main() -> None:
    budgetgym.register("example/OnlineKnapsack-v0", "own_problem:OnlineKnapsack")
    envs = gym.make_vec("example/OnlineKnapsack-v0", num_envs=1000, capacity=5.0)
    observation, info = envs.reset(seed=0)
    returns = np.zeros(1000)
    for _ in range(50):
        worth_it = observation[:, 0] > 1.3 * observation[:, 1]  # value per weight above a fixed price
        observation, reward, _, _, info = envs.step(worth_it.astype(int))
        returns += reward
    print(f"value {returns.mean():.2f} +- {returns.std() / len(returns) ** 0.5:.2f}, weight {info['spent'].mean():.2f} of 5")


if __name__ == "__main__":
    main()
