"""How learners are set up in real-time bidding."""

from __future__ import annotations

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ...baselines.bidding.bidders import training_problem
from ...envs.bidding.law import HIGHEST_PRICE
from ...envs.bidding.problem import RealTimeBidding
from ...envs.core.budget import Budget
from ..learning import a2c
from ..learning.callbacks import CriticFirst, TemperatureToZero
from ..learning.configuration import Configuration, Learning, budgets_around
from ..learning.lagrangian_ppo import MoveMultiplier
from ..learning.schedules import falling
from .features import ThetaFeatures, bidding_features


def bidding_training(problem: RealTimeBidding) -> RealTimeBidding:
    """Simulated training auctions, with a pacing exponent as action and budgets around the problem's own."""
    if problem.control == "dual":
        raise ValueError("control is 'dual', which no learner is configured for; expected 'bid' or 'pacing'")
    kept = {"ticks": problem.ticks, "traffic": problem.settings.get("traffic", "even"), "budget_aware": problem.budget_aware}
    return training_problem(problem).replace(**kept, control="pacing", budget=budgets_around(problem, 4.0))


def short_bidding_training(problem: RealTimeBidding) -> RealTimeBidding:
    """Training episodes of 50 decisions with the same money per auction; `BiddingFeatures` does not distinguish them.

    A critic has to see what one bid is worth beside all later ones; of a thousand that is lost in its error.
    """
    training = bidding_training(problem)
    decisions = min(training.horizon, 50)
    T = max(training.params.auctions * decisions // training.horizon, 1)
    low, high = (float(end[0]) * T / training.params.auctions for end in training.budget.arrays(training.resources))
    ticks = None if training.ticks is None else decisions
    return training.replace(T=T, ticks=ticks, budget=Budget({"money": (low, high)}, log=True))


def bids_from_pacing(problem: RealTimeBidding, observations: NDArray[np.float64], actions: NDArray[np.float32]) -> NDArray:
    """What the problem takes for a pacing exponent: itself, a bid, or a whole bid."""
    if problem.control == "pacing":
        return actions
    truthful = observations[:, :1] * problem.statistics.mean_price
    bids = np.clip(truthful * np.exp(4.0 * actions), 0.0, HIGHEST_PRICE)
    return bids.astype(np.int64)[:, 0] if isinstance(problem.action_space, spaces.Discrete) else bids.astype(np.float32)


def soft_bidding_training(problem: RealTimeBidding) -> RealTimeBidding:
    """As `short_bidding_training`, with money for the highest price in every auction."""
    training = short_bidding_training(problem)
    return training.replace(budget=float(HIGHEST_PRICE * training.params.auctions), budget_aware=False)


LEARNING = Learning(
    {
        "ppo": Configuration(
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
                "gae_lambda": 0.9,  # the critic is good, the clicks of later auctions are mostly noise
                "policy_kwargs": {
                    "log_std_init": -1.5,
                    "net_arch": [64, 64],
                },
            },
        ),
        "sac": Configuration(
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
                # One critic: the smaller of two takes noise for a reason to be careful.
                "policy_kwargs": {
                    "net_arch": [64, 64],
                    "n_critics": 1,
                },
            },
        ),
        "a2c": Configuration(
            training=short_bidding_training,
            decode=bids_from_pacing,
            features=bidding_features,
            timesteps=6_000_000,
            lanes=256,
            settings={
                **a2c.SETTINGS,
                "n_steps": 50,
                "gae_lambda": 0.9,
                "policy_kwargs": {"log_std_init": -1.5, "net_arch": [64, 64]},
            },
        ),
        "recurrent_ppo": Configuration(
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
        "lagrangian_ppo": Configuration(
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
    }
)
"""How learners are set up."""
