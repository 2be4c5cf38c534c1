"""`latent_ppo`: PPO over a vector of values, of which the feasible action with the largest sum is played."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv

from ...baselines.restless.policies import RestlessPolicy
from ...envs.core.checks import one_of
from ...envs.core.problem import Problem
from ...envs.core.sb3 import BudgetedSb3VecEnv
from ...envs.restless.feasible.base import FeasibleSet
from ...envs.restless.kernels import payable_in_all
from ...envs.restless.problem import Restless
from ...envs.restless.reading import read_left
from ..learning.learner import Learner

DECODERS = ("greedy", "exact")


def decode(
    feasible: FeasibleSet, values: NDArray[np.float64], left: NDArray[np.int64], decoder: str = "greedy"
) -> NDArray[np.int64]:
    """The feasible actions (n, m) that values (n, m) stand for, with at most `left` (n,) pulls.

    Args:
        feasible: what can be done.
        values: of the components; those that are not positive are never chosen.
        left: pulls left of the total budget.
        decoder: "exact" maximises the sum of values; "greedy" takes the components by descending values, each if it still
            fits, in microseconds. Where every component fits alone or counts the same, both are one.
    """
    if one_of("decoder", decoder, DECODERS) == "exact":
        return np.stack([feasible.maximise(row, int(most)) for row, most in zip(values, left, strict=True)])
    actions = np.empty(values.shape, np.int64)
    orders = np.argsort(-values, axis=1, kind="stable")
    limits = np.minimum(left, feasible.most)  # few different ones: mostly the total budget does not bind
    for most in np.unique(limits):
        lanes = limits == most
        actions[lanes] = feasible.project(values[lanes] > 0.0, orders[lanes], int(most))
    return actions


class LatentVecEnv(BudgetedSb3VecEnv):
    """The problem with values as actions, Box(-1, 1, (m,))."""

    problem: Restless

    def __init__(self, problem: Restless, n_envs: int, *, seed: int | None = None, decoder: str = "greedy") -> None:
        super().__init__(problem, n_envs, seed=seed)
        self.action_space = latent_space(problem)
        self._decoder = decoder

    def step_async(self, actions: np.ndarray) -> None:
        """Take the values, (n, m), and let them become actions."""
        left = payable_in_all(self._batch.state, self.problem.feasible.m)
        super().step_async(decode(self.problem.feasible, np.asarray(actions, float), left, self._decoder))


def latent_space(problem: Restless) -> spaces.Box:
    """The space of values: only their order and their signs matter, so any scale will do."""
    return spaces.Box(-1.0, 1.0, (problem.feasible.m,), np.float32)


class LatentPpo(Learner, RestlessPolicy):
    """Proximal policy optimisation by Stable-Baselines3 over values that a maximiser turns into a feasible action.

    The idea is that of LSFlow (arXiv:2601.22211), with a Gaussian in the place of the flow: the policy decides what every
    component is worth now, and the feasible action with the largest sum is played.

    Args:
        problem: a restless bandit whose observations show time and budget.
        path: of a saved agent; without it the agent has to `learn` first.
        seed: of network, exploration and training episodes.
        decoder: "greedy" or "exact", see `decode`; by default what a saved agent has learned with, else greedy, since the
            exact one takes milliseconds for every decision on large sets.
        overrides: replace settings of the configuration, such as `learning_rate` or `lanes`.

    Raises:
        ValueError: another family, observations without time and budget, or an unknown decoder.
    """

    name = "latent_ppo"
    algorithm = PPO
    policy = "MlpPolicy"

    @classmethod
    def check(cls, problem: Problem) -> None:
        """See `Policy.check`: a restless bandit that shows time and budget."""
        super(Learner, cls).check(problem)  # what it learns in takes any action

    def __init__(
        self,
        problem: Problem,
        path: str | Path | None = None,
        seed: int = 0,
        decoder: str | None = None,
        **overrides: Any,
    ) -> None:
        self._asked = decoder
        Learner.__init__(self, problem, path, seed, **overrides)

    def choose(self, saved: Mapping[str, Any]) -> None:
        """The decoder."""
        asked = saved.get("decoder", "greedy") if self._asked is None else self._asked
        self.decoder = one_of("decoder", asked, DECODERS)

    @property
    def choices(self) -> dict[str, Any]:
        """The decoder."""
        return {"decoder": self.decoder}

    def make_venv(self, training: Any, lanes: int) -> VecEnv:
        """The problem with values as actions."""
        return LatentVecEnv(training, lanes, seed=self._seed, decoder=self.decoder)

    def decide(self, rows: NDArray[np.float64], deterministic: bool) -> NDArray[Any]:
        """What the values of the policy stand for."""
        values, _ = self.model.predict(rows, deterministic=deterministic)
        actions = decode(self.problem.feasible, values.astype(float), read_left(self.problem.reading, rows), self.decoder)
        return actions.astype(self.problem.action_space.dtype)
