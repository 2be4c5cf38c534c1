"""How learners are set up in social-learning steering."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.steering.problem import SocialSteering
from ..learning import a2c, dqn
from ..learning.callbacks import EntropyToZero, TemperatureToZero
from ..learning.configuration import Configuration, Learning
from ..learning.schedules import falling
from .features import steering_features


def steering_by_number(problem: SocialSteering) -> SocialSteering:
    """The same problem, with the numbers of precisions as actions where they are listed."""
    return problem.replace(discrete=True) if problem.params.listed else problem


def precisions_from_numbers(problem: SocialSteering, observations: NDArray[np.float64], actions: NDArray[Any]) -> NDArray[Any]:
    """What the problem takes for the numbers of precisions: themselves, or places on the scale from -1 to 1."""
    p = problem.params
    if not (p.on_scale and p.listed):
        return actions
    on_scale = (p.levels - 0.5) / (p.q_max - 0.5) * 2.0 - 1.0
    return on_scale[actions].reshape(len(actions), -1)


PPO = Configuration(
    training=steering_by_number,
    decode=precisions_from_numbers,
    timesteps=6_000_000,
    lanes=1024,  # whether the herd goes right is mostly noise: small batches settle for a plan that is good but not best
    callbacks=lambda: [EntropyToZero(0.3)],
    features=steering_features,
    settings={
        "n_steps": 20,
        "batch_size": 5120,
        "n_epochs": 6,
        "learning_rate": lambda left: 2e-3 * left,
        "gamma": 1.0,
        "gae_lambda": 0.95,
        "policy_kwargs": {"net_arch": [64, 64]},
    },
)

LEARNING = Learning(
    {
        "ppo": PPO,
        "sac": Configuration(
            timesteps=1_400_000,
            lanes=128,
            callbacks=lambda: [TemperatureToZero(0.3)],
            features=steering_features,
            settings={
                "train_freq": 1,
                "gradient_steps": 4,
                "batch_size": 1024,
                "buffer_size": 1_000_000,  # everything: what happens off the present plan must stay known
                "learning_starts": 100_000,
                "learning_rate": lambda left: 1e-3 * max(left, 0.05),
                "ent_coef": 0.3,
                "gamma": 1.0,
                "tau": 0.02,
                # One critic: the smaller of two takes the noise of the herd for a reason to be careful.
                "policy_kwargs": {"net_arch": [64, 64], "n_critics": 1},
            },
        ),
        "a2c": Configuration(
            training=steering_by_number,
            decode=precisions_from_numbers,
            timesteps=1_500_000,
            lanes=512,
            callbacks=lambda: [EntropyToZero(0.3)],
            features=steering_features,
            settings={**a2c.SETTINGS, "n_steps": 10, "learning_rate": falling(3e-3)},
        ),
        "dqn": Configuration(
            training=steering_by_number,
            decode=precisions_from_numbers,
            timesteps=300_000,
            lanes=128,
            features=steering_features,
            settings=dqn.SETTINGS,
        ),
        "maskable_ppo": replace(PPO, timesteps=1_000_000, settings={**PPO.settings, "learning_rate": falling(2e-3)}),
    }
)
"""How learners are set up."""
