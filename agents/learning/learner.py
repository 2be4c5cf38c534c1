"""What the learners of Stable-Baselines3 share: the native batch, and a configuration per environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import CallbackList
from stable_baselines3.common.type_aliases import MaybeCallback
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from ...baselines.core.policy import Information, Policy, PolicyState
from ...envs.core.checks import at_most
from ...envs.core.problem import Problem
from ...envs.core.resolve import as_problem
from ...envs.core.sb3 import BudgetedSb3VecEnv
from .configuration import Configuration, configuration_of

MOST_TIMESTEPS = 10**12
"""Decisions that anyone can wait for."""


class Learner(Policy):
    """An algorithm of Stable-Baselines3 with a configuration per family; see `Ppo` and `Sac`.

    Attributes:
        name: by which configurations are found.
        algorithm, policy: of Stable-Baselines3.
        default: how families are learned that say nothing of this learner; None if each has to.
    """

    information: ClassVar[Information] = "model"
    name: ClassVar[str]
    algorithm: ClassVar[Any]
    policy: ClassVar[Any]
    default: ClassVar[Configuration | None] = None

    def __init__(self, problem: Problem, path: str | Path | None = None, seed: int = 0, **overrides: Any) -> None:
        self.check(problem)
        self.problem = problem
        self.configuration = self.configuration_for(problem)
        self._overrides = overrides
        self._seed = seed
        self.model: Any = None if path is None else self.algorithm.load(_existing(path), device="cpu")

    @classmethod
    def check(cls, problem: Problem) -> None:
        """See `Policy.check`: there must be a configuration, and what it learns on must take any action."""
        super().check(problem)
        training = configuration_of(cls.name, problem, cls.default).training(problem)
        if training.refuses_actions:
            raise ValueError("it may choose actions that are not feasible, which the environment refuses")

    def configuration_for(self, problem: Problem) -> Configuration:
        """The configuration of the problem's family, or else the learner's own; ValueError if there is neither."""
        return configuration_of(self.name, problem, self.default)

    def make_venv(self, training: Problem, lanes: int) -> VecEnv:
        """The environment to learn in, with `lanes` episodes side by side."""
        return BudgetedSb3VecEnv(training, lanes, seed=self._seed)

    def scaled(self, venv: VecEnv) -> VecEnv:
        """Rewards scaled by their own spread: in money, theta or clicks they are nowhere near 1."""
        return VecNormalize(venv, norm_obs=False, norm_reward=True, gamma=0.999, clip_reward=np.inf)

    def learn(self, total_timesteps: int | None = None, callback: MaybeCallback = None, progress_bar: bool = False) -> Self:
        """Train for `total_timesteps` decisions, by default those of the configuration; a loaded agent goes on learning."""
        configuration = self.configuration
        settings = {**configuration.settings, **self._overrides}
        lanes = settings.pop("lanes", configuration.lanes)
        if self.model is not None:
            lanes = self._lanes_of(self.model)
        training = configuration.training(self.problem).truncated(self.problem.max_episode_steps)
        venv = self.scaled(self.make_venv(training, lanes))
        if self.model is None:
            own, given = configuration.settings.get("policy_kwargs", {}), self._overrides.get("policy_kwargs", {})
            settings["policy_kwargs"] = {**own, **configuration.features(training), **given}
            self.model = self.algorithm(self.policy, venv, seed=self._seed, device="cpu", **settings)
        else:
            self.model.set_env(venv)
            self.model.tensorboard_log = settings.get("tensorboard_log", self.model.tensorboard_log)
        given = [] if callback is None else callback if isinstance(callback, list) else [callback]
        callbacks = [*configuration.callbacks(), *given]
        steps = configuration.timesteps if total_timesteps is None else at_most("timesteps", total_timesteps, MOST_TIMESTEPS)
        self.model.learn(steps, callback=CallbackList(callbacks), progress_bar=progress_bar)
        return self

    def _lanes_of(self, model: Any) -> int:
        """The lanes that a model has, which it can't change: its rollouts have their shape."""
        asked = self._overrides.get("lanes", model.n_envs)
        if asked != model.n_envs:
            raise ValueError(f"lanes is {asked}; this agent has learned with {model.n_envs}, and can only go on with as many")
        return asked

    def predict(
        self,
        observation: Any,
        state: PolicyState | None = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[Any], PolicyState | None]:
        """Decide; see `Policy.predict`.

        Raises:
            ValueError: it has not learned yet.
        """
        self.learned()
        actions = self.decide(np.atleast_2d(np.asarray(observation, float)), deterministic)
        return (actions[0] if np.ndim(observation) == 1 else actions), state

    def learned(self) -> Any:
        """The model that has learned.

        Raises:
            ValueError: it has not learned yet.
        """
        if self.model is None:
            trained = f"{self.name}:path=runs/{self.name}.zip"
            raise ValueError(f"{self.name} has not learned: call learn(), or load what was trained, as in {trained!r}")
        return self.model

    def decide(self, rows: NDArray[np.float64], deterministic: bool) -> NDArray[Any]:
        """The actions of the problem for a batch of observations (n, d), by the model that has learned."""
        actions, _ = self.model.predict(rows, deterministic=deterministic)
        return self.configuration.decode(self.problem, rows, actions)

    def save(self, path: str | Path) -> None:
        """Save the model as SB3 does; its own `load` reads it too."""
        if self.model is None:
            raise ValueError(f"{self.name} has not learned: there is nothing to save")
        self.model.save(path)

    @classmethod
    def load(cls, path: str | Path, env: Any) -> Self:
        """A saved agent, to decide on `env` (an environment of the suite, any face)."""
        return cls(as_problem(env), path)

    def set_random_seed(self, seed: int | None = None) -> None:
        """Seed exploration and training episodes."""
        self._seed = 0 if seed is None else seed
        if self.model is not None:
            self.model.set_random_seed(seed)


def _existing(path: str | Path) -> Path:
    """The file of a saved agent, whether its name was given with .zip or without."""
    for candidate in (Path(path), Path(f"{path}.zip")):
        if candidate.is_file():
            return candidate
    raise FileNotFoundError(f"path is {str(path)!r}; expected the file of a saved agent")
