"""How the end of an observation is read back into amounts: the inverse of what the core writes there."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .jit import jit


@jit
def amount_of(size, scale):
    """The initial amount that an observed `size = amount / (amount + scale)` stands for; infinite at size 1.

    Observations are rounded, so amounts are off by a little: add a tolerance to count in whole units.
    """
    return scale * size / (1.0 - size) if size < 1.0 else np.inf


@jit
def left_of(size, share, scale):
    """What is left of the amount that `size` stands for, of which the observed `share` remains; infinite at size 1."""
    return amount_of(size, scale) * share if share > 0.0 else 0.0


def amounts_of(sizes: NDArray[Any], scale: Any) -> NDArray[np.float64]:
    """`amount_of` for an array of sizes; `scale` is a number or broadcasts against them."""
    sizes = np.asarray(sizes, np.float64)
    with np.errstate(divide="ignore"):
        return np.where(sizes < 1.0, scale * sizes / (1.0 - sizes), np.inf)
