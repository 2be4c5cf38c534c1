"""`sequential_ppo`: masked PPO that chooses the components of an action one after another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sb3_contrib import MaskablePPO
from stable_baselines3.common.vec_env import VecEnv

from ...baselines.restless.policies import RestlessPolicy
from ...envs.core.problem import Problem
from ...envs.restless.reading import read_left
from ..learning.learner import Learner
from .sequential_env import PartialActions, SequentialVecEnv, with_built


class SequentialPpo(Learner, RestlessPolicy):
    """Proximal policy optimisation with masks (Huang & Ontanon, arXiv:2006.14171) by sb3-contrib.

    An action is a sequence of micro-steps, each of which adds a component that still fits, or says "done"; so the policy
    can express every feasible action and no other, and no maximiser is needed. A decision counts as many timesteps as it has
    micro-steps.

    Args:
        problem: a restless bandit whose observations show time and budget.
        path: of a saved agent; without it the agent has to `learn` first.
        seed: of network, exploration and training episodes.
        overrides: replace settings of the configuration, such as `learning_rate` or `lanes`.

    Raises:
        ValueError: another family, or observations without time and budget.
    """

    name = "sequential_ppo"
    algorithm = MaskablePPO
    policy = "MlpPolicy"

    @classmethod
    def check(cls, problem: Problem) -> None:
        """See `Policy.check`: a restless bandit that shows time and budget."""
        super(Learner, cls).check(problem)  # what it learns in takes any action

    def __init__(self, problem: Problem, path: str | Path | None = None, seed: int = 0, **overrides: Any) -> None:
        Learner.__init__(self, problem, path, seed, **overrides)

    def make_venv(self, training: Any, lanes: int) -> VecEnv:
        """The problem in micro-steps."""
        return SequentialVecEnv(training, lanes, seed=self._seed)

    def decide(self, rows: NDArray[np.float64], deterministic: bool) -> NDArray[Any]:
        """Build the actions for all observations (n, d) side by side; those that are complete drop out."""
        actions = np.zeros((len(rows), self.problem.feasible.m), self.problem.action_space.dtype)
        partial = PartialActions(self.problem.feasible, len(rows))
        partial.begin(np.ones(len(rows), np.bool_), read_left(self.problem.reading, rows))
        building = partial.open.any(axis=1)
        done = self.problem.feasible.m
        while building.any():
            lanes = np.flatnonzero(building)
            seen, masks = with_built(rows[lanes], partial.chosen[lanes]), partial.masks()[lanes]
            choices = np.full(len(rows), done)
            choices[lanes], _ = self.model.predict(seen, deterministic=deterministic, action_masks=masks)
            building &= ~partial.add(choices)
        actions[:] = partial.chosen
        return actions
