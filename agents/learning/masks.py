"""Which actions can be executed, read from observations: a policy that decides has nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ...baselines.routing.agentic.routers import places
from ...envs.core import jit
from ...envs.core.problem import Problem
from ...envs.routing.agentic.problem import AgenticRouting
from ...envs.steering.effort import affordable
from ...envs.steering.problem import SocialSteering
from ...envs.workflow.kernels import (
    affordable_samples,
    is_ready,
    launched_model,
    launched_samples,
    read_done,
    read_initial,
    read_share,
)
from ...envs.workflow.problem import WorkflowRouting


def call_masks(problem: AgenticRouting, rows: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Calls that the budget can pay, and giving up; the cheapest where it can pay none, as the environment's own mask has it.

    Whether a verdict can be paid is not observed, nor anything of a budget that is not shown: these stay open, and what can't
    be paid then becomes what `exhaustion` says.
    """
    masks = np.ones((len(rows), problem.action_space.n), np.bool_)  # type: ignore[attr-defined]
    if problem.budget_aware:
        at = places(problem)
        masks[:, : at.models] = rows[:, at.affordable : at.affordable + at.models] > 0.5
        masks[:, 0] |= ~masks[:, : at.models].any(axis=1)
    return masks


@jit
def write_launch_masks(params, reading, rows, initial, out):
    """As `launch_masks`, into out (n, V, entries). initial: (2,) to write in."""
    for i in range(rows.shape[0]):
        done = read_done(reading, rows[i])
        read_initial(reading, rows[i], initial)
        dollars = initial[0] * read_share(reading, rows[i], 0)
        seconds = initial[1] * read_share(reading, rows[i], 1)
        for v in range(out.shape[1]):
            out[i, v, 0] = True
            for entry in range(1, out.shape[2]):
                m, asked = launched_model(params, entry), launched_samples(params, entry)
                can_pay = affordable_samples(params, v, m, asked, dollars, seconds, initial) == asked
                out[i, v, entry] = is_ready(params, done, v) and can_pay


def launch_masks(problem: WorkflowRouting, rows: NDArray[np.float64]) -> NDArray[np.bool_]:
    """For every subtask: leaving it, and if it is ready each launch that can be paid by itself, (n, V (1 + M N)).

    Of launches that can only be paid one by one, the environment cuts the later ones. Without dollars and seconds in the
    observation, all launches of ready subtasks are open.
    """
    V, entries = len(problem.params.before), int(problem.action_space.nvec[0])  # type: ignore[attr-defined]
    out = np.ones((len(rows), V, entries), np.bool_)
    if problem.budget_aware:
        write_launch_masks(problem.params, problem.reading, np.ascontiguousarray(rows), np.empty(2), out)
    else:
        out[:, :, 1:] = rows[:, V : 2 * V, None] > 0.5
    return out.reshape(len(rows), -1)


@jit
def write_affordable(costs, left, out):
    """Whether each amount left (n,) pays each cost (m,), into out (n, m)."""
    for i in range(out.shape[0]):
        for level in range(out.shape[1]):
            out[i, level] = affordable(costs[level], left[i])


def precision_masks(problem: SocialSteering, rows: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Precisions that the effort left can pay; all of them where it is not observed."""
    costs = problem.params.costs
    if not problem.budget_aware:
        return np.ones((len(rows), len(costs)), np.bool_)
    size, share = rows[:, -3], rows[:, -2]
    left = float(problem.budget_scale[0]) * size / (1.0 - size) * share
    out = np.empty((len(rows), len(costs)), np.bool_)
    write_affordable(costs, left, out)
    return out


MASKS: dict[type[Problem], Callable[[Any, NDArray[np.float64]], NDArray[np.bool_]]] = {
    AgenticRouting: call_masks,
    WorkflowRouting: launch_masks,
    SocialSteering: precision_masks,
}
"""Family -> masks(problem, observations (n, d)) -> (n, number of actions; of all components together)."""


def observed_masks(problem: Problem, rows: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which actions can be executed under observations (n, d), as far as these tell; see `MASKS`."""
    return _masks_of(problem)(problem, rows)


def check_masks(problem: Problem) -> None:
    """Check that there are masks.

    Raises:
        ValueError: the family has none, or actions that can't be numbered.
    """
    _masks_of(problem)
    if not isinstance(problem.action_space, spaces.Discrete | spaces.MultiDiscrete):
        raise ValueError(f"masks are for actions that can be numbered, not {problem.action_space}")
    if isinstance(problem, SocialSteering) and not isinstance(problem.action_space, spaces.Discrete):
        raise ValueError(f"several topics share the effort, so that there are no masks for {problem.action_space}")


def _masks_of(problem: Problem) -> Callable[[Any, NDArray[np.float64]], NDArray[np.bool_]]:
    for family in type(problem).__mro__:
        if family in MASKS:
            return MASKS[family]
    raise ValueError(f"{type(problem).__name__} has no masks: everything can be done at any time; use an agent without them")
