"""Learning rates for a budget of training steps, as schedules of Stable-Baselines3.

A schedule is called with the share of the training that is left, from 1 to 0. SB3's last rollout may end later than was asked
for, and the share is then below 0: it counts as 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from ...envs.core.checks import non_negative, positive

Schedule = Callable[[float], float]


def falling(start: float) -> Schedule:
    """Linear, from `start` to zero."""
    return lambda left: start * max(left, 0.0)


def rex(start: float) -> Schedule:
    """REX (Chen et al., MLSys 2022, arXiv:2107.04197): start * (1 - x) / (1/2 + (1 - x) / 2) at the share x of the training.

    Above the linear schedule throughout, two thirds of the start at half time, 2 - 2 ln 2 = 0.614 of it on average.

    Args:
        start: the first learning rate, > 0.
    """
    first = positive("start", start)

    def schedule(left: float) -> float:
        left = max(left, 0.0)
        return first * left / (0.5 + 0.5 * left)

    return schedule


def uba(start: float, phi: float = 1.0, end: float = 0.0) -> Schedule:
    """UBA (Tang et al., NeurIPS 2025, arXiv:2505.24452): one formula from nearly constant to fast decay.

    At the share x of the training, with c = cos(pi x): end + (start - end) * 2 (1 + c) / (2 phi + (2 - phi) (1 + c)). phi = 2
    is the cosine schedule; smaller ones stay high longer, larger ones drop faster. At half time it stands at 2 / (2 + phi), on
    average at 1 / (1 + sqrt(phi / 2)).

    Args:
        start: the first learning rate, > 0.
        phi: > 0; the paper ties it to how ill-conditioned the problem is.
        end: the last learning rate, >= 0.
    """
    first, last, shape = positive("start", start), non_negative("end", end), positive("phi", phi)

    def schedule(left: float) -> float:
        c = 1.0 + math.cos(math.pi * (1.0 - max(left, 0.0)))
        return last + (first - last) * 2.0 * c / (2.0 * shape + (2.0 - shape) * c)

    return schedule
