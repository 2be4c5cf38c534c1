"""How learners are set up on restless bandits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...envs.restless.problem import Restless
from ..learning.callbacks import EntropyToZero
from ..learning.configuration import Configuration, Learning
from ..learning.schedules import falling
from .features import restless_features
from .sequoia.callbacks import KeepBest


def action_values(**settings: Any) -> Callable[[Restless], dict[str, Any]]:
    """Arguments of SEQUOIA's policy: the problem, for its feasible set and law, and these settings."""
    return lambda problem: {"problem": problem, **settings}


SEQUOIA: dict[str, Any] = {
    "learning_rate": falling(1e-3),
    "gamma": 1.0,
    "batch_size": 256,
    "gradient_steps": 8,
    "buffer_size": 100_000,
    "target_interval": 20,  # values have as many steps to grow backwards as an episode has
    "exploration": (0.3, 0.05, 0.5),
}
"""Of action-value networks."""


def in_expectation(problem: Restless) -> Restless:
    """The same problem with expected rewards, which have the same mean and no noise."""
    return problem if problem.params.expected else problem.replace(reward="expected")


LEARNING = Learning(
    {
        "sequential_ppo": Configuration(
            timesteps=2_000_000,
            lanes=128,
            callbacks=lambda: [EntropyToZero(0.01)],
            features=restless_features,
            settings={
                "n_steps": 220,  # micro-steps of an episode with up to ten pulls a step
                "batch_size": 7040,
                "n_epochs": 4,
                "learning_rate": falling(3e-3),
                "gamma": 1.0,
                # Of micro-steps; 0.99 is better on paths, but gets stuck where components only work together.
                "gae_lambda": 0.97,
                "policy_kwargs": {"net_arch": [64, 64]},
            },
        ),
        "latent_ppo": Configuration(
            timesteps=2_000_000,
            lanes=256,
            features=restless_features,
            settings={
                "n_steps": 20,
                "batch_size": 1280,
                "n_epochs": 6,
                "learning_rate": falling(3e-3),
                "gamma": 1.0,
                "gae_lambda": 0.9,
                "policy_kwargs": {"net_arch": [64, 64], "log_std_init": -0.5},
            },
        ),
        "iterative_dqn": Configuration(
            training=in_expectation,
            timesteps=30_000,
            lanes=64,
            features=action_values(kicks=None),
            callbacks=lambda: [KeepBest()],
            settings=SEQUOIA,
        ),
        "sequoia": Configuration(
            training=in_expectation,
            timesteps=20_000,
            lanes=64,
            features=action_values(),
            callbacks=lambda: [KeepBest()],
            settings=SEQUOIA,
        ),
        "sequoia/paper": Configuration(
            training=in_expectation,
            timesteps=2_000,
            lanes=1,
            features=action_values(network="published", hidden=(16, 32), kicks=5, optimizer={"eps": 1.5e-4, "amsgrad": True}),
            settings={
                "learning_rate": lambda left: 2.5e-4 * 0.9 ** (100 * min(1.0, 1.0 - left)),
                "gamma": 0.99,
                "batch_size": 32,
                "gradient_steps": 1,
                "buffer_size": 10_000,
                "learning_starts": 0,
                "double": False,
                "terminal_mask": False,
                "control_variate": False,
                "target_interval": 1,
                "tau": 1e-6,
                "exploration": (0.9, 0.165, 1.0),
                "diversity": 0.0,
                "warm_states": 14_000,
                "warm_epochs": 30,
                "warm_batch": 32,
                "warm_decay": 0.9,
                "remembered": 1_000,
                "loss_scale": None,
                "clip": 5.0,
            },
        ),
        "residual_sequoia/joint": Configuration(
            training=in_expectation,
            timesteps=20_000,
            lanes=64,
            features=action_values(base="joint"),
            callbacks=lambda: [KeepBest()],
            settings={**SEQUOIA, "learning_rate": falling(3e-4)},
        ),
        "residual_sequoia/lagrangian": Configuration(
            training=in_expectation,
            timesteps=20_000,
            lanes=64,
            features=action_values(base="lagrangian"),
            callbacks=lambda: [KeepBest()],
            settings={**SEQUOIA, "learning_rate": falling(3e-4)},
        ),
    }
)
"""How learners are set up."""
