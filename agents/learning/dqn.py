"""DQN: deep Q-learning by Stable-Baselines3, on the native batch."""

from __future__ import annotations

from typing import Any

from gymnasium import spaces
from stable_baselines3 import DQN

from ...envs.core.problem import Problem
from .configuration import Configuration, configuration_of
from .learner import Learner

SETTINGS: dict[str, Any] = {
    "train_freq": 1,
    "gradient_steps": 4,
    "batch_size": 1024,
    "buffer_size": 1_000_000,
    "learning_starts": 20_000,
    "learning_rate": lambda left: 1e-3 * max(left, 0.05),
    "target_update_interval": 640,  # decisions in all lanes, so 20 gradient steps
    "gamma": 1.0,
    "exploration_fraction": 0.5,
    "exploration_final_eps": 0.02,
    "policy_kwargs": {"net_arch": [64, 64]},
}
"""What all families' configurations begin with."""


class Dqn(Learner):
    """Deep Q-learning (Mnih et al., Nature 2015) by Stable-Baselines3, for Discrete actions.

    Args:
        problem: what to decide on.
        path: of a saved agent; without it the agent has to `learn` first.
        seed: of network, exploration and training episodes.
        overrides: replace settings of the configuration, such as `learning_rate` or `lanes`.

    Raises:
        ValueError: actions that can't be numbered.
    """

    name = "dqn"
    algorithm = DQN
    policy = "MlpPolicy"
    default = Configuration(timesteps=300_000, lanes=64, settings=SETTINGS)

    @classmethod
    def check(cls, problem: Problem) -> None:
        """See `Policy.check`: what it learns on must have Discrete actions."""
        super().check(problem)
        space = configuration_of(cls.name, problem, cls.default).training(problem).action_space
        if not isinstance(space, spaces.Discrete):
            raise ValueError(
                f"dqn has one value for each action, and would learn on {space}; expected a problem with Discrete"
            )
