"""What the learners of restless bandits read from observations."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

from ...baselines.restless.policies import ROUNDING
from ...envs.restless.problem import Reading, Restless


def read_rows(
    problem: Restless, rows: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """States of arms (n, J), steps taken (n,) and pulls at first (n,) that observations (n, d) show."""
    reading = problem.reading
    shown = rows[:, :-3]
    arms = shown.reshape(len(rows), reading.arms, reading.states).argmax(axis=2) if reading.one_hot else shown.astype(np.int64)
    time, initial = rows[:, -1].astype(float), initial_pulls(problem, rows)
    whole = np.floor(np.minimum(initial, problem.horizon * problem.feasible.m) + 1e-4 * np.maximum(1.0, initial * 1e-3))
    return arms, np.rint((1.0 - time) * reading.horizon).astype(np.int64), whole


def initial_pulls(problem: Restless, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) pulls that there were at first, as observations (n, d) show it: not always a whole number, or infinite."""
    size = rows[:, -3].astype(float)
    return np.where(size >= 1.0, np.inf, size / np.maximum(1.0 - size, 1e-12) * problem.reading.scale)


def pulls_left(problem: Restless, rows: NDArray[np.float64]) -> NDArray[np.int64]:
    """(n,) whole pulls that observations (n, d) say are left."""
    unlimited = problem.horizon * problem.feasible.m
    left = np.minimum(initial_pulls(problem, rows), 1e300) * rows[:, -2]  # infinitely many times 0 is none
    return np.minimum(left + ROUNDING, unlimited).astype(np.int64)


class RestlessFeatures(BaseFeaturesExtractor):
    """The arms' states one-hot, the time, how scarce pulls are, and the action built so far, if there is one.

    Pulls matter only where they could run out: as shares of what could be pulled until the end, and in this step, at most.
    So they are constants, which cannot distract, where no total budget binds.
    """

    def __init__(self, observation_space: spaces.Box, reading: Reading, most: int) -> None:
        arms = reading.arms * (reading.states if reading.one_hot else 1)
        self.built = observation_space.shape[0] - arms - 3
        super().__init__(observation_space, features_dim=reading.arms * reading.states + 3 + self.built)
        self.reading, self.most, self.arms = reading, most, arms

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """(n, d) or (n, d + m) -> (n, J * S + 3) or (n, J * S + 3 + m)."""
        shown, built = observations[:, : self.arms], observations[:, self.arms + 3 :]
        size, remaining, time = (observations[:, self.arms + k, None] for k in range(3))
        if not self.reading.one_hot:
            shown = torch.nn.functional.one_hot(shown.long(), self.reading.states).flatten(1).float()
        left = size / (1.0 - size).clamp(min=1e-6) * remaining * self.reading.scale
        steps = (time * self.reading.horizon).clamp(min=1.0)
        scarce = [(left / (self.most * steps)).clamp(max=1.0), (left / self.most).clamp(max=1.0)]
        return torch.cat([shown, 2.0 * time - 1.0, *scarce, built], dim=1)


def restless_features(problem: Restless) -> dict[str, Any]:
    """`RestlessFeatures` of the problem."""
    known = {"reading": problem.reading, "most": max(1, problem.feasible.most)}
    return {"features_extractor_class": RestlessFeatures, "features_extractor_kwargs": known}
