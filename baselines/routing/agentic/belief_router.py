"""A router that knows the laws, keeps the exact posterior of what is hidden, and looks ahead with tables per difficulty."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from ....envs.core import jit
from ....envs.core.problem import Problem
from ....envs.routing.agentic import law
from ....envs.routing.agentic.beliefs import CORRUPTED, TIERS, WEIGHT, begin_belief, update_belief
from ....envs.routing.agentic.problem import AgenticRouting
from ....envs.routing.agentic.profile import DIFFICULTIES, ERROR_LEVELS
from ....envs.routing.agentic.reading import (
    Reading,
    read_errors,
    read_estimate,
    read_last_model,
    read_left,
    read_progress,
    read_rolled_back,
    read_signal,
    read_steps_left,
    read_subgoals,
)
from ...core.cache import cached_array
from ...core.policy import Information
from .routers import Router
from .values import (
    PRICED_BY_START,
    arrive_known,
    check_grid,
    check_solvable,
    end_payoffs,
    judge_known,
    move_known,
    task_key,
    task_table,
    whole_calls,
    worth_of_unspent,
)

GRID = (5, 5)
"""Coarser than for values: tables for all difficulties must be at hand at once."""

SEEN_PROGRESS, SEEN_ERRORS, ASKED_VERDICT, BELIEF = range(4)
"""Memory: progress and errors before the latest step, whether it asked for a verdict, and from entry 3 on the belief."""


class BeliefParameters(NamedTuple):
    """What the router knows. D difficulties, S numbers of subgoals with sum G, E error levels, (Z, B) grid, R = 2 tiers."""

    reading: Reading
    laws: Any
    calls: NDArray[np.int64]
    stop: bool
    verify: bool
    estimate_spread: float
    estimate_noise: float
    accuracy: float
    difficulty: NDArray[np.float64]
    payoff: NDArray[np.float64]
    """(D, S, 2, K)"""
    offset: NDArray[np.int64]
    """(S,) where each number of subgoals begins along the axis of progress."""
    value: NDArray[np.float32]
    """(D, T + 1, K, sum G, E, Z, B)"""
    arrival: NDArray[np.float32]
    """(D, T + 1, K, sum (G + 1), E, Z)"""


@jit
def observe_step(p, observation, memory, s, g, e):
    """Take the latest step into the belief, or begin a new task's."""
    belief = memory[BELIEF:].reshape((p.difficulty.shape[0], TIERS + 2))
    subgoals = p.laws.subgoals[s]
    signal = read_signal(p.reading, observation)
    begins = read_steps_left(p.reading, observation) == p.reading.steps
    if begins or memory[BELIEF:].sum() == 0.0:  # a new task, or one whose past was not seen
        estimate, third = read_estimate(observation) * p.estimate_spread, law.zone(g, subgoals)
        begin_belief(p.laws, p.difficulty, estimate, p.estimate_noise, p.accuracy, third, signal, belief)
        return
    verdict = memory[ASKED_VERDICT] > 0.5
    m = read_last_model(p.reading, observation)
    event = law.CLEAN if verdict else law.ERROR
    if read_rolled_back(observation):
        event = law.ROLLBACK
    elif g > memory[SEEN_PROGRESS]:
        event = law.PROGRESS
    update_belief(p.laws, p.accuracy, event, m, verdict, np.int64(memory[SEEN_ERRORS]), g, subgoals, signal, belief)


@jit
def expected_worth(p, memory, s, g, e, left, k, m, verdict):
    """The worth of a call with k calls left before it: that of the router that knows the difficulty, averaged over it."""
    belief = memory[BELIEF:].reshape((p.difficulty.shape[0], TIERS + 2))
    subgoals = p.laws.subgoals[s]
    low, low_arrival = p.offset[s], p.offset[s] + s
    rest = k - p.calls[m]
    total = 0.0
    for d in range(belief.shape[0]):
        if belief[d, WEIGHT] < 1e-6:
            continue
        payoff = p.payoff[d, s]
        later = p.value[d, left - 1, :, low : low + subgoals]
        arrival = p.arrival[d, left - 1, :, low_arrival : low_arrival + subgoals + 1]
        z, upper = belief[d, CORRUPTED], belief[d, TIERS + 1]
        if verdict:
            worth = judge_known(p.laws, m, rest, g, e, z, upper, payoff, arrival, later)
        else:
            worth = move_known(p.laws, d, m, rest, g, e, z, upper, payoff, arrival, later)
        total += belief[d, WEIGHT] * worth
    return total


@jit
def act_belief(p, observation, memory, action):
    """The call of the highest expected worth; the cheapest of those that are equal."""
    s = 0
    while p.laws.subgoals[s] < read_subgoals(p.reading, observation):
        s += 1
    g, e = read_progress(p.reading, observation), read_errors(observation)
    observe_step(p, observation, memory, s, g, e)
    memory[SEEN_PROGRESS] = g
    memory[SEEN_ERRORS] = e
    memory[ASKED_VERDICT] = 0.0

    left, models = read_steps_left(p.reading, observation), p.reading.models
    k = np.int64(min(read_left(p.reading, observation) + 1e-6, p.payoff.shape[3] - 1.0))  # whole calls
    best = -np.inf
    if p.stop:
        best = 0.0
        belief = memory[BELIEF:].reshape((p.difficulty.shape[0], TIERS + 2))
        for d in range(belief.shape[0]):
            best += belief[d, WEIGHT] * p.payoff[d, s, 0, k]
        action[0] = models
    for verdict in range(1 + p.verify):
        for m in range(models):
            if p.calls[m] > k:
                continue
            worth = expected_worth(p, memory, s, g, e, left, k, m, verdict == 1)
            if worth > best + 1e-12:
                best = worth
                action[0] = m + verdict * (models + p.stop)
                memory[ASKED_VERDICT] = verdict


