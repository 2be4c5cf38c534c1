"""The exact optimum of routing with a budget in calls, by dynamic programming over the laws that the simulator draws from;
and from it an upper bound for budgets in dollars.

Two routers bound what is possible. The *informed* one knows difficulty, corruption and the tier that is required: no router
does better. The other one (`knowledge="difficulty"`) knows the difficulty but has to infer corruption and tier, as every
honest router must: it is the best honest router where `difficulty_noise` is 0, and an upper bound of all honest
routers otherwise.

A task's value is computed for every difficulty and number of subgoals, backward over the steps left, for all amounts of
budget at once. What a task's end is worth is a payoff of (solved, calls left); a stream of tasks is solved from its last
task to its first, each payoff holding the value of what is left for the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ....envs.core.checks import natural
from ....envs.core.jit import fingerprint, jit
from ....envs.core.ledger import payable
from ....envs.routing.agentic import law
from ....envs.routing.agentic.beliefs import TIERS, expect_tier
from ....envs.routing.agentic.problem import AgenticRouting
from ....envs.routing.agentic.profile import DIFFICULTIES, ERROR_LEVELS
from ...core.cache import cached_array

Floats = NDArray[np.float64]
Knowledge = Literal["informed", "difficulty"]

GRID = (9, 9)
"""Points of a belief: probabilities of corruption (denser near 0), and of the upper tier."""

PRICED_BY_START = ("gated", "boundary")
"""Rewards for which it matters with how many calls a task began. For the others a call costs the same at any time."""

MOST_LAYERS = {"difficulty": 100, "informed": 10_000}
"""Amounts of budget that a task is solved for, over all tasks, at most: about half a minute."""


@jit
def fill_informed(laws, d, subgoals, calls, stop, verify, payoff, arrival, value):
    """The table of the informed router, for one difficulty and number of subgoals.

    calls: (N,) whole numbers. payoff: (2, K), worth of an end with k calls left, row 1 if solved. arrival: (K, G + 1, E, 2)
    scratch. value: (T + 1, K, G, E, 2, R), by steps left, calls left, progress, errors, corruption, required tier.
    """
    budgets, tiers = payoff.shape[1], laws.required.shape[1]
    for left in range(value.shape[0]):
        if left > 0:
            arrive_informed(laws, subgoals, payoff, value[left - 1], arrival)
        for k in range(budgets):
            for g in range(subgoals):
                for e in range(ERROR_LEVELS):
                    for z in range(2):
                        for r in range(tiers):
                            best = payoff[0, k] if stop or left == 0 else -np.inf
                            if left > 0:
                                later = value[left - 1]
                                best = max(
                                    best, best_call_informed(laws, d, k, g, e, z, r, calls, verify, payoff, arrival, later)
                                )
                            value[left, k, g, e, z, r] = best


@jit
def arrive_informed(laws, subgoals, payoff, later, arrival):
    """The worth of coming to a subgoal, before it is known what it requires; and of the end."""
    for k in range(payoff.shape[1]):
        for e in range(ERROR_LEVELS):
            for z in range(2):
                for g in range(subgoals):
                    expected = 0.0
                    for r in range(laws.required.shape[1]):
                        expected += laws.required[law.zone(g, subgoals), r] * later[k, g, e, z, r]
                    arrival[k, g, e, z] = expected
                arrival[k, subgoals, e, z] = payoff[1 - z, k]


@jit
def lasting(laws, e, going_on, ended):
    """The worth after a step that left e errors: the agent may give up."""
    hazard = law.given_up(laws, e)
    return (1.0 - hazard) * going_on + hazard * ended


@jit
def move_informed(laws, d, m, rest, g, e, z, r, payoff, arrival, later):
    """The worth of a move by model m that leaves `rest` calls."""
    found = law.found(laws, m, z)
    p = law.success(laws, d, m, r, e)
    quiet = (1.0 - p) * law.silent(laws, m, r)
    better, worse = law.errors_after(law.PROGRESS, e), law.errors_after(law.ERROR, e)
    ahead = p * arrival[rest, g + 1, better, z] + quiet * arrival[rest, g + 1, better, 1]
    ahead += (1.0 - p - quiet) * lasting(laws, worse, later[rest, g, worse, z, r], payoff[0, rest])
    return found * arrival[rest, max(g - 1, 0), law.errors_after(law.ROLLBACK, e), 0] + (1.0 - found) * ahead


@jit
def judge_informed(laws, m, rest, g, e, z, r, payoff, arrival, later):
    """The worth of asking model m for a verdict."""
    accused = law.accused(laws, m, z)
    back = arrival[rest, max(g - 1, 0), law.errors_after(law.ROLLBACK, e), 0]
    return accused * back + (1.0 - accused) * lasting(laws, e, later[rest, g, e, z, r], payoff[0, rest])


@jit
def corruption_grid(j, points):
    """Probability of corruption at point j: squares, because it is mostly small."""
    return (j / (points - 1.0)) ** 2


@jit
def place(x, points):
    """Where probability x of corruption falls on the grid: the point below, and the share of the one above."""
    j = min(np.int64(np.sqrt(x) * (points - 1)), points - 2)
    low, high = corruption_grid(j, points), corruption_grid(j + 1, points)
    return j, min(max((x - low) / (high - low), 0.0), 1.0)


@jit
def place_tier(x, points):
    """Where probability x of the upper tier falls on the grid."""
    j = min(np.int64(x * (points - 1)), points - 2)
    return j, x * (points - 1) - j


@jit
def fill_known(laws, accuracy, d, subgoals, calls, stop, verify, payoff, row, arrival, value):
    """The table of the router that knows the difficulty, for one difficulty and number of subgoals, for two tiers.

    payoff, calls: as in `fill_informed`. row: (4,) scratch. arrival: (K, G + 1, E, Z) scratch. value: (T + 1, K, G, E, Z, B),
    by steps left, calls left, progress, errors, and the probabilities of corruption and of the upper tier on their grids.
    Values are convex in the belief, so interpolation errs upward.
    """
    budgets, corruptions, beliefs = payoff.shape[1], value.shape[4], value.shape[5]
    for left in range(value.shape[0]):
        if left > 0:
            arrive_known(laws, accuracy, subgoals, payoff, row, value[left - 1], arrival)
        for k in range(budgets):
            for g in range(subgoals):
                for e in range(ERROR_LEVELS):
                    for j in range(corruptions):
                        z = corruption_grid(j, corruptions)
                        for b in range(beliefs):
                            best = payoff[0, k] if stop or left == 0 else -np.inf
                            if left > 0:
                                upper, later = b / (beliefs - 1.0), value[left - 1]
                                call = best_call_known(laws, d, k, g, e, z, upper, calls, verify, payoff, arrival, later)
                                best = max(best, call)
                            value[left, k, g, e, j, b] = best


@jit
def arrive_known(laws, accuracy, subgoals, payoff, row, later, arrival):
    """The worth of coming to a subgoal, before its signal is seen; and of the end."""
    corruptions, beliefs = later.shape[3], later.shape[4]
    for g in range(subgoals):
        third = law.zone(g, subgoals)
        for k in range(payoff.shape[1]):
            for e in range(ERROR_LEVELS):
                arrival[k, g, e, :] = 0.0
        for signal in range(2):
            expect_tier(laws, accuracy, third, signal, row)
            b, above = place_tier(row[TIERS + 1], beliefs)
            seen = 0.0
            for r in range(2):
                seen += laws.required[third, r] * law.signalled(accuracy, r, signal, 2)
            for k in range(payoff.shape[1]):
                for e in range(ERROR_LEVELS):
                    for j in range(corruptions):
                        worth = (1.0 - above) * later[k, g, e, j, b] + above * later[k, g, e, j, b + 1]
                        arrival[k, g, e, j] += seen * worth
    for k in range(payoff.shape[1]):
        for e in range(ERROR_LEVELS):
            for j in range(corruptions):
                z = corruption_grid(j, corruptions)
                arrival[k, subgoals, e, j] = (1.0 - z) * payoff[1, k] + z * payoff[0, k]


@jit
def belief_worth(z, upper, later):
    """Interpolation in a table (Z, B)."""
    j, above = place(z, later.shape[0])
    b, higher = place_tier(upper, later.shape[1])
    low = (1.0 - higher) * later[j, b] + higher * later[j, b + 1]
    high = (1.0 - higher) * later[j + 1, b] + higher * later[j + 1, b + 1]
    return (1.0 - above) * low + above * high


@jit
def arrival_worth(z, arrival):
    """Interpolation in a table (Z,)."""
    j, above = place(z, arrival.shape[0])
    return (1.0 - above) * arrival[j] + above * arrival[j + 1]


@jit
def move_known(laws, d, m, rest, g, e, z, upper, payoff, arrival, later):
    """The worth of a move by model m, if the task is corrupted with probability z and the upper tier has `upper`."""
    found = law.found(laws, m, z)
    unfound = z * (1.0 - law.found(laws, m, 1)) / (1.0 - found) if found < 1.0 else 0.0
    p0, p1 = law.success(laws, d, m, 0, e), law.success(laws, d, m, 1, e)
    quiet0, quiet1 = (1.0 - p0) * law.silent(laws, m, 0), (1.0 - p1) * law.silent(laws, m, 1)
    right = (1.0 - upper) * p0 + upper * p1
    quiet = (1.0 - upper) * quiet0 + upper * quiet1
    loud = 1.0 - right - quiet
    better, worse = law.errors_after(law.PROGRESS, e), law.errors_after(law.ERROR, e)
    corrupted = unfound + (1.0 - unfound) * quiet / (right + quiet) if right + quiet > 0.0 else unfound
    ahead = (right + quiet) * arrival_worth(corrupted, arrival[rest, g + 1, better])
    if loud > 0.0:
        going_on = belief_worth(unfound, upper * (1.0 - p1 - quiet1) / loud, later[rest, g, worse])
        ahead += loud * lasting(laws, worse, going_on, payoff[0, rest])
    return found * arrival[rest, max(g - 1, 0), law.errors_after(law.ROLLBACK, e), 0] + (1.0 - found) * ahead


@jit
def judge_known(laws, m, rest, g, e, z, upper, payoff, arrival, later):
    """The worth of asking model m for a verdict."""
    right, wrong = law.accused(laws, m, 1), law.accused(laws, m, 0)
    accused = z * right + (1.0 - z) * wrong
    worth = accused * arrival[rest, max(g - 1, 0), law.errors_after(law.ROLLBACK, e), 0]
    if accused < 1.0:
        going_on = belief_worth(z * (1.0 - right) / (1.0 - accused), upper, later[rest, g, e])
        worth += (1.0 - accused) * lasting(laws, e, going_on, payoff[0, rest])
    return worth


def _best_call(move: Callable[..., float], judge: Callable[..., float]) -> Callable[..., float]:
    """The compiled worth of the best call that the budget can pay, -inf if it can pay none; see `fill_informed`, `fill_known`.

    hidden: what the moves are worth by besides: the required tier, or the probability of the upper one.
    """

    @jit
    def best_call(laws, d, k, g, e, z, hidden, calls, verify, payoff, arrival, later):
        best = -np.inf
        for m in range(calls.shape[0]):
            rest = k - calls[m]
            if rest >= 0:
                best = max(best, move(laws, d, m, rest, g, e, z, hidden, payoff, arrival, later))
                if verify:
                    best = max(best, judge(laws, m, rest, g, e, z, hidden, payoff, arrival, later))
        return best

    return best_call


best_call_informed = _best_call(move_informed, judge_informed)
best_call_known = _best_call(move_known, judge_known)


def task_table(
    problem: AgenticRouting, payoff: Floats, knowledge: Knowledge, d: int, s: int, grid: tuple[int, int] = GRID
) -> Floats:
    """A router's whole table for one difficulty and number of subgoals; payoff (2, K), see the fill functions."""
    law_arrays: Any = problem.params.laws
    subgoals, budgets = int(law_arrays.subgoals[s]), payoff.shape[1]
    calls = problem.params.calls.astype(np.int64)
    rules = (calls, problem.stop, problem.verify, np.ascontiguousarray(payoff))
    shape = (problem.profile.T + 1, budgets, subgoals, ERROR_LEVELS)
    if knowledge == "informed":
        value = np.empty((*shape, 2, problem.profile.tiers))
        arrival = np.empty((budgets, subgoals + 1, ERROR_LEVELS, 2))
        fill_informed(law_arrays, d, subgoals, *rules, arrival, value)
    else:
        value = np.empty((*shape, *grid))
        arrival = np.empty((budgets, subgoals + 1, ERROR_LEVELS, grid[0]))
        accuracy = problem.params.criticality_accuracy
        fill_known(law_arrays, accuracy, d, subgoals, *rules, np.empty(2 + problem.profile.tiers), arrival, value)
    return value


