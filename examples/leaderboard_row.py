"""A row of your own on the leaderboard: a policy, its registration, and nothing else. In the folder of this file:

budgetgym --import leaderboard_row leaderboard --envs budgetgym/AgenticRouting-v0 --agents random,first_large,even_pace
"""

import budgetgym
import numpy as np
from budgetgym.baselines.core.policy import Policy


class EvenPace(Policy):
    """The large model whenever at least as much of the budget is left as of the time."""

    def __init__(self, problem, slack: float = 0.0) -> None:
        self.problem, self.slack = problem, slack

    def predict(self, observation, state=None, episode_start=None, deterministic=True):
        money, time = np.moveaxis(np.asarray(observation)[..., -2:], -1, 0)
        return (money >= time - self.slack).astype(np.int64), state


budgetgym.register_agent("even_pace", "routing", EvenPace, "large calls at an even pace: even_pace:slack=0.1")
