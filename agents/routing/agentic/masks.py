"""Which actions of `AgenticRouting` can be executed, read from observations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ....baselines.routing.agentic.routers import places
from ....envs.routing.agentic.problem import AgenticRouting


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
