"""What the networks of learners see of an observation of `WorkflowRouting`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

from ...envs.workflow.problem import WorkflowRouting


class WorkflowFeatures(BaseFeaturesExtractor):
    """The observation, and dollars and seconds left, in what a patient executor would use."""

    def __init__(self, observation_space: spaces.Box) -> None:
        super().__init__(observation_space, features_dim=int(np.prod(observation_space.shape)) + 2)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """(n, 3 V + 5) -> (n, 3 V + 7); see the observation table of `WorkflowRouting`."""
        size, share = observations[:, -5:-3], observations[:, -3:-1]
        left = size / (1.0 - size).clamp(min=1e-3) * share
        return torch.cat([observations, left], dim=1)


def workflow_features(problem: WorkflowRouting) -> dict[str, Any]:
    """`WorkflowFeatures`, where the observation tells the budget."""
    return {"features_extractor_class": WorkflowFeatures} if problem.budget_aware else {}
