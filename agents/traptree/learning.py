"""How learners are set up on the trap tree."""

from __future__ import annotations

from ..learning import a2c, dqn
from ..learning.callbacks import EntropyToZero
from ..learning.configuration import Configuration, Learning
from ..learning.schedules import falling

LEARNING = Learning(
    {
        "ppo": Configuration(
            timesteps=1_000_000,
            lanes=512,
            callbacks=lambda: [EntropyToZero(0.1)],
            settings={
                "n_steps": 16,
                "batch_size": 2048,
                "n_epochs": 4,
                "learning_rate": falling(2e-3),
                "gamma": 1.0,
                "gae_lambda": 0.95,
                "policy_kwargs": {"net_arch": [64, 64]},
            },
        ),
        "a2c": Configuration(
            timesteps=3_000_000,
            lanes=256,
            callbacks=lambda: [EntropyToZero(0.1)],
            settings={**a2c.SETTINGS, "n_steps": 8},
        ),
        "dqn": Configuration(
            timesteps=150_000,
            lanes=128,
            settings=dqn.SETTINGS,
        ),
    }
)
"""How learners are set up."""
