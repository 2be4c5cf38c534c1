"""Routers in closed form."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ....envs.core import jit, rng
from ....envs.core.checks import natural, number_of, probability
from ....envs.core.problem import Problem
from ....envs.routing.agentic import law
from ....envs.routing.agentic.fit import mean_calls, mean_dollars
from ....envs.routing.agentic.problem import AgenticRouting
from ....envs.routing.agentic.profile import ERROR_LEVELS
from ....envs.routing.agentic.reading import (
    Reading,
    read_affordable,
    read_errors,
    read_estimate,
    read_progress,
    read_rolled_back,
    read_signal,
    read_steps_left,
    read_subgoals,
)
from ...core.policy import Information, KernelPolicy


class Router(KernelPolicy[AgenticRouting]):
    """What routers share."""

    serves = AgenticRouting


def model_index(problem: AgenticRouting, model: int | str) -> int:
    """A model of the pool by its name, by "small" or "large" for the first or the last, or by its number."""
    names = [m.name for m in problem.profile.models]
    return number_of("model", model, names, {"small": 0, "large": len(names) - 1})


class AlwaysParameters(NamedTuple):
    """The model to call."""

    model: int


@jit
def act_always(p, observation, memory, action):
    """The same model for every move."""
    action[0] = p.model


class Always(Router):
    """Calls one model for every move; what the budget can't pay becomes what the environment makes of it.

    Args:
        problem: the routing problem.
        model: its number or name, or "small" or "large".
    """

    name = "always"

    def __init__(self, problem: Problem, model: int | str = "large") -> None:
        problem = self.served(problem)
        super().__init__(problem, act_always, AlwaysParameters(model_index(problem, model)))


class AlwaysSmall(Always):
    """Calls the first model of the pool for every move."""

    name = "always_small"

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem, "small")


class AlwaysLarge(Always):
    """Calls the last model of the pool for every move."""

    name = "always_large"

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem, "large")


class RandomParameters(NamedTuple):
    """Key of the random numbers, probability of the large model, and its number."""

    key: np.uint64
    p: float
    large: int


@jit
def act_random(p, observation, memory, action):
    """Large with probability p: by a hash of the key, the number of the move and the task's estimate.

    Of nothing else, so that an episode is the same whatever others are played beside it.
    """
    memory[0] += 1.0
    bits = rng.mix(rng.mix(p.key + np.uint64(memory[0])) + np.uint64((read_estimate(observation) + 8.0) * 2.0**40))
    action[0] = p.large if rng.unit(bits) < p.p else 0


class Random(Router):
    """Calls the large model with probability `p`, else the small one.

    Args:
        problem: the routing problem.
        p: by default the share of always-large's use that the mean budget can pay.
        seed: of the choices.
    """

    name = "random"

    def __init__(self, problem: Problem, p: float | None = None, seed: int = 0) -> None:
        problem = self.served(problem)
        if p is None:
            low, high = problem.budget.arrays(problem.resources)
            p = min(1.0, float(low[0] + high[0]) / 2 / float(problem.budget_scale[0]))
        large = len(problem.profile.models) - 1
        super().__init__(
            problem, act_random, RandomParameters(np.uint64(natural("seed", seed)), probability("p", p), large), np.zeros(1)
        )

    def set_random_seed(self, seed: int | None = None) -> None:
        """Choose another stream of choices."""
        self.parameters = self.parameters._replace(key=np.uint64(natural("seed", 0 if seed is None else seed)))


@jit
def act_first_large(reading, observation, memory, action):
    """The large model while the budget can pay it."""
    large = reading.models - 1
    action[0] = large if read_affordable(reading, observation, large) else 0


class FirstLarge(Router):
    """Spends the large calls first, then calls the small model (a strong baseline under caps, arXiv:2602.21227).

    Args:
        problem: the routing problem.
    """

    name = "first_large"
    needs_budget = True

    def __init__(self, problem: Problem) -> None:
        problem = self.served(problem)
        super().__init__(problem, act_first_large, problem.reading)


@jit
def act_cascade(reading, observation, memory, action):
    """One model up after every move that failed. memory: model and progress at the move before."""
    progress = read_progress(reading, observation)
    moved = progress != memory[1] or read_rolled_back(observation)
    if read_steps_left(reading, observation) == reading.steps or moved:
        memory[0] = 0.0
    else:
        memory[0] = min(memory[0] + 1.0, reading.models - 1.0)
    memory[1] = progress
    m = np.int64(memory[0])
    while m > 0 and not read_affordable(reading, observation, m):
        m -= 1
    action[0] = m


class Cascade(Router):
    """Begins every subgoal with the smallest model, and goes one up after every failure that shows (FrugalGPT's order).

    Args:
        problem: the routing problem.
    """

    name = "cascade"
    needs_budget = True

    def __init__(self, problem: Problem) -> None:
        problem = self.served(problem)
        super().__init__(problem, act_cascade, problem.reading, np.zeros(2))


class ErrorGateParameters(NamedTuple):
    """From how many errors on the large model is called."""

    reading: Reading
    errors: int


@jit
def act_error_gated(p, observation, memory, action):
    """The large model from `errors` errors on."""
    large = p.reading.models - 1
    action[0] = large if read_errors(observation) >= p.errors and read_affordable(p.reading, observation, large) else 0


class ErrorGated(Router):
    """Calls the large model while at least `errors` errors weigh on the agent.

    Args:
        problem: the routing problem.
        errors: 0 to 3; 0 is `first_large`.
    """

    name = "error_gated"
    needs_budget = True

    def __init__(self, problem: Problem, errors: int = 1) -> None:
        problem = self.served(problem)
        if isinstance(errors, bool) or not isinstance(errors, int) or not 0 <= errors < ERROR_LEVELS:
            raise ValueError(f"errors is {errors!r}; expected an integer in 0..{ERROR_LEVELS - 1}")
        super().__init__(problem, act_error_gated, ErrorGateParameters(problem.reading, errors))


class SignalGateParameters(NamedTuple):
    """The cheapest model that suffices for each tier."""

    reading: Reading
    sufficient: NDArray[np.int64]


@jit
def act_criticality_gated(p, observation, memory, action):
    """The cheapest model that suffices for the tier that the signal names."""
    m = p.sufficient[read_signal(p.reading, observation)]
    while m > 0 and not read_affordable(p.reading, observation, m):
        m -= 1
    action[0] = m


class CriticalityGated(Router):
    """Believes the criticality signal: calls the cheapest model of the tier that it names.

    Args:
        problem: the routing problem.
    """

    name = "criticality_gated"
    needs_budget = True

    def __init__(self, problem: Problem) -> None:
        problem = self.served(problem)
        tier = np.array([model.tier for model in problem.profile.models])
        tiers = range(problem.profile.tiers)
        sufficient = np.array([int(np.argmax(tier >= r)) if (tier >= r).any() else len(tier) - 1 for r in tiers])
        super().__init__(problem, act_criticality_gated, SignalGateParameters(problem.reading, sufficient))


class GreedyParameters(NamedTuple):
    """What the greedy router weighs."""

    reading: Reading
    laws: Any
    accuracy: float
    difficulty: NDArray[np.float64]
    shrinkage: float
    """What an estimate is multiplied with to give the expected difficulty."""
    price: NDArray[np.float64]
    """(N,) dollars of a call."""


@jit
def act_greedy(p, observation, memory, action):
    """The model with the least cost per expected progress in this very move."""
    expected = read_estimate(observation) * p.shrinkage
    d = 0
    for k in range(1, p.difficulty.shape[0]):
        if abs(p.difficulty[k] - expected) < abs(p.difficulty[d] - expected):
            d = k
    tiers = p.reading.tiers
    signal, e = read_signal(p.reading, observation), read_errors(observation)
    third = law.zone(read_progress(p.reading, observation), read_subgoals(p.reading, observation))
    best, least = 0, np.inf
    for m in range(p.reading.models):
        success, total = 0.0, 0.0
        for r in range(tiers):
            weight = p.laws.required[third, r] * law.signalled(p.accuracy, r, signal, tiers)
            success += weight * law.success(p.laws, d, m, r, e)
            total += weight
        cost = p.price[m] * total / max(success, 1e-300)
        if read_affordable(p.reading, observation, m) and cost < least:
            best, least = m, cost
    action[0] = best


class Greedy(Router):
    """Buys progress where it is cheapest: least dollars per expected success of this very move, blind to the future.

    Args:
        problem: the routing problem.
    """

    name = "greedy"
    needs_budget = True
    information: ClassVar[Information] = "model"

    def __init__(self, problem: Problem) -> None:
        problem = self.served(problem)
        params = problem.params
        shrinkage = problem.profile.spread**2 / params.estimate_spread
        price = mean_dollars(problem.profile) / mean_calls(problem.profile)
        parameters = GreedyParameters(
            problem.reading, params.laws, params.criticality_accuracy, params.difficulty, shrinkage, price
        )
        super().__init__(problem, act_greedy, parameters)
