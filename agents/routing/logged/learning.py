"""How learners are set up on replayed routing logs."""

from __future__ import annotations

from ....envs.routing.logged.problem import LoggedRouting
from ...learning.configuration import Configuration, Learning, budgets_around


def logged_training(problem: LoggedRouting) -> LoggedRouting:
    """Random queries of what routers may learn from, with budgets around the problem's own.

    That is the training part. Where all is played, or the training part itself, it is that (hindsight, and results say so).
    """
    settings = {"split": "train"} if problem.settings.get("split", "test") == "test" else {}
    return problem.replace(**settings, shuffled=True, budget=budgets_around(problem, 2.0), share=None)


LEARNING = Learning(
    {
        "ppo": Configuration(
            training=logged_training,
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
    }
)
"""How learners are set up."""
