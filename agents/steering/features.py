"""What the networks of learners see of an observation of `SocialSteering`."""

from __future__ import annotations

from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

from ...envs.steering.problem import SocialSteering
from ...envs.steering.reading import Reading
from ..learning.features import amount_left


class SteeringFeatures(BaseFeaturesExtractor):
    """The belief, the effort and the time, and which precisions agents would listen to now, and which can be paid.

    What agents do jumps where the strength of a signal reaches the log-odds of the belief; from the belief alone a network
    has to learn these steps to the last digit, since ties decide.
    """

    def __init__(self, observation_space: spaces.Box, reading: Reading, strengths: list[float], costs: list[float]) -> None:
        super().__init__(observation_space, features_dim=4 + 3 * len(strengths))
        self.reading = reading
        self.strengths: torch.Tensor
        self.costs: torch.Tensor
        self.register_buffer("strengths", torch.tensor(strengths, dtype=torch.float32))
        self.register_buffer("costs", torch.tensor(costs, dtype=torch.float32))

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """(n, 8) -> (n, 4 + 3 m); see the observation table of `SocialSteering`."""
        at = self.reading
        belief, time = (observations[:, k, None] for k in (at.belief, at.budget + 2))
        L = torch.logit(belief, eps=1e-6)
        left = amount_left(observations, at.budget, at.scale)
        herd = (L > 1e-4).float() - (L < -1e-4).float()
        beyond = L.abs() - self.strengths
        listens, affordable = (beyond <= 1e-4).float(), (self.costs <= left + 1e-5).float()
        share = left / self.costs.max().clamp(min=1e-6)
        return torch.cat([L / 2, herd, 2.0 * time - 1.0, share, listens, beyond.clamp(-2.0, 2.0), affordable], dim=1)


def steering_features(problem: SocialSteering) -> dict[str, Any]:
    """`SteeringFeatures` where the observation is that of one topic with a list of precisions; else the observation itself."""
    plain = SocialSteering().observation_names
    if problem.observation_names != plain or len(problem.params.levels) < 2:
        return {}
    p = problem.params
    known = {"reading": problem.reading, "strengths": p.strengths.tolist(), "costs": p.costs.tolist()}
    return {"features_extractor_class": SteeringFeatures, "features_extractor_kwargs": known}
