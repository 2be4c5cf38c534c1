"""How the learners are set up, by family, in one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..envs.bidding.problem import RealTimeBidding
from ..envs.core.problem import Problem
from ..envs.restless.problem import Restless
from ..envs.routing.agentic.problem import AgenticRouting
from ..envs.routing.logged.problem import LoggedRouting
from ..envs.steering.problem import SocialSteering
from ..envs.traptree.problem import TrapTree
from ..envs.workflow.problem import WorkflowRouting
from .features import (
    ThetaFeatures,
    bidding_features,
    routing_features,
    steering_features,
    workflow_features,
)
from .learning.lagrangian_ppo import MoveMultiplier
from .learning.learner import Configuration
from .learning.ppo import CriticFirst, EntropyToZero
from .learning.sac import TemperatureToZero
from .learning.schedules import falling
from .restless.features import restless_features
from .restless.sequoia.callbacks import KeepBest
from .training_problems import (
    all_caps,
    as_chosen,
    as_it_is,
    bids_from_pacing,
    in_expectation,
    logged_training,
    precisions_from_numbers,
    routing_training,
    short_bidding_training,
    soft_bidding_training,
    soft_routing_training,
    steering_by_number,
)

GROUP: dict[str, Any] = {
    "tasks": 16_384,
    "tasks_per_update": 4096,
    "rollouts_per_task": 8,
    "learning_rate": falling(3e-3),
    "entropy": 0.01,
    "shared_luck": True,
}


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


Q_LEARNING: dict[str, Any] = {
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

A2C: dict[str, Any] = {
    "learning_rate": falling(2e-3),
    "gamma": 1.0,
    "gae_lambda": 0.95,
    "use_rms_prop": False,
    "policy_kwargs": {"net_arch": [64, 64]},
}

PPO: dict[type[Problem], Configuration] = {
    RealTimeBidding: Configuration(
        training=short_bidding_training,
        decode=bids_from_pacing,
        features=bidding_features,
        timesteps=2_000_000,
        lanes=64,
        callbacks=lambda: [CriticFirst(5)],
        settings={
            "n_steps": 100,
            "batch_size": 1600,
            "n_epochs": 4,
            "learning_rate": lambda left: 2e-3 * left,
            "gamma": 1.0,  # an episode's clicks count alike, early or late
            "gae_lambda": 0.9,  # the critic is good, the clicks of later auctions are mostly luck
            "policy_kwargs": {
                "log_std_init": -1.5,
                "net_arch": [64, 64],
            },
        },
    ),
    AgenticRouting: Configuration(
        training=routing_training,
        decode=as_chosen,
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
    ),
    LoggedRouting: Configuration(
        training=logged_training,
        decode=as_chosen,
        timesteps=3_000_000,
        lanes=128,
        settings={
            "n_steps": 200,
            "batch_size": 6400,
            "n_epochs": 5,
            "learning_rate": lambda left: 1e-3 * left,
            "gamma": 1.0,
            "gae_lambda": 0.8,  # most of what a query earns does not depend on the one before
            "policy_kwargs": {"net_arch": [64, 64]},
        },
    ),
    SocialSteering: Configuration(
        training=steering_by_number,
        decode=precisions_from_numbers,
        timesteps=6_000_000,
        lanes=1024,  # whether the herd goes right is mostly luck: small batches settle for a plan that is merely good
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
    ),
    WorkflowRouting: Configuration(
        training=as_it_is,
        decode=as_chosen,
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
    ),
    TrapTree: Configuration(
        training=as_it_is,
        decode=as_chosen,
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
}

CONFIGURATIONS: dict[str, dict[type[Problem], Configuration]] = {
    "ppo": PPO,
    "sac": {
        RealTimeBidding: Configuration(
            training=short_bidding_training,
            decode=bids_from_pacing,
            features=bidding_features,
            timesteps=1_000_000,
            lanes=128,
            callbacks=lambda: [TemperatureToZero(0.02)],
            settings={
                "train_freq": 1,
                "gradient_steps": 4,
                "batch_size": 1024,
                "buffer_size": 1_000_000,
                "learning_starts": 50_000,
                "learning_rate": lambda left: 1e-3 * max(left, 0.05),
                "ent_coef": 0.02,
                "gamma": 1.0,
                "tau": 0.02,
                # One critic: the smaller of two takes luck for a reason to be careful.
                "policy_kwargs": {
                    "net_arch": [64, 64],
                    "n_critics": 1,
                },
            },
        ),
        SocialSteering: Configuration(
            training=as_it_is,
            decode=as_chosen,
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
                # One critic: the smaller of two takes the luck of the herd for a reason to be careful.
                "policy_kwargs": {"net_arch": [64, 64], "n_critics": 1},
            },
        ),
    },
    "a2c": {
        RealTimeBidding: Configuration(
            training=short_bidding_training,
            decode=bids_from_pacing,
            features=bidding_features,
            timesteps=6_000_000,
            lanes=256,
            settings={**A2C, "n_steps": 50, "gae_lambda": 0.9, "policy_kwargs": {"log_std_init": -1.5, "net_arch": [64, 64]}},
        ),
        AgenticRouting: Configuration(
            training=routing_training,
            decode=as_chosen,
            timesteps=3_000_000,
            lanes=256,
            callbacks=lambda: [EntropyToZero(0.01)],
            settings={**A2C, "n_steps": 16},
        ),
        WorkflowRouting: Configuration(
            training=as_it_is,
            decode=as_chosen,
            timesteps=3_000_000,
            lanes=256,
            callbacks=lambda: [EntropyToZero(0.01)],
            features=workflow_features,
            settings={**A2C, "n_steps": 8},
        ),
        SocialSteering: Configuration(
            training=steering_by_number,
            decode=precisions_from_numbers,
            timesteps=1_500_000,
            lanes=512,
            callbacks=lambda: [EntropyToZero(0.3)],
            features=steering_features,
            settings={**A2C, "n_steps": 10, "learning_rate": falling(3e-3)},
        ),
        TrapTree: Configuration(
            training=as_it_is,
            decode=as_chosen,
            timesteps=3_000_000,
            lanes=256,
            callbacks=lambda: [EntropyToZero(0.1)],
            settings={**A2C, "n_steps": 8},
        ),
    },
    "dqn": {
        AgenticRouting: Configuration(
            training=routing_training,
            decode=as_chosen,
            timesteps=300_000,
            lanes=128,
            settings=Q_LEARNING,
        ),
        SocialSteering: Configuration(
            training=steering_by_number,
            decode=precisions_from_numbers,
            timesteps=300_000,
            lanes=128,
            features=steering_features,
            settings=Q_LEARNING,
        ),
        TrapTree: Configuration(
            training=as_it_is,
            decode=as_chosen,
            timesteps=150_000,
            lanes=128,
            settings=Q_LEARNING,
        ),
    },
    "maskable_ppo": {
        family: replace(PPO[family], timesteps=timesteps, settings={**PPO[family].settings, "learning_rate": falling(2e-3)})
        for family, timesteps in ((AgenticRouting, 2_000_000), (WorkflowRouting, 800_000), (SocialSteering, 1_000_000))
    },
    "recurrent_ppo": {
        RealTimeBidding: Configuration(
            training=short_bidding_training,
            decode=bids_from_pacing,
            features=bidding_features,
            timesteps=1_000_000,
            lanes=128,
            callbacks=lambda: [CriticFirst(5)],
            settings={
                "n_steps": 50,
                "batch_size": 3200,
                "n_epochs": 4,
                "learning_rate": falling(2e-3),
                "gamma": 1.0,
                "gae_lambda": 0.9,
                "policy_kwargs": {
                    "log_std_init": -1.5,
                    "lstm_hidden_size": 16,
                    "net_arch": [64, 64],
                },
            },
        ),
        AgenticRouting: Configuration(
            training=routing_training,
            decode=as_chosen,
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
    },
    "lagrangian_ppo": {
        RealTimeBidding: Configuration(
            training=soft_bidding_training,
            decode=bids_from_pacing,
            timesteps=1_500_000,
            lanes=256,
            callbacks=lambda: [MoveMultiplier()],
            settings={
                "n_steps": 50,
                "batch_size": 3200,
                "n_epochs": 4,
                "learning_rate": falling(2e-3),
                "gamma": 0.0,  # money does not run out: a bid changes nothing that comes after it
                "policy_kwargs": {
                    "log_std_init": -2.0,  # what is spent with chance and without should not differ
                    "net_arch": [32, 32],
                    "features_extractor_class": ThetaFeatures,
                },
            },
        ),
        AgenticRouting: Configuration(
            training=soft_routing_training,
            decode=as_chosen,
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
    },
    "sequential_ppo": {
        Restless: Configuration(
            training=as_it_is,
            decode=as_chosen,
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
    },
    "latent_ppo": {
        Restless: Configuration(
            training=as_it_is,
            decode=as_chosen,
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
    },
    "grpo": {
        AgenticRouting: Configuration(
            training=all_caps, decode=as_chosen, timesteps=20_000_000, lanes=1, features=routing_features, settings=GROUP
        ),
    },
    "bopo": {
        AgenticRouting: Configuration(
            training=all_caps, decode=as_chosen, timesteps=20_000_000, lanes=1, features=routing_features, settings=GROUP
        ),
    },
    "iterative_dqn": {
        Restless: Configuration(
            training=in_expectation,
            decode=as_chosen,
            timesteps=30_000,
            lanes=64,
            features=action_values(kicks=None),
            callbacks=lambda: [KeepBest()],
            settings=SEQUOIA,
        )
    },
}
"""Name of the learner -> family of problems -> configuration. A subclass of a family is served by the family's."""

SEQUOIA_CONFIGURATIONS: dict[str, dict[type[Problem], Configuration]] = {
    "default": {
        Restless: Configuration(
            training=in_expectation,
            decode=as_chosen,
            timesteps=20_000,
            lanes=64,
            features=action_values(),
            callbacks=lambda: [KeepBest()],
            settings=SEQUOIA,
        )
    },
    # As published and as found in the authors' code: 100 episodes, a target network that hardly moves, no terminal mask, no
    # time in the state. Where the code trains on looser sets than it is evaluated on, here is one set. Of the 300 epochs of
    # the warm start, at learning rates 0.9 ** epoch, the first 30 are 96 % of all learning.
    "paper": {
        Restless: Configuration(
            training=in_expectation,
            decode=as_chosen,
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
        )
    },
}

RESIDUAL_SEQUOIA_CONFIGURATIONS: dict[str, dict[type[Problem], Configuration]] = {
    base: {
        Restless: Configuration(
            training=in_expectation,
            decode=as_chosen,
            timesteps=20_000,
            lanes=64,
            features=action_values(base=base),
            callbacks=lambda: [KeepBest()],
            settings={**SEQUOIA, "learning_rate": falling(3e-4)},
        )
    }
    for base in ("joint", "lagrangian")
}