def start_values(problem: AgenticRouting, table: Floats, knowledge: Knowledge) -> Floats:
    """The worth of beginning a task, for every budget, (K,), from its table: the first subgoal's tier is not known yet."""
    laws: Any = problem.params.laws
    third = law.zone.py_func(0, table.shape[2])  # type: ignore[attr-defined]
    first = table[-1, :, 0, 0, 0]
    if knowledge == "informed":
        return first @ laws.required[third]
    expected = np.zeros(len(first))
    accuracy, grid = problem.params.criticality_accuracy, np.linspace(0.0, 1.0, first.shape[1])
    for signal in range(2):
        joint = [laws.required[third, r] * law.signalled.py_func(accuracy, r, signal, 2) for r in range(2)]  # type: ignore[attr-defined]
        upper = joint[1] / sum(joint) if sum(joint) > 0 else 0.0
        expected += sum(joint) * np.array([np.interp(upper, grid, row) for row in first])
    return expected


def optimum_curve(
    problem: AgenticRouting, cap: int, knowledge: Knowledge = "difficulty", grid: tuple[int, int] = GRID
) -> Floats:
    """The best expected score of an episode, for every budget from 0 to `cap` large calls, (cap + 1,).

    Raises:
        ValueError: the budget is in dollars; the reward looks at dollars or other episodes; "difficulty" with other than two
            tiers; or no model that a budget of calls does not limit.
    """
    cap, start = _checked(problem, cap, knowledge, grid)
    key = (*task_key(problem), cap, knowledge, grid)
    curve = cached_array(lambda: _stream(problem, start, _solver(problem, knowledge, grid)), *key)
    return np.pad(curve, (0, cap - start), mode="edge")  # a call more than there are steps is worth nothing


