"""What the features of several families share."""

from __future__ import annotations

import torch

LARGEST = 1000.0
"""Times its scale that a budget counts for at most, so that features are finite: nobody can spend as much."""


def amount_left(observations: torch.Tensor, at: int, scale: float = 1.0, resources: int = 1) -> torch.Tensor:
    """(n, resources) what is left of every budget, of observations (n, d).

    Args:
        observations: with the sizes of the budgets from entry `at` on, and after them the remaining shares.
        at: see above.
        scale: of the sizes; 1 gives amounts in units of it.
        resources: how many budgets there are.
    """
    size, share = observations[:, at : at + resources], observations[:, at + resources : at + 2 * resources]
    return size / (1.0 - size).clamp(min=1.0 / LARGEST) * share * scale
