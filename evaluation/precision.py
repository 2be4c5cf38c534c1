"""How many episodes are enough: as many as it takes until intervals are narrow."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..envs.core.problem import Problem
from .summary import Frame

FIRST, MOST = 64, 65_536
"""Episodes at first, and at most."""


def check_precision(precision: Any, episodes: Any) -> None:
    """Refuse what can't be meant.

    Raises:
        ValueError: not a positive number, or both a precision and a number of episodes.
    """
    if isinstance(precision, bool) or not isinstance(precision, int | float) or not 0 < precision < math.inf:
        raise ValueError(f"precision is {precision!r}; expected a positive number, such as 0.01")
    if episodes is not None:
        raise ValueError(
            f"precision is {precision} and episodes {episodes!r}; expected only one of them: a precision chooses the number "
            "of episodes"
        )


def episode_counts(problem: Problem) -> list[int]:
    """The numbers of episodes after which to look: doubled each time, up to `MOST` or the end of a log."""
    most = MOST if problem.num_episodes is None else min(MOST, problem.num_episodes)
    counts = [FIRST << k for k in range(most.bit_length()) if FIRST << k < most]
    return [*counts, most]


def half_width(row: Any, scores: Any, score: str) -> float:
    """Half the width of the 95 % interval of an agent's headline number.

    That is its share of the optimum, or else of the bound; where neither is known, its mean score in units of the standard
    deviation of an episode's score.

    Args:
        row: of `summarise`.
        scores: of the agent's episodes, (n,).
        score: their name.
    """
    for name in ("share_of_optimum", "share_of_bound"):
        if not math.isnan(row[name]):
            return (row[f"{name}_high"] - row[f"{name}_low"]) / 2
    spread = float(np.std(scores))
    return (row[f"{score}_high"] - row[f"{score}_low"]) / 2 / spread if spread > 0 else 0.0


def half_widths(summary: Frame, episodes: Frame, score: str) -> dict[tuple[str, str], float]:
    """(agent, budget) -> `half_width`."""
    scores = episodes.groupby(["agent", "budget"])[score]
    rows = summary.to_dict("records")
    return {
        key: half_width(row, scores.get_group(key), score) for row in rows for key in [(str(row["agent"]), str(row["budget"]))]
    }
