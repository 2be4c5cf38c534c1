"""Routers in closed form."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from ....envs.core import jit, rng
from ....envs.core.checks import natural, probability
from ....envs.core.problem import Problem
from ....envs.routing.agentic import law
from ....envs.routing.agentic.fit import mean_calls, mean_dollars
from ....envs.routing.agentic.problem import AgenticRouting
from ....envs.routing.agentic.profile import ERROR_LEVELS
from ...core.policy import Information, KernelPolicy

PROGRESS, SUBGOALS, ERRORS, ROLLED_BACK, ESTIMATE, SIGNAL, STEPS_LEFT, LAST_MODEL = 0, 1, 2, 3, 4, 5, 7, 9
"""Places in the observation; see the table in `AgenticRouting`."""


class Router(KernelPolicy):
    """What routers share."""

    serves = AgenticRouting

    @classmethod
    def served(cls, problem: Problem) -> AgenticRouting:
        """The problem, after `check`."""
        cls.check(problem)
        return cast(AgenticRouting, problem)


def model_index(problem: AgenticRouting, model: int | str) -> int:
    """A model of the pool by its number, its name, or "small" and "large" for the first and the last."""
    names = [m.name for m in problem.profile.models]
    ends = {"small": 0, "large": len(names) - 1}
    if isinstance(model, str) and (model in ends or model in names):
        return ends.get(model, names.index(model) if model in names else 0)
    if isinstance(model, bool) or not isinstance(model, int) or not 0 <= model < len(names):
        raise ValueError(f"model is {model!r}; expected 0..{len(names) - 1}, 'small', 'large', or one of {names}")
    return model


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
    bits = rng.mix(rng.mix(p.key + np.uint64(memory[0])) + np.uint64((observation[ESTIMATE] + 8.0) * 2.0**40))
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


class Places(NamedTuple):
    """What routers need to read observations."""

    models: int
    last_model: int
    """Where the one-hot of the latest model begins."""
    affordable: int
    """Where affordability begins."""
    budget: int
    """Size of the budget; its remaining share follows."""


def places(problem: AgenticRouting) -> Places:
    """Where the problem's observations hold what."""
    models = len(problem.profile.models)
    return Places(models, LAST_MODEL, LAST_MODEL + 3 * models, LAST_MODEL + 4 * models)


@jit
def can_pay(at, observation, m):
    """Whether the budget can pay a call of model m."""
    return observation[at.affordable + m] > 0.5


@jit
def act_first_large(p, observation, memory, action):
    """The large model while the budget can pay it."""
    action[0] = p.models - 1 if can_pay(p, observation, p.models - 1) else 0


class FirstLarge(Router):
    """Spends the large calls first, then calls the small model (a strong baseline under caps, arXiv:2602.21227).

    Args:
        problem: the routing problem.
    """

    name = "first_large"
    needs_budget = True

    def __init__(self, problem: Problem) -> None:
        problem = self.served(problem)
        super().__init__(problem, act_first_large, places(problem))


@jit
def act_cascade(p, observation, memory, action):
    """One model up after every move that failed. memory: model, progress and errors at the move before."""
    moved = observation[PROGRESS] != memory[1] or observation[ROLLED_BACK] > 0.5
    if observation[STEPS_LEFT] == 1.0 or moved:
        memory[0] = 0.0
    else:
        memory[0] = min(memory[0] + 1.0, p.models - 1.0)
    memory[1] = observation[PROGRESS]
    m = np.int64(memory[0])
    while m > 0 and not can_pay(p, observation, m):
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
        super().__init__(problem, act_cascade, places(problem), np.zeros(2))


class ErrorGateParameters(NamedTuple):
    """From how many errors on the large model is called."""

    at: Places
    errors: float


@jit
def act_error_gated(p, observation, memory, action):
    """The large model from so many errors on."""
    large = p.at.models - 1
    gate = observation[ERRORS] * (ERROR_LEVELS - 1) >= p.errors - 1e-9
    action[0] = large if gate and can_pay(p.at, observation, large) else 0


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
        super().__init__(problem, act_error_gated, ErrorGateParameters(places(problem), float(errors)))


class SignalGateParameters(NamedTuple):
    """How many tiers there are, and the cheapest model that suffices for each."""

    at: Places
    tiers: int
    sufficient: NDArray[np.int64]


@jit
def act_criticality_gated(p, observation, memory, action):
    """The cheapest model that suffices for the tier that the signal names."""
    m = p.sufficient[np.int64(observation[SIGNAL] * (p.tiers - 1) + 0.5)]
    while m > 0 and not can_pay(p.at, observation, m):
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
        parameters = SignalGateParameters(places(problem), problem.profile.tiers, sufficient)
        super().__init__(problem, act_criticality_gated, parameters)


class GreedyParameters(NamedTuple):
    """What the greedy router weighs."""

    at: Places
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
    expected = observation[ESTIMATE] * p.shrinkage
    d = 0
    for k in range(1, p.difficulty.shape[0]):
        if abs(p.difficulty[k] - expected) < abs(p.difficulty[d] - expected):
            d = k
    tiers = p.laws.required.shape[1]
    signal = np.int64(observation[SIGNAL] * (tiers - 1) + 0.5)
    e = np.int64(observation[ERRORS] * (ERROR_LEVELS - 1) + 0.5)
    subgoals = np.int64(observation[SUBGOALS] * p.laws.subgoals[p.laws.subgoals.shape[0] - 1] + 0.5)
    third = law.zone(np.int64(observation[PROGRESS] * subgoals + 0.5), subgoals)
    best, least = 0, np.inf
    for m in range(p.at.models):
        success, total = 0.0, 0.0
        for r in range(tiers):
            weight = p.laws.required[third, r] * law.signalled(p.accuracy, r, signal, tiers)
            success += weight * law.success(p.laws, d, m, r, e)
            total += weight
        cost = p.price[m] * total / max(success, 1e-300)
        if can_pay(p.at, observation, m) and cost < least:
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
            places(problem), params.laws, params.criticality_accuracy, params.difficulty, shrinkage, price
        )
        super().__init__(problem, act_greedy, parameters)
