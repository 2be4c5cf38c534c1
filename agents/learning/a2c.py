"""A2C: advantage actor-critic by Stable-Baselines3, on the native batch."""

from __future__ import annotations

from stable_baselines3 import A2C
from stable_baselines3.common.policies import ActorCriticPolicy

from .learner import Learner


class A2c(Learner):
    """Advantage actor-critic (Mnih et al., arXiv:1602.01783, synchronous) by Stable-Baselines3: one gradient step a rollout.

    Args:
        problem: what to decide on.
        path: of a saved agent; without it the agent has to `learn` first.
        seed: of network, exploration and training episodes.
        overrides: replace settings of the configuration, such as `learning_rate` or `lanes`.

    Raises:
        ValueError: no configuration for the family.
    """

    name = "a2c"
    algorithm = A2C
    policy = ActorCriticPolicy
