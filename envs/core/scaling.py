"""Units in which rewards are of the order of 1, where tolerances and solvers mean what they say."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def unit_of(values: ArrayLike) -> float:
    """The power of two just below the largest of the values, or 1 if all are 0: dividing by it rounds nothing."""
    largest = float(np.max(np.abs(values), initial=0.0))
    return float(np.ldexp(1.0, np.frexp(largest)[1] - 1)) if largest > 0.0 else 1.0
