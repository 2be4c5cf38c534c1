"""What the networks of learners see of an observation of `RealTimeBidding`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

from ...envs.bidding.problem import RealTimeBidding
from ..learning.features import amount_left

MARKET = 4
"""Entries of the market that every observation of `RealTimeBidding` begins with, theta first."""


class BiddingFeatures(BaseFeaturesExtractor):
    """Logarithms of theta and of the money per auction left, and the time: the state of a stationary market.

    Money per auction left is what the best bid depends on; as remaining share and size apart it is hard to learn. What only
    some problems show (wins, clicks, conversions, slack) is handed on. For problems whose observation shows the budget.
    """

    def __init__(self, observation_space: spaces.Box, budget: int) -> None:
        super().__init__(observation_space, features_dim=budget - MARKET + 3)
        self.budget = budget

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """(n, 7 + m) -> (n, 3 + m); see the observation table of `RealTimeBidding`."""
        theta, time = observations[:, 0], observations[:, self.budget + 2]
        money = amount_left(observations, self.budget)[:, 0] / time.clamp(min=1e-3)
        known = torch.stack([torch.log(theta + 1e-2), torch.log(money + 1e-3) / 1.5 + 1.0, 2.0 * time - 1.0], dim=1)
        return torch.cat([known, observations[:, MARKET : self.budget]], dim=1)


class BlindBiddingFeatures(BaseFeaturesExtractor):
    """The observation of a bidder that does not see its budget, with the logarithm of theta."""

    def __init__(self, observation_space: spaces.Box) -> None:
        super().__init__(observation_space, features_dim=int(np.prod(observation_space.shape)))

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """(n, d) -> (n, d)."""
        return torch.cat([torch.log(observations[:, :1] + 1e-2), observations[:, 1:]], dim=1)


def bidding_features(problem: RealTimeBidding) -> dict[str, Any]:
    """`BiddingFeatures`, or `BlindBiddingFeatures` where the bidder does not see its budget."""
    if not problem.budget_aware:
        return {"features_extractor_class": BlindBiddingFeatures}
    known = {"budget": problem.reading.budget}
    return {"features_extractor_class": BiddingFeatures, "features_extractor_kwargs": known}


class ThetaFeatures(BaseFeaturesExtractor):
    """The logarithm of theta, which is all that bids depend on where money does not run out."""

    def __init__(self, observation_space: spaces.Box) -> None:
        super().__init__(observation_space, features_dim=1)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """(n, d) -> (n, 1)."""
        return torch.log(observations[:, :1] + 1e-2)