def optimal_value(problem: AgenticRouting, budget: float, knowledge: Knowledge | None = None) -> float:
    """The best expected score of an episode at one budget; see `optimum_curve`.

    By default of the router that knows the difficulty; of the informed one where there are other than two tiers, or where that
    would take more than about a minute. For a budget in dollars it is an upper bound: what as many large calls would be
    worth as the budget can pay at best, with small calls for nothing.

    Raises:
        ValueError: see `optimum_curve`; in dollars, a reward that looks at costs; or a stream of too many tasks, which
            would take minutes.
    """
    if problem.unit == "dollars" and problem.score == "success":
        budget = most_large_calls(problem, budget)
        problem = problem.replace(unit="calls", budget=budget)
    if knowledge is None:
        two_tiers = problem.profile.tiers == 2
        knowledge = "difficulty" if two_tiers and _layers(problem, budget) <= MOST_LAYERS["difficulty"] else "informed"
    if (layers := _layers(problem, budget)) > MOST_LAYERS[knowledge]:
        raise ValueError(f"{problem.instance} with tasks={problem.tasks} and {budget:g} calls needs {layers} tables, too many")
    _, start = _checked(problem, whole_calls(problem, budget), knowledge, GRID)
    key = (*task_key(problem), "value", start, knowledge, GRID)
    solve = _solver(problem, knowledge, GRID)
    return float(cached_array(lambda: _stream(problem, start, solve, last_alone=True)[-1], *key))


