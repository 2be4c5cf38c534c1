"""How learners are set up in agentic routing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ....envs.core.budget import Budget
from ....envs.routing.agentic.problem import AgenticRouting
from ...learning import a2c, dqn
from ...learning.callbacks import EntropyToZero
from ...learning.configuration import Configuration, Learning, budgets_around
from ...learning.lagrangian_ppo import MoveMultiplier
from ...learning.schedules import falling
from .features import routing_features

GROUP: dict[str, Any] = {
    "tasks": 16_384,
    "tasks_per_update": 4096,
    "rollouts_per_task": 8,
    "learning_rate": falling(3e-3),
    "entropy": 0.01,
    "shared_noise": True,
}
"""Of the group-relative learners."""


def routing_training(problem: AgenticRouting) -> AgenticRouting:
    """The same tasks, with budgets around the problem's own."""
    return problem.replace(budget=budgets_around(problem, 2.0))


def soft_routing_training(problem: AgenticRouting) -> AgenticRouting:
    """The same tasks, with a budget for any calls."""
    return problem.replace(budget=np.inf, budget_aware=False)


def all_caps(problem: AgenticRouting) -> AgenticRouting:
    """The same tasks, with budgets from a twentieth of what always-large takes to as much as an episode can use."""
    least = max(float(problem.budget_scale[0]) / 20.0, float(problem.least_budget[0]))
    return problem.replace(budget=Budget({problem.resources[0]: (least, problem.most_spend)}, log=True))


PPO = Configuration(
    training=routing_training,
    timesteps=6_000_000,
    lanes=256,
    settings={
        "n_steps": 128,
        "batch_size": 8192,
        "n_epochs": 6,
        "learning_rate": lambda left: 2e-3 * left,
        "gamma": 1.0,  # whether a task is solved counts the same, soon or late
        "gae_lambda": 0.95,
        "policy_kwargs": {"net_arch": [64, 64]},
    },
)

LEARNING = Learning(
    {
        "ppo": PPO,
        "a2c": Configuration(
            training=routing_training,
            timesteps=3_000_000,
            lanes=256,
            callbacks=lambda: [EntropyToZero(0.01)],
            settings={**a2c.SETTINGS, "n_steps": 16},
        ),
        "dqn": Configuration(
            training=routing_training,
            timesteps=300_000,
            lanes=128,
            settings=dqn.SETTINGS,
        ),
        "recurrent_ppo": Configuration(
            training=routing_training,
            timesteps=700_000,
            lanes=128,
            settings={
                "n_steps": 64,
                "batch_size": 4096,
                "n_epochs": 4,
                "learning_rate": falling(2e-3),
                "gamma": 1.0,
                "gae_lambda": 0.95,
                "policy_kwargs": {"net_arch": [64], "lstm_hidden_size": 32},
            },
        ),
        "lagrangian_ppo": Configuration(
            training=soft_routing_training,
            timesteps=1_500_000,
            lanes=256,
            callbacks=lambda: [MoveMultiplier()],
            settings={
                "n_steps": 16,  # the multiplier has to move often: rarely, it is late, and the limit is not kept
                "batch_size": 2048,
                "n_epochs": 4,
                "learning_rate": 1e-3,  # not falling: the policy has to follow the multiplier to the end
                "gamma": 1.0,
                "gae_lambda": 0.95,
                "policy_kwargs": {"net_arch": [64, 64]},
            },
        ),
        "grpo": Configuration(training=all_caps, timesteps=20_000_000, lanes=1, features=routing_features, settings=GROUP),
        "bopo": Configuration(training=all_caps, timesteps=20_000_000, lanes=1, features=routing_features, settings=GROUP),
        "maskable_ppo": replace(PPO, timesteps=2_000_000, settings={**PPO.settings, "learning_rate": falling(2e-3)}),
    }
)
"""How learners are set up."""
