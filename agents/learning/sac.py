"""SAC: soft actor-critic by Stable-Baselines3, on the native batch."""

from __future__ import annotations

from gymnasium import spaces
from stable_baselines3 import SAC

from ...envs.core.problem import Problem
from .callbacks import TemperatureToZero
from .configuration import Configuration
from .learner import Learner


class Sac(Learner):
    """Soft actor-critic (Haarnoja et al., arXiv:1801.01290) by Stable-Baselines3, for continuous actions.

    Args:
        problem: what to decide on.
        path: of a saved agent; without it the agent has to `learn` first.
        seed: of network, exploration and training episodes.
        overrides: replace settings of the configuration, such as `learning_rate` or `lanes`.

    Raises:
        ValueError: actions that are not continuous.
    """

    name = "sac"
    algorithm = SAC
    policy = "MlpPolicy"
    default = Configuration(
        timesteps=300_000,
        lanes=64,
        callbacks=lambda: [TemperatureToZero(0.1)],
        settings={
            "train_freq": 1,
            "gradient_steps": 4,
            "batch_size": 512,
            "buffer_size": 300_000,
            "learning_starts": 10_000,
            "learning_rate": lambda left: 1e-3 * max(left, 0.05),
            "ent_coef": 0.1,
            "gamma": 1.0,
            "tau": 0.02,
            "policy_kwargs": {"net_arch": [64, 64]},
        },
    )

    @classmethod
    def check(cls, problem: Problem) -> None:
        """See `Policy.check`: actions must be a Box."""
        if not isinstance(problem.action_space, spaces.Box):
            hint = "; expected a problem with discrete=False" if "discrete" in problem.setting_names() else ""
            raise ValueError(f"sac is for continuous actions, not {problem.action_space}{hint}")
        super().check(problem)