def _checked(problem: AgenticRouting, cap: int, knowledge: Knowledge, grid: tuple[int, int]) -> tuple[int, int]:
    """The cap, and how many of its calls an episode has steps for."""
    cap = natural("cap", cap)
    check_solvable(problem, knowledge)
    check_grid(grid)
    return cap, int(min(cap, problem.horizon))


def whole_calls(problem: AgenticRouting, budget: float) -> int:
    """How many calls a budget pays in an episode."""
    return int(min(payable(budget, budget), problem.horizon))


def _layers(problem: AgenticRouting, budget: float) -> int:
    """For how many amounts of budget a task is solved, over all tasks; what the optimum takes is proportional to it."""
    cap = whole_calls(problem, budget)
    before = (cap + 1) if problem.reward not in PRICED_BY_START else (cap + 1) * (cap + 2) // 2
    return (problem.tasks - 1) * before + cap + 1


def _solver(problem: AgenticRouting, knowledge: Knowledge, grid: tuple[int, int]) -> Callable[[Floats], Floats]:
    def solve(payoff: Floats) -> Floats:
        """Worth of a task for every budget, from payoffs (D, S, 2, K)."""
        total = np.zeros(payoff.shape[-1])
        for s, weight in enumerate(problem.params.laws.subgoals_pmf):
            for d in range(DIFFICULTIES):
                table = task_table(problem, payoff[d, s], knowledge, d, s, grid)
                total += weight / DIFFICULTIES * start_values(problem, table, knowledge)
        return total

    return solve


def task_key(problem: AgenticRouting) -> tuple[Any, ...]:
    """What tables of a problem are kept under: all that they depend on but the budget."""
    without = ("budget", "budget_aware", "instance")
    settings = {name: value for name, value in problem.settings.items() if name not in without}
    sources = [fingerprint(fill.py_func) for fill in (fill_informed, fill_known)]  # type: ignore[attr-defined]
    return ("routing", *sources, repr(problem.profile), sorted(settings.items()))


