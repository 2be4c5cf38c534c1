"""A2C: advantage actor-critic by Stable-Baselines3, on the native batch."""

from __future__ import annotations

from typing import Any

from stable_baselines3 import A2C
from stable_baselines3.common.policies import ActorCriticPolicy

from .callbacks import EntropyToZero
from .configuration import Configuration
from .learner import Learner
from .schedules import falling

SETTINGS: dict[str, Any] = {
    "learning_rate": falling(2e-3),
    "gamma": 1.0,
    "gae_lambda": 0.95,
    "use_rms_prop": False,
    "policy_kwargs": {"net_arch": [64, 64]},
}
"""What all families' configurations begin with."""


class A2c(Learner):
    """Advantage actor-critic (Mnih et al., arXiv:1602.01783, synchronous) by Stable-Baselines3: one gradient step a rollout.

    Args:
        problem: what to decide on.
        path: of a saved agent; without it the agent has to `learn` first.
        seed: of network, exploration and training episodes.
        overrides: replace settings of the configuration, such as `learning_rate` or `lanes`.

    Raises:
        ValueError: a setting that can't be meant.
    """

    name = "a2c"
    algorithm = A2C
    policy = ActorCriticPolicy
    default = Configuration(
        timesteps=1_000_000, lanes=64, callbacks=lambda: [EntropyToZero(0.01)], settings={**SETTINGS, "n_steps": 16}
    )
