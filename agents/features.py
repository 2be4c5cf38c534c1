"""What the networks of learners see of an observation, by family."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

from ..baselines.routing.agentic.routers import PROGRESS, SUBGOALS, places
from ..envs.bidding.problem import RealTimeBidding
from ..envs.routing.agentic.problem import AgenticRouting
from ..envs.steering.problem import SocialSteering
from ..envs.workflow.problem import WorkflowRouting

ALWAYS_TOLD = 7
"""Entries of every observation of `RealTimeBidding`: four of the market, three of the budget."""


class BiddingFeatures(BaseFeaturesExtractor):
    """Logarithms of theta and of the money per auction left, and the time: the state of a stationary market.

    Money per auction left is what the best bid depends on; as remaining share and size apart it is hard to learn. What only
    some problems tell (wins, clicks, conversions, slack) is handed on. For problems whose observation tells the budget.
    """

    def __init__(self, observation_space: spaces.Box) -> None:
        super().__init__(observation_space, features_dim=int(np.prod(observation_space.shape)) - ALWAYS_TOLD + 3)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """(n, 7 + m) -> (n, 3 + m); see the observation table of `RealTimeBidding`."""
        theta, (size, remaining, time) = observations[:, 0], observations[:, -3:].unbind(1)
        money = size / (1.0 - size).clamp(min=1e-3) * remaining / time.clamp(min=1e-3)
        known = torch.stack([torch.log(theta + 1e-2), torch.log(money + 1e-3) / 1.5 + 1.0, 2.0 * time - 1.0], dim=1)
        return torch.cat([known, observations[:, 4:-3]], dim=1)


class BlindBiddingFeatures(BaseFeaturesExtractor):
    """The observation of a bidder that is not told its budget, with the logarithm of theta."""

    def __init__(self, observation_space: spaces.Box) -> None:
        super().__init__(observation_space, features_dim=int(np.prod(observation_space.shape)))

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """(n, d) -> (n, d)."""
        return torch.cat([torch.log(observations[:, :1] + 1e-2), observations[:, 1:]], dim=1)


def bidding_features(problem: RealTimeBidding) -> dict[str, Any]:
    """`BiddingFeatures`, or `BlindBiddingFeatures` where the bidder does not see its budget."""
    return {"features_extractor_class": BiddingFeatures if problem.budget_aware else BlindBiddingFeatures}


class ThetaFeatures(BaseFeaturesExtractor):
    """The logarithm of theta, which is all that bids depend on where money does not run out."""

    def __init__(self, observation_space: spaces.Box) -> None:
        super().__init__(observation_space, features_dim=1)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """(n, d) -> (n, 1)."""
        return torch.log(observations[:, :1] + 1e-2)


class RoutingFeatures(BaseFeaturesExtractor):
    """The observation, what is left of the budget and of the subgoals, and how many times the one covers the other.

    How freely to spend depends on that; as size and remaining share of the budget apart it is hard to learn.
    """

    def __init__(self, observation_space: spaces.Box, budget: int) -> None:
        super().__init__(observation_space, features_dim=int(np.prod(observation_space.shape)) + 4)
        self.budget = budget

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """(n, d) -> (n, d + 4); see the observation table of `AgenticRouting`."""
        size, remaining = observations[:, self.budget], observations[:, self.budget + 1]
        left = size / (1.0 - size).clamp(min=1e-3) * remaining  # in what always-large uses
        ahead = (1.0 - observations[:, PROGRESS]) * observations[:, SUBGOALS]
        covers = (left / (ahead + 0.02)).clamp(max=5.0)
        known = torch.stack([left, torch.log(left + 0.02), ahead, covers], dim=1)
        return torch.cat([observations, known], dim=1)


def routing_features(problem: AgenticRouting) -> dict[str, Any]:
    """`RoutingFeatures` and the mask of what can be paid, where the router sees its budget."""
    if not problem.budget_aware:
        return {}
    at = places(problem)
    extractor = {"features_extractor_class": RoutingFeatures, "features_extractor_kwargs": {"budget": at.budget}}
    return {**extractor, "affordable": (at.affordable, at.models)}


class SteeringFeatures(BaseFeaturesExtractor):
    """The belief, the effort and the time, and which precisions agents would listen to now, and which can be paid.

    What agents do jumps where the strength of a signal reaches the log-odds of the belief; from the belief alone a network
    has to learn these steps to the last digit, since ties decide.
    """

    def __init__(self, observation_space: spaces.Box, strengths: list[float], costs: list[float], scale: float) -> None:
        super().__init__(observation_space, features_dim=4 + 3 * len(strengths))
        self.scale = scale
        self.strengths: torch.Tensor
        self.costs: torch.Tensor
        self.register_buffer("strengths", torch.tensor(strengths, dtype=torch.float32))
        self.register_buffer("costs", torch.tensor(costs, dtype=torch.float32))

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """(n, 8) -> (n, 4 + 3 m); see the observation table of `SocialSteering`."""
        belief, size, remaining, time = (observations[:, k : k + 1] for k in (0, 5, 6, 7))
        L = torch.logit(belief, eps=1e-6)
        left = size / (1.0 - size).clamp(min=1e-6) * remaining * self.scale
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
    known = {"strengths": p.strengths.tolist(), "costs": p.costs.tolist(), "scale": float(problem.budget_scale[0])}
    return {"features_extractor_class": SteeringFeatures, "features_extractor_kwargs": known}


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
