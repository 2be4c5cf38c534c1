"""Which actions of `AgenticRouting` can be executed, read from observations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ....envs.routing.agentic.problem import AgenticRouting
from ....envs.routing.agentic.reading import read_all_affordable


def call_masks(problem: AgenticRouting, rows: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Calls that the budget can pay, and giving up; the cheapest where it can pay none, as the environment's own mask has it.

    Whether a verdict can be paid is not observed, nor anything of a budget that is not shown: these stay open, and what can't
    be paid then becomes what `exhaustion` says.
    """
    masks = np.ones((len(rows), problem.action_space.n), np.bool_)  # type: ignore[attr-defined]
    if problem.budget_aware:
        affordable = read_all_affordable(problem.reading, rows)
        masks[:, : problem.reading.models] = affordable
        masks[:, 0] |= ~affordable.any(axis=1)
    return masks
