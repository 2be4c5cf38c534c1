"""What the learners of restless bandits read from observations."""

from __future__ import annotations

from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

from ...envs.restless.problem import Restless
from ...envs.restless.reading import Reading
from ..learning.features import amount_left


class RestlessFeatures(BaseFeaturesExtractor):
    """The arms' states one-hot, the time, how scarce pulls are, and the action built so far, if there is one.

    Pulls matter only where they could run out: as shares of what could be pulled until the end, and in this step, at most.
    So they are constants, which cannot distract, where no total budget binds.
    """

    def __init__(self, observation_space: spaces.Box, reading: Reading, most: int) -> None:
        self.built = observation_space.shape[0] - reading.budget - 3
        super().__init__(observation_space, features_dim=reading.arms * reading.states + 3 + self.built)
        self.reading, self.most = reading, most

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """(n, d) or (n, d + m) -> (n, J * S + 3) or (n, J * S + 3 + m)."""
        reading, at = self.reading, self.reading.budget
        shown, time, built = observations[:, :at], observations[:, at + 2, None], observations[:, at + 3 :]
        if not reading.one_hot:
            shown = torch.nn.functional.one_hot(shown.long(), reading.states).flatten(1).float()
        left = amount_left(observations, at, reading.scale)
        steps = (time * reading.horizon).clamp(min=1.0)
        scarce = [(left / (self.most * steps)).clamp(max=1.0), (left / self.most).clamp(max=1.0)]
        return torch.cat([shown, 2.0 * time - 1.0, *scarce, built], dim=1)


def restless_features(problem: Restless) -> dict[str, Any]:
    """`RestlessFeatures` of the problem."""
    known = {"reading": problem.reading, "most": max(1, problem.feasible.most)}
    return {"features_extractor_class": RestlessFeatures, "features_extractor_kwargs": known}
