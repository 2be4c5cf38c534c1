"""What planners look ahead with on the trap tree."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.traptree.reading import read_scores
from ..planning.lookahead import Lookahead


def local_score(
    before: NDArray[np.float64], action: NDArray[Any], after: NDArray[np.float64], earned: NDArray[np.float64]
) -> NDArray[np.float64]:
    """A continuation looks as good as the latest child's local score; what has paid comes first."""
    return read_scores(before, action[:, 0]) + 2.0 * earned


LOOKAHEAD = Lookahead(policy="greedy", score=local_score)
