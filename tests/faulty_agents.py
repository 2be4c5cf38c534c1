"""Agents that break, for the leaderboard: registered when they are imported."""

import os

from budgetgym import register_agent
from budgetgym.baselines.traptree.policies import Greedy


class Breaks(Greedy):
    def predict(self, *arguments, **settings):
        raise RuntimeError("out of luck")


class Dies(Greedy):
    def predict(self, *arguments, **settings):
        os._exit(7)


register_agent("breaks", "traptree", Breaks, "raises an error")
register_agent("dies", "traptree", Dies, "takes its process with it")
