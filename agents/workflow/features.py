"""What the networks of learners see of an observation of `WorkflowRouting`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

from ...envs.workflow.problem import WorkflowRouting
from ..learning.features import amount_left


class WorkflowFeatures(BaseFeaturesExtractor):
    """The observation, and dollars and seconds left, in what a patient executor would use."""

    def __init__(self, observation_space: spaces.Box, budget: int) -> None:
        super().__init__(observation_space, features_dim=int(np.prod(observation_space.shape)) + 2)
        self.budget = budget

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """(n, 3 V + 5) -> (n, 3 V + 7); see the observation table of `WorkflowRouting`."""
        return torch.cat([observations, amount_left(observations, self.budget, resources=2)], dim=1)


def workflow_features(problem: WorkflowRouting) -> dict[str, Any]:
    """`WorkflowFeatures`, where the observation shows the budget."""
    if not problem.budget_aware:
        return {}
    known = {"budget": problem.reading.budget}
    return {"features_extractor_class": WorkflowFeatures, "features_extractor_kwargs": known}
