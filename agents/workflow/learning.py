"""How learners are set up in workflow routing."""

from __future__ import annotations

from dataclasses import replace

from ..learning import a2c
from ..learning.callbacks import EntropyToZero
from ..learning.configuration import Configuration, Learning
from ..learning.schedules import falling
from .features import workflow_features

PPO = Configuration(
    timesteps=3_000_000,
    lanes=512,
    callbacks=lambda: [EntropyToZero(0.01)],
    features=workflow_features,
    settings={
        "n_steps": 16,
        "batch_size": 4096,
        "n_epochs": 4,
        "learning_rate": falling(2e-3),
        "gamma": 1.0,
        "gae_lambda": 0.95,
        "policy_kwargs": {"net_arch": [64, 64]},
    },
)

LEARNING = Learning(
    {
        "ppo": PPO,
        "a2c": Configuration(
            timesteps=3_000_000,
            lanes=256,
            callbacks=lambda: [EntropyToZero(0.01)],
            features=workflow_features,
            settings={**a2c.SETTINGS, "n_steps": 8},
        ),
        "maskable_ppo": replace(PPO, timesteps=800_000, settings={**PPO.settings, "learning_rate": falling(2e-3)}),
    }
)
"""How learners are set up."""
