"""The exact success rate of routers that are simple rules, by following the probabilities of everything that can happen.

For tables: what is known exactly need not be shown as a sample, which may lie above a proved ceiling by luck.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ....envs.core.jit import jit
from ....envs.routing.agentic import law
from ....envs.routing.agentic.problem import AgenticRouting
from ....envs.routing.agentic.profile import DIFFICULTIES, ERROR_LEVELS
from ....envs.routing.agentic.reading import ERRORS, SIGNAL
from ...core.oracle import check_settings
from .routers import Always, CriticalityGated, ErrorGated, FirstLarge, Random, Router
from .values import whole_calls

RULES = (Always, FirstLarge, ErrorGated, CriticalityGated, Random)
"""Their choice depends on errors, signal and what can be paid alone."""

SETTINGS = {"unit": "calls", "tasks": 1, "exhaustion": "cheapest", "stop": False, "verify": False}
"""With any others a step has outcomes that are not followed here."""


def rule_success(problem: AgenticRouting, router: Router) -> float:
    """The expected success rate of a rule at the problem's budget, one number of calls. Of `Random` the mean over keys.

    Raises:
        ValueError: a router that is none of `RULES`, a setting that is not accounted for, or a budget that varies.
    """
    if type(router) not in {*RULES, *(kind for rule in RULES for kind in rule.__subclasses__())}:
        raise ValueError(f"router is {router.name}; expected one of {', '.join(rule.name for rule in RULES)}")
    settings = {**problem.setting_defaults(), **problem.settings}
    for name, expected in SETTINGS.items():
        if (value := settings[name]) != expected:
            raise ValueError(f"{name} is {value!r}; the success rate of rules is known with {expected!r} alone")
    check_settings(problem)
    low, high = problem.budget.arrays(problem.resources)
    if low[0] != high[0]:
        raise ValueError(f"budget is {problem.budget.amounts}; expected one amount")
    laws = problem.params.laws
    chosen = _choices(problem, router, whole_calls(problem, low[0]))
    total = 0.0
    for s, probability in enumerate(laws.subgoals_pmf):
        for d in range(DIFFICULTIES):
            total += probability * _follow(problem, d, int(laws.subgoals[s]), chosen) / DIFFICULTIES
    return float(total)


def _choices(problem: AgenticRouting, router: Router, cap: int) -> NDArray[np.float64]:
    """(cap + 1, errors, signals, models): the probability of every model by what a rule looks at."""
    tiers, models = problem.profile.tiers, len(problem.profile.models)
    chosen = np.zeros((cap + 1, ERROR_LEVELS, tiers, models))
    for k in range(cap + 1):
        affordable = problem.params.calls <= k
        for e in range(ERROR_LEVELS):
            for signal in range(tiers):
                for m, probability in _asked(problem, router, affordable, e, signal):
                    chosen[k, e, signal, m if affordable[m] else 0] += probability
    return chosen


def _asked(
    problem: AgenticRouting, router: Router, affordable: NDArray[np.bool_], errors: int, signal: int
) -> list[tuple[int, float]]:
    """(model, probability) as the rule asks for it, by its own kernel; of `Random` over keys."""
    if isinstance(router, Random):
        p = router.parameters
        return [(p.large, p.p), (0, 1.0 - p.p)]
    observation, action = np.zeros(len(problem.observation_names)), np.zeros(1, np.int64)
    observation[ERRORS] = errors / (ERROR_LEVELS - 1)
    observation[SIGNAL] = signal / max(problem.profile.tiers - 1, 1)
    if problem.budget_aware:
        observation[problem.reading.affordable :][: len(affordable)] = affordable
    router.act(router.parameters, observation, router.initial_memory(1)[0], action)
    return [(int(action[0]), 1.0)]


def _follow(problem: AgenticRouting, d: int, subgoals: int, chosen: NDArray[np.float64]) -> float:
    """The probability of success for one difficulty and number of subgoals; `chosen` from `_choices`."""
    laws, calls = problem.params.laws, problem.params.calls.astype(np.int64)
    budgets, _, tiers, _ = chosen.shape
    here = np.zeros((budgets, subgoals, ERROR_LEVELS, 2, tiers, tiers))
    coming = np.zeros((budgets, subgoals, ERROR_LEVELS, 2))
    coming[-1, 0, 0, 0] = 1.0
    arrive(laws, problem.params.criticality_accuracy, subgoals, coming, here)
    solved = 0.0
    for _ in range(problem.profile.T):
        there = np.zeros_like(here)
        coming[:] = 0.0
        solved += step(laws, d, subgoals, calls, chosen, here, coming, there)
        arrive(laws, problem.params.criticality_accuracy, subgoals, coming, there)
        here = there
    return solved


@jit
def step(laws, d, subgoals, calls, chosen, here, coming, there):
    """One step from `here`: (calls left, progress, errors, corruption, required tier, signal), probabilities that sum to 1.

    Adds to `there` what stays at its subgoal, and to `coming` (calls left, progress, errors, corruption) what comes to another
    one; returns what solves the task.
    """
    solved = 0.0
    for k in range(here.shape[0]):
        for g in range(subgoals):
            for e in range(ERROR_LEVELS):
                for z in range(2):
                    for r in range(here.shape[4]):
                        for signal in range(here.shape[5]):
                            for m in range(calls.shape[0]):
                                mass = here[k, g, e, z, r, signal] * chosen[k, e, signal, m]
                                if mass > 0.0:
                                    at = (k - calls[m], g, e, z, r, signal)
                                    solved += spread_out(laws, d, subgoals, m, mass, at, coming, there)
    return solved


@jit
def spread_out(laws, d, subgoals, m, mass, at, coming, there):
    """Where a move by model m leads from `at`: to other subgoals, or to another try. Returns what solves the task."""
    k, g, e, z, r, signal = at
    found = law.found(laws, m, z) * mass
    if found > 0.0:
        coming[k, max(g - 1, 0), law.errors_after(law.ROLLBACK, e), 0] += found
    p = law.success(laws, d, m, r, e)
    quiet = (1.0 - p) * law.silent(laws, m, r)
    left = mass - found
    worse = law.errors_after(law.ERROR, e)
    there[k, g, worse, z, r, signal] += left * (1.0 - p - quiet) * (1.0 - law.given_up(laws, worse))
    if g + 1 == subgoals:
        return left * p * (1 - z)
    better = law.errors_after(law.PROGRESS, e)
    coming[k, g + 1, better, z] += left * p
    coming[k, g + 1, better, 1] += left * quiet
    return 0.0


@jit
def arrive(laws, accuracy, subgoals, coming, there):
    """What a subgoal requires, and the signal of that, for all that comes to it."""
    tiers = laws.required.shape[1]
    for g in range(subgoals):
        third = law.zone(g, subgoals)
        for r in range(tiers):
            for signal in range(tiers):
                share = laws.required[third, r] * law.signalled(accuracy, r, signal, tiers)
                for k in range(coming.shape[0]):
                    for e in range(ERROR_LEVELS):
                        for z in range(2):
                            there[k, g, e, z, r, signal] += share * coming[k, g, e, z]