def most_large_calls(problem: AgenticRouting, dollars: float) -> int:
    """The most calls of the highest tier that `dollars` can pay in an episode, whatever happens in it.

    At best they are a task's first calls: the prompt is short then, grows by the shortest output at every call (not at all
    where verdicts can be asked for), and all but its latest part is in the cache; only the very first call is cold.
    """
    profile = problem.profile
    if problem.params.calls[0] > 0:
        raise ValueError(f"the first model of {problem.instance} is of the highest tier; the bound needs one that is not")
    shortest = problem.params.tokens[:, 0]
    growth = 0.0 if problem.verify else shortest.min() + profile.observation_tokens
    if problem.verify:
        shortest = np.minimum(shortest, profile.verdict_tokens)
    read, write, output = profile.prices().T
    prompt = profile.first_prompt + growth * np.arange(profile.T)[:, None]
    cost = (prompt - growth) * np.minimum(read, write) + growth * write + shortest * output
    cost[0] = profile.first_prompt * write + shortest * output
    cheapest = np.min(cost[:, problem.params.calls > 0], axis=1)
    if problem.tasks > 1:
        cheapest = np.sort(np.tile(cheapest, problem.tasks))
    return int(np.searchsorted(np.cumsum(cheapest), payable(dollars, dollars), side="right"))


def _stream(problem: AgenticRouting, cap: int, solve: Callable[[Floats], Floats], last_alone: bool = False) -> Floats:
    """The value of `tasks` tasks that share a budget, for budgets 0 .. cap, or for the last of them alone."""
    future = np.zeros(cap + 1)
    for task in range(problem.tasks):
        first_of_all = task == problem.tasks - 1  # the tables are filled from the last task to the first
        if problem.reward not in PRICED_BY_START:
            # What calls cost is charged beforehand, as if all were made, and given back for those that are left.
            unspent = worth_of_unspent(problem, cap)
            future = solve(end_payoffs(problem, 0, future + unspent)) - unspent
        else:
            starts = [cap] if first_of_all and last_alone else range(cap + 1)
            future = np.array([solve(end_payoffs(problem, start, future[: start + 1]))[-1] for start in starts])
    return future


def worth_of_unspent(problem: AgenticRouting, cap: int) -> Floats:
    """What calls left at the end of the episode save, (cap + 1,): their price in the soft reward, else nothing."""
    return (problem.params.cost_weight if problem.reward == "soft" else 0.0) * np.arange(cap + 1.0)


def end_payoffs(problem: AgenticRouting, start: int, future: Floats) -> Floats:
    """What the end of a task is worth, (D, S, 2, K): by calls left, row 1 if solved.

    start: calls at the task's beginning; matters only for rewards that are priced by it (`PRICED_BY_START`).
    future: (K,), what calls left are worth besides.
    """
    params = problem.params
    spent = np.maximum(start - np.arange(len(future)), 0.0)
    shape = (*params.labels.shape[:2], len(spent))
    failed, solved = np.zeros(shape), np.ones(shape)
    if problem.reward == "gated":
        solved = solved * (params.success_value - params.cost_weight * spent)
    elif problem.reward == "boundary":
        low, high = (cost[..., None] for cost in params.boundary_cost)
        failed = -params.cost_weight * np.clip((spent - low) / (high - low + 1e-12), 0.0, 1.0)
        solved = 1.0 + params.hard_bonus * params.labels[..., 1, None] + failed
    return np.stack([failed, solved], axis=2) + future


def check_solvable(problem: AgenticRouting, knowledge: Knowledge) -> None:
    """Refuse problems whose optimum is not known; see `optimum_curve`."""
    if knowledge not in MOST_LAYERS:
        raise ValueError(f"knowledge is {knowledge!r}; expected 'difficulty' or 'informed'")
    if problem.unit != "calls":
        raise ValueError("unit is 'dollars'; the exact optimum is known for budgets in calls only")
    if problem.reward in ("windowed", "bill"):
        raise ValueError(f"reward is {problem.reward!r}, which looks beyond the calls of a task: its optimum is not known")
    if knowledge == "difficulty" and problem.profile.tiers != 2:
        raise ValueError(f"knowledge='difficulty' needs two tiers; {problem.instance} has {problem.profile.tiers}")
    if (problem.params.calls > 0).all():
        raise ValueError(f"all models of {problem.instance} are of the highest tier: a budget of calls would limit them all")


def check_grid(grid: Any) -> None:
    """Refuse a grid that is not two numbers of points, each at least 2."""
    if not isinstance(grid, tuple) or len(grid) != 2 or not all(isinstance(n, int) and n >= 2 for n in grid):
        raise ValueError(f"grid is {grid!r}; expected two numbers of points >= 2, for corruption and for the upper tier")
