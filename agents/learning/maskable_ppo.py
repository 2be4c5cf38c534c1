"""Masked PPO by sb3-contrib, on the native batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sb3_contrib import MaskablePPO
from stable_baselines3.common.vec_env import VecEnv

from ...envs.core.problem import Problem
from ...envs.core.sb3 import BudgetedSb3VecEnv
from .learner import Learner
from .masks import check_masks, observed_masks


class MaskablePpo(Learner):
    """Proximal policy optimisation with masks (Huang & Ontanon, arXiv:2006.14171) by sb3-contrib.

    What can't be paid is never chosen, while learning and while deciding. Masks are read from observations, since a policy
    has nothing else when it decides; see `budgetgym.agents.learning.masks`.

    Args:
        problem: what to decide on.
        path: of a saved agent; without it the agent has to `learn` first.
        seed: of network, exploration and training episodes.
        overrides: replace settings of the configuration, such as `learning_rate` or `lanes`.

    Raises:
        ValueError: no configuration for the family, or a problem without masks.
    """

    name = "maskable_ppo"
    algorithm = MaskablePPO
    policy = "MlpPolicy"

    def __init__(self, problem: Problem, path: str | Path | None = None, seed: int = 0, **overrides: Any) -> None:
        super().__init__(problem, path, seed, **overrides)
        self._training = self.configuration.training(problem)
        check_masks(self._training)

    def make_venv(self, training: Problem, lanes: int) -> VecEnv:
        """The environment to learn in, with masks that observations tell."""
        return MaskedVecEnv(training, lanes, seed=self._seed)

    def decide(self, rows: NDArray[np.float64], deterministic: bool) -> NDArray[Any]:
        """The best of what the masks allow."""
        masks = observed_masks(self._training, rows)
        actions, _ = self.model.predict(rows, deterministic=deterministic, action_masks=masks)
        return self.configuration.decode(self.problem, rows, actions)


class MaskedVecEnv(BudgetedSb3VecEnv):
    """A batch whose masks are those that its observations tell."""

    def action_masks(self) -> NDArray[np.bool_]:
        """Which actions can be executed now, as far as is observed, (n, number of actions)."""
        return observed_masks(self.problem, self._batch.observe())

    def has_attr(self, attr_name: str) -> bool:
        """As SB3 asks for it."""
        return attr_name == "action_masks" or super().has_attr(attr_name)
