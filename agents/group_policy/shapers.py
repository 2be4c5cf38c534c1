"""What rollouts are rewarded for while learning."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .rollouts import Outcomes
from .tasks import Visit


class Shaper(Protocol):
    """Turns how rollouts ended into what the policy is to maximise."""

    def __call__(self, outcomes: Outcomes, visit: Visit) -> NDArray[np.float64]:
        """The reward of every rollout, (R,)."""
        ...


class EnvironmentReward:
    """The sum of the environment's own rewards."""

    def __call__(self, outcomes: Outcomes, visit: Visit) -> NDArray[np.float64]:
        """See `Shaper`."""
        return outcomes.reward
