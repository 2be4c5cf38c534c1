"""What the networks of learners see of an observation of `AgenticRouting`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

from ....envs.routing.agentic.problem import AgenticRouting
from ....envs.routing.agentic.reading import PROGRESS, SUBGOALS
from ...learning.features import amount_left


class RoutingFeatures(BaseFeaturesExtractor):
    """The observation, what is left of the budget and of the subgoals, and how many times the one covers the other.

    How freely to spend depends on that; as size and remaining share of the budget apart it is hard to learn.
    """

    def __init__(self, observation_space: spaces.Box, budget: int) -> None:
        super().__init__(observation_space, features_dim=int(np.prod(observation_space.shape)) + 4)
        self.budget = budget

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """(n, d) -> (n, d + 4); see the observation table of `AgenticRouting`."""
        left = amount_left(observations, self.budget)[:, 0]  # in what always-large uses
        ahead = (1.0 - observations[:, PROGRESS]) * observations[:, SUBGOALS]
        covers = (left / (ahead + 0.02)).clamp(max=5.0)
        known = torch.stack([left, torch.log(left + 0.02), ahead, covers], dim=1)
        return torch.cat([observations, known], dim=1)


def routing_features(problem: AgenticRouting) -> dict[str, Any]:
    """`RoutingFeatures` and the mask of what can be paid, where the router sees its budget."""
    if not problem.budget_aware:
        return {}
    at = problem.reading
    extractor = {"features_extractor_class": RoutingFeatures, "features_extractor_kwargs": {"budget": at.budget}}
    return {**extractor, "affordable": (at.affordable, at.models)}
