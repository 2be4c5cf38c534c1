"""DQN: deep Q-learning by Stable-Baselines3, on the native batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gymnasium import spaces
from stable_baselines3 import DQN

from ...envs.core.problem import Problem
from .learner import Learner


class Dqn(Learner):
    """Deep Q-learning (Mnih et al., Nature 2015) by Stable-Baselines3, for Discrete actions.

    Args:
        problem: what to decide on.
        path: of a saved agent; without it the agent has to `learn` first.
        seed: of network, exploration and training episodes.
        overrides: replace settings of the configuration, such as `learning_rate` or `lanes`.

    Raises:
        ValueError: no configuration for the family, or actions that can't be numbered.
    """

    name = "dqn"
    algorithm = DQN
    policy = "MlpPolicy"

    def __init__(self, problem: Problem, path: str | Path | None = None, seed: int = 0, **overrides: Any) -> None:
        super().__init__(problem, path, seed, **overrides)
        space = self.configuration.training(problem).action_space
        if not isinstance(space, spaces.Discrete):
            raise ValueError(
                f"dqn has one value for each action, and would learn on {space}; expected a problem with Discrete"
            )
