"""Upper bounds on what any router could have reached in an episode of a replayed log."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ....envs.core.batch import Batch
from ....envs.core.ledger import payable
from ....envs.routing.logged.kernels import record_rows
from ....envs.routing.logged.logs import RoutingLog
from ....envs.routing.logged.problem import LoggedRouting

Floats: TypeAlias = NDArray[np.float64]

MOST_PLANS = 200
"""Plans of a trace that are distinguished; beyond, neighbours are merged into a better one, which keeps the bound a bound."""


def best_plans(outcome: Floats, cost: Floats) -> tuple[Floats, Floats]:
    """The plans of one task that no other beats: costs rising, outcomes > 0 rising, each (p,); none if it can't be passed.

    A plan chooses a model for each step; its outcome is the product and its cost the sum. With more than `MOST_PLANS` of
    them, the plans are more optimistic than true.

    Args:
        outcome: (steps, m) in [0, 1].
        cost: (steps, m) dollars >= 0.
    """
    plan_cost, plan_outcome = np.zeros(1), np.ones(1)
    for of_models, costs in zip(outcome, cost, strict=True):
        useful = of_models > 0.0  # a step that is failed fails the task, which comes cheaper by not answering
        plan_cost, plan_outcome = _undominated(
            np.add.outer(plan_cost, costs[useful]).ravel(), np.multiply.outer(plan_outcome, of_models[useful]).ravel()
        )
    return plan_cost, plan_outcome


def _undominated(cost: Floats, outcome: Floats) -> tuple[Floats, Floats]:
    """Sorted by cost, without those that cost more and are no better; at most `MOST_PLANS`."""
    order = np.lexsort((-outcome, cost))
    cost, outcome = cost[order], outcome[order]
    better = np.diff(np.maximum.accumulate(outcome), prepend=-1.0) > 0.0
    cost, outcome = cost[better], outcome[better]
    if len(cost) <= MOST_PLANS:
        return cost, outcome
    groups = np.array_split(np.arange(len(cost)), MOST_PLANS)
    return np.array([cost[group[0]] for group in groups]), np.array([outcome[group[-1]] for group in groups])


def concave_steps(cost: Floats, outcome: Floats) -> tuple[Floats, Floats]:
    """The upper concave hull of every task's plans as increments of dollars and outcome, by falling outcome per dollar.

    It begins at the plan to leave the task unanswered, for free. From there the next corner is the plan with the steepest
    ascent.

    Args:
        cost: (n, p) of the plans of n tasks, dollars >= 0.
        outcome: (n, p) >= 0.

    Returns:
        Two arrays (n, p); where a hull has fewer corners than there are plans, it ends in zeros.
    """
    n, plans = cost.shape
    steps = np.zeros((2, plans, n))
    here = np.zeros((2, n))
    every = np.arange(n)
    for k in range(plans):
        run, rise = np.maximum(cost - here[0][:, None], 0.0), outcome - here[1][:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = np.where(rise > 0.0, rise / run, -1.0)
        best = np.argmax(slope, axis=1)
        climbs = slope[every, best] > 0.0
        steps[:, k] = np.where(climbs, [run[every, best], rise[every, best]], 0.0)
        here += steps[:, k]
        if not climbs.any():
            break
    return steps[0].T, steps[1].T


class TaskValues:
    """The concave steps of every task of a log, one after another.

    Args:
        log: whose outcomes and costs are known in hindsight.
    """

    def __init__(self, log: RoutingLog) -> None:
        if len(log) == log.tasks:
            costs, outcomes = concave_steps(log.cost, log.outcome)
            real = outcomes > 0.0
            self.cost, self.outcome, count = costs[real], outcomes[real], real.sum(axis=1)
        else:
            ends = np.append(log.start[1:], len(log))
            plans = [best_plans(log.outcome[a:b], log.cost[a:b]) for a, b in zip(log.start, ends, strict=True)]
            steps = [concave_steps(cost[None], outcome[None]) for cost, outcome in plans]
            self.cost = np.concatenate([costs[outcomes > 0.0] for costs, outcomes in steps])
            self.outcome = np.concatenate([outcomes[outcomes > 0.0] for _, outcomes in steps])
            count = [int((outcomes > 0.0).sum()) for _, outcomes in steps]
        self.first: list[int] = np.cumsum([0, *count]).tolist()

    def frontier(self, tasks: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """The best sum of outcomes of these tasks, in hindsight, for every sum of dollars: the corners of a concave curve.

        This is the fractional multiple-choice knapsack: its increments bought by falling outcome per dollar.
        """
        chosen = np.concatenate([np.arange(self.first[task], self.first[task + 1]) for task in tasks])
        cost, outcome = self.cost[chosen], self.outcome[chosen]
        with np.errstate(divide="ignore"):
            order = np.argsort(-outcome / cost, kind="stable")  # what costs nothing comes first
        return np.append(0.0, np.cumsum(cost[order])), np.append(0.0, np.cumsum(outcome[order]))


def fractional_optimum(cost: Floats, outcome: Floats, budget: float) -> float:
    """The value of a frontier's curve at a budget."""
    whole = int(np.searchsorted(cost, budget, side="right")) - 1  # the last corner within the budget
    if whole + 1 >= len(cost):
        return float(outcome[-1])
    share = (budget - cost[whole]) / (cost[whole + 1] - cost[whole])
    return float(outcome[whole] + share * (outcome[whole + 1] - outcome[whole]))


def hindsight_bounds(problem: LoggedRouting, batch: Batch) -> NDArray[np.float64]:
    """For every lane of a batch that was just reset: the fractional multiple-choice knapsack over its tasks, (n,).

    No router can score more: it knows all outcomes and true costs, may leave tasks unanswered, and may buy the last model in
    part. Exact as the linear programme's value, up to the merging of plans in traces of fractional outcomes (`best_plans`).
    The batch's episodes are left unplayed.
    """
    n = batch.n
    rows, length = np.zeros((n, problem.horizon), np.int64), np.zeros(n, np.int64)
    future = batch.snapshot()
    record_rows(batch.params, future, rows, length)
    log = problem.played
    values = _values_of(log)
    return np.array(
        [
            fractional_optimum(*values.frontier(_tasks(log, rows[i, : length[i]])), payable(initial, initial))
            for i, initial in enumerate(batch.state.initial[:, 0])
        ]
    )


def _tasks(log: RoutingLog, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The tasks that these rows, whole tasks one after another, belong to."""
    return log.task[rows[log.last[rows]]]


def _values_of(log: RoutingLog) -> TaskValues:
    """Worked out once per log, and kept with it."""
    if "task_values" not in log.__dict__:
        log.__dict__["task_values"] = TaskValues(log)
    return log.__dict__["task_values"]