class Belief(Router):
    """The exact posterior of the hidden state, and one step of lookahead into the values given the difficulty.

    Exact up to the grid if the environment shows the difficulty (`difficulty_noise=0`). Otherwise it averages, over the
    posterior of the difficulty, values that assume it will be shown next: it never pays to learn the difficulty. Its success
    is then a lower bound of what the best honest router achieves, and the value given the difficulty an upper one.

    Args:
        problem: a routing problem with two tiers, one task per episode and a budget in calls.
        grid: points of the belief grid: corruption, upper tier.
    """

    name = "belief"
    needs_budget = True
    needs_law = True
    information: ClassVar[Information] = "model"

    @classmethod
    def check(cls, problem: Problem) -> None:
        """See `Policy.check`: the values that it looks up must be known."""
        super().check(problem)
        routing = cast(AgenticRouting, problem)
        try:
            check_solvable(routing, "difficulty")
        except ValueError as error:
            raise ValueError(f"belief needs the exact values of the problem: {error}") from None
        if routing.tasks > 1:
            raise ValueError(f"belief plans for one task per episode; the environment has tasks={routing.tasks}")
        low, high = routing.budget.arrays(routing.resources)
        if routing.reward in PRICED_BY_START and low[0] != high[0]:
            raise ValueError(f"belief plans for one budget where reward={routing.reward!r}; expected no range of budgets")

    def __init__(self, problem: Problem, grid: tuple[int, int] = GRID) -> None:
        problem = self.served(problem)
        high = problem.budget.arrays(problem.resources)[1]
        start = whole_calls(problem, high[0])
        check_grid(grid)
        payoff = end_payoffs(problem, start, worth_of_unspent(problem, start))
        value = cached_array(lambda: stacked_tables(problem, payoff, grid), *task_key(problem), "tables", start, grid)
        params = problem.params
        laws = params.laws
        parameters = BeliefParameters(
            reading=problem.reading,
            laws=laws,
            calls=params.calls.astype(np.int64),
            stop=problem.stop,
            verify=problem.verify,
            estimate_spread=params.estimate_spread,
            estimate_noise=params.estimate_noise,
            accuracy=params.criticality_accuracy,
            difficulty=params.difficulty,
            payoff=payoff,
            offset=np.concatenate([[0], laws.subgoals[:-1].cumsum()]),
            value=value,  # type: ignore[arg-type]
            arrival=stacked_arrivals(problem, payoff, value),  # type: ignore[arg-type]
        )
        memory = np.zeros(BELIEF + DIFFICULTIES * (TIERS + 2))
        super().__init__(problem, act_belief, parameters, memory)

    def check_problem(self, problem: Problem) -> None:
        """Also: the laws, and what is rewarded, must be the same, and the tables reach to the largest budget."""
        super().check_problem(problem)
        assert isinstance(self.problem, AgenticRouting)
        if not isinstance(problem, AgenticRouting) or task_key(problem) != task_key(self.problem):
            raise ValueError(f"belief was made for other laws or rewards than {problem.instance}; make it for this one")
        reach = self.parameters.payoff.shape[-1] - 1
        low, high = (whole_calls(problem, amounts[0]) for amounts in problem.budget.arrays(problem.resources))
        if high > reach or (problem.reward in PRICED_BY_START and low != reach):
            raise ValueError(f"belief was made for budgets up to {reach}, not {high}; make it for this environment")


def stacked_tables(problem: AgenticRouting, payoff: NDArray[np.float64], grid: tuple[int, int]) -> NDArray[Any]:
    """The tables of all difficulties and numbers of subgoals, in single precision; see `BeliefParameters`."""
    by_difficulty = []
    for d in range(DIFFICULTIES):
        parts = [
            task_table(problem, payoff[d, s], "difficulty", d, s, grid).astype(np.float32)
            for s in range(len(problem.profile.subgoals))
        ]
        by_difficulty.append(np.concatenate(parts, axis=2))
    return np.stack(by_difficulty)


def stacked_arrivals(problem: AgenticRouting, payoff: NDArray[np.float64], value: NDArray[Any]) -> NDArray[np.float32]:
    """What coming to a subgoal is worth, by all that `stacked_tables` holds but the tier's probability."""
    laws: Any = problem.params.laws
    by_difficulty = []
    row = np.empty(TIERS + 2)
    for d in range(DIFFICULTIES):
        parts, low = [], 0
        for s, subgoals in enumerate(problem.profile.subgoals):
            later = value[d, :, :, low : low + subgoals]
            low += subgoals
            arrival = np.empty((later.shape[0], later.shape[1], subgoals + 1, ERROR_LEVELS, later.shape[4]), np.float32)
            for left in range(later.shape[0]):
                args = (np.ascontiguousarray(payoff[d, s]), row, np.ascontiguousarray(later[left]), arrival[left])
                arrive_known(laws, problem.params.criticality_accuracy, subgoals, *args)
            parts.append(arrival)
        by_difficulty.append(np.concatenate(parts, axis=2))
    return np.stack(by_difficulty)
