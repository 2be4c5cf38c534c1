"""Learning in auctions: what a bidder looks at, and self-play against frozen copies of itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

from ...envs.auction.game import OBSERVATION_NAMES
from ...envs.auction.sb3 import AuctionVecEnv
from ...envs.core.checks import positive_integer

_AT = {name: k for k, name in enumerate(OBSERVATION_NAMES)}


class AuctionFeatures(BaseFeaturesExtractor):
    """Logarithms of the budget and of what is left of it per time left, the last step's spend and price, and the time.

    How much is left per time left is what pacing depends on; as two shares it is hard to learn.
    """

    def __init__(self, observation_space: spaces.Box) -> None:
        super().__init__(observation_space, features_dim=6)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """(n, 8) -> (n, 6); see the observation table of `AuctionGame`."""
        first, spend, won, size, left, time = (
            observations[:, _AT[name]]
            for name in ("value", "last_spend", "last_win", "money_size", "money_remaining", "time_remaining")
        )
        pace = torch.log(left / time.clamp(min=1e-3) + 1e-2)
        budget = torch.logit(size, eps=1e-4)
        return torch.stack([first, torch.log(spend + 1e-2), won, budget, pace, 2.0 * time - 1.0], dim=1)


class FrozenPool:
    """Opponents that are frozen policies, one per seat and episode, drawn from a pool.

    Args:
        size: how many are kept; beyond that the oldest is forgotten.
        seed: of the draws.

    An empty pool bids the value (a multiplier of 1 by tick), or the highest bid if that is less.
    """

    def __init__(self, size: int = 10, seed: int = 0) -> None:
        self.size = positive_integer("size", size)
        self.members: list[Callable[[NDArray[np.float64]], NDArray[Any]]] = []
        self._random = np.random.default_rng(seed)
        self._drawn: NDArray[np.int64] | None = None
        self._venv: AuctionVecEnv | None = None

    def play_in(self, venv: AuctionVecEnv) -> None:
        """The environment whose scale of actions the members use."""
        self._venv = venv

    def add(self, member: Callable[[NDArray[np.float64]], NDArray[Any]]) -> None:
        """Take in a frozen policy, observations (n, 8) -> actions (n, 1) in [-1, 1]."""
        self.members.append(member)
        if len(self.members) > self.size:
            self.members.pop(0)
            if self._drawn is not None:
                self._drawn = np.maximum(self._drawn - 1, 0)

    def act(self, observation: NDArray[np.float64]) -> NDArray[np.float64]:
        """See `Opponents`. Who plays a seat is drawn when its episode begins."""
        assert self._venv is not None, "call play_in(venv) first"
        game = self._venv.game
        if not self.members:
            truthful = np.ones(observation.shape[:2]) if game.granularity == "tick" else observation[..., 0]
            return np.minimum(truthful, game.highest_bid)
        begins = observation[..., _AT["time_remaining"]] == 1.0
        if self._drawn is None:
            self._drawn = np.zeros(observation.shape[:2], np.int64)
        self._drawn[begins] = self._random.integers(len(self.members), size=int(begins.sum()))
        actions = np.zeros(observation.shape[:2])
        for m, member in enumerate(self.members):
            if (seats := self._drawn == m).any():
                actions[seats] = np.asarray(member(observation[seats])).ravel()
        return self._venv.multipliers(np.clip(actions, -1.0, 1.0))


class SelfPlay(BaseCallback):
    """Puts a frozen copy of the learner into the pool after every `every` rollouts.

    Args:
        pool: the opponents of the environment that it learns in.
        every: rollouts.
    """

    def __init__(self, pool: FrozenPool, every: int = 5) -> None:
        super().__init__()
        self.pool, self.every = pool, positive_integer("every", every)
        self._rollouts = 0

    def _on_rollout_end(self) -> None:
        self._rollouts += 1
        if self._rollouts % self.every == 0:
            self.pool.add(frozen(self.model))

    def _on_step(self) -> bool:
        return True


def frozen(model: Any) -> Callable[[NDArray[np.float64]], NDArray[Any]]:
    """The present policy of an SB3 model, as it will stay, without exploration."""
    policy = type(model.policy)(**model.policy._get_constructor_parameters())
    policy.load_state_dict(model.policy.state_dict())
    policy.set_training_mode(False)
    return lambda observation: policy.predict(observation, deterministic=True)[0]
