"""A family of your own, in one file: the online knapsack.

Items arrive one by one with a value and a weight; each is taken or left, for good, and what is taken must fit. From the
parameters, the state, the kernels and the record below come the Gymnasium environment, the native vector environment, the
Stable-Baselines3 environment, every learner and planner that fits, comparisons, a place on the leaderboard, and pictures.

    python examples/own_problem.py
    budgetgym --import own_problem compare example/OnlineKnapsack-v0 --agents price,random,flare   (in this folder)
"""

from typing import Any, NamedTuple

import budgetgym
import gymnasium as gym
import numpy as np
from budgetgym.baselines.core.oracle import Oracle
from budgetgym.baselines.core.policy import KernelPolicy
from budgetgym.envs.core import CoreState, Feature, Floats, Ints, Kernels, Metric, Problem, jit, pays, rng, state


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
        if pays(state.remaining[i, 0], state.weight[i], state.initial[i, 0]):
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
    out[1] = pays(state.remaining[i, 0], state.weight[i], state.initial[i, 0])


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


def surplus(a: Any) -> Any:
    """E[max(0, V - a U)] with V and U uniform in [0, 1]: what an item earns beyond its weight at a price."""
    return np.where(a <= 1.0, 0.5 - a / 2 + a * a / 6, 1.0 / (6.0 * np.maximum(a, 1.0)))


def best_price(problem: OnlineKnapsack, capacity: float) -> tuple[float, float]:
    """The price of weight whose Lagrangian bound on the expected value is least, and that bound."""
    prices = np.linspace(0.0, 20.0, 20_001)  # any of them gives a bound
    bounds = problem.horizon * surplus(prices * problem.params.heaviest) + prices * capacity
    return float(prices[bounds.argmin()]), float(bounds.min())


class PriceParameters(NamedTuple):
    """What `act` reads."""

    price: float


@jit
def act(p, observation, memory, action):
    action[0] = observation[0] >= p.price * observation[1]


class Price(KernelPolicy):
    """Takes what is worth its weight at the best price."""

    def __init__(self, problem: OnlineKnapsack) -> None:
        price = best_price(problem, problem.budget.middle(problem.resources))[0]
        super().__init__(problem, act, PriceParameters(price * problem.params.heaviest))


FAMILY = budgetgym.Family(
    name="knapsack",
    problem=OnlineKnapsack,
    environments={"example/OnlineKnapsack-v0": budgetgym.Environment(OnlineKnapsack)},
    agents={
        "price": budgetgym.Agent(Price, "takes what is worth its weight at the best price"),
    },
    oracle=Oracle(
        settings=frozenset({"horizon", "heaviest", "budget_aware"}),
        optimum=lambda problem, capacity: best_price(problem, capacity)[1],
    ),
    demo=("example/OnlineKnapsack-v0 --agents price,random,flare --episodes 200",),
)
budgetgym.register_family(FAMILY, replace=True)


if __name__ == "__main__":
    print(budgetgym.compare("example/OnlineKnapsack-v0", ["price", "random", "flare"], episodes=200).to_string())
