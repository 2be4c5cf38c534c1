"""PPO: proximal policy optimisation by Stable-Baselines3, on the native batch."""

from __future__ import annotations

from stable_baselines3 import PPO
from stable_baselines3.common.policies import ActorCriticPolicy

from .callbacks import EntropyToZero
from .configuration import Configuration
from .learner import Learner
from .schedules import falling


class Ppo(Learner):
    """Proximal policy optimisation (Schulman et al., arXiv:1707.06347) by Stable-Baselines3.

    Args:
        problem: what to decide on.
        path: of a saved agent; without it the agent has to `learn` first.
        seed: of network, exploration and training episodes.
        overrides: replace settings of the configuration, such as `learning_rate` or `lanes`.

    Raises:
        ValueError: a setting that can't be meant.
    """

    name = "ppo"
    algorithm = PPO
    policy = ActorCriticPolicy
    default = Configuration(
        timesteps=500_000,
        lanes=64,
        callbacks=lambda: [EntropyToZero(0.01)],
        settings={
            "n_steps": 64,
            "batch_size": 1024,
            "n_epochs": 4,
            "learning_rate": falling(2e-3),
            "gamma": 1.0,  # budgets make episodes finite: what is earned late counts as much
            "gae_lambda": 0.95,
            "policy_kwargs": {"net_arch": [64, 64]},
        },
    )
