"""Masked PPO by sb3-contrib, on the native batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sb3_contrib import MaskablePPO
from stable_baselines3.common.vec_env import VecEnv

from ...baselines.core.policy import PolicyState, observation_rows
from ...envs.core.problem import Problem
from ...envs.core.sb3 import BudgetedSb3VecEnv
from .configuration import configuration_of
from .learner import Learner
from .masks import check_masks, observed_masks, reader_of_masks
from .ppo import Ppo


class MaskablePpo(Learner):
    """Proximal policy optimisation with masks (Huang & Ontanon, arXiv:2006.14171) by sb3-contrib.

    What can't be paid is never chosen, while learning and while deciding. Where the family says how, masks are read from
    observations, since a policy has nothing else when it decides; otherwise they come from the environment, and `predict` is
    given them as `action_masks`, as `evaluate` does.

    Args:
        problem: what to decide on.
        path: of a saved agent; without it the agent has to `learn` first.
        seed: of network, exploration and training episodes.
        overrides: replace settings of the configuration, such as `learning_rate` or `lanes`.

    Raises:
        ValueError: a problem without masks.
    """

    name = "maskable_ppo"
    algorithm = MaskablePPO
    policy = "MlpPolicy"
    default = Ppo.default

    @classmethod
    def check(cls, problem: Problem) -> None:
        """See `Policy.check`: what it learns on must have masks."""
        super().check(problem)
        check_masks(configuration_of(cls.name, problem, cls.default).training(problem))

    def __init__(self, problem: Problem, path: str | Path | None = None, seed: int = 0, **overrides: Any) -> None:
        super().__init__(problem, path, seed, **overrides)
        self.takes_masks = reader_of_masks(self.training) is None

    def make_venv(self, training: Problem, lanes: int) -> VecEnv:
        """The environment to learn in, with the masks that the policy will decide by."""
        shown = reader_of_masks(training) is not None
        return (MaskedVecEnv if shown else BudgetedSb3VecEnv)(training, lanes, seed=self._seed)

    def predict(
        self,
        observation: Any,
        state: PolicyState | None = None,
        episode_start: Any = None,
        deterministic: bool = True,
        action_masks: Any = None,
    ) -> tuple[NDArray[Any], PolicyState | None]:
        """The best of what the masks allow.

        Args:
            observation, state, episode_start, deterministic: see `Policy.predict`.
            action_masks: (number of actions,) or (n, number of actions); by default what the observation shows.

        Raises:
            ValueError: it has not learned yet, or there are no masks where observations don't show them.
        """
        model, rows = self.learned(), observation_rows(self.problem, observation)
        masks = observed_masks(self.training, rows) if action_masks is None else np.asarray(action_masks, bool)
        actions, _ = model.predict(rows, deterministic=deterministic, action_masks=masks)
        actions = self.configuration.decode(self.problem, rows, actions)
        return (actions[0] if np.ndim(observation) == 1 else actions), state


class MaskedVecEnv(BudgetedSb3VecEnv):
    """A batch whose masks are those that its observations show."""

    def action_masks(self) -> NDArray[np.bool_]:
        """Which actions can be executed now, as far as is observed, (n, number of actions)."""
        return observed_masks(self.problem, self._batch.observe())

    def has_attr(self, attr_name: str) -> bool:
        """As SB3 asks for it."""
        return attr_name == "action_masks" or super().has_attr(attr_name)
