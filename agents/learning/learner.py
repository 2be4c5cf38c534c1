"""What the learners of Stable-Baselines3 share: the native batch, and a configuration per environment."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import BaseCallback, CallbackList, ConvertCallback
from stable_baselines3.common.type_aliases import MaybeCallback
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from ...baselines.core.policy import Information, Policy, PolicyState
from ...envs.core.checks import MOST_TIMESTEPS, is_number, natural, positive_integer
from ...envs.core.problem import Problem
from ...envs.core.resolve import as_problem
from ...envs.core.sb3 import BudgetedSb3VecEnv
from ...envs.core.versions import versions
from ...envs.hints import near
from . import saved as files
from .configuration import Configuration, configuration_of
from .saved import Fit, Saved

COUNTS = ("num_timesteps", "_n_updates", "_n_calls", "_episode_num", "is_warm")
"""What SB3's algorithms and ours count, and whether a warm start is done."""

OURS = {"self", "policy", "env", "seed", "device", "_init_setup_model"}
"""Arguments of SB3's classes that the learner itself gives."""

WHOLE = ("lanes", "n_steps", "batch_size", "n_epochs", "buffer_size", "target_update_interval")
"""Settings of SB3's that are integers >= 1, which it does not check: a batch of -1 would never end."""


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
        self._seed = natural("seed", seed, 2**32 - 1)
        self._check_settings(overrides)
        self._overrides, self._left_out = overrides, []
        file = None if path is None else _existing(path)
        saved = None if file is None else self._read(file)
        self.choose({} if saved is None else saved.choices)
        self.configuration = self.configuration_for(problem)
        self.model: Any = None
        if file is not None and saved is not None:
            self._restore(file, saved)

    @classmethod
    def check(cls, problem: Problem) -> None:
        """See `Policy.check`: there must be a configuration, and what it learns on must take any action."""
        super().check(problem)
        training = configuration_of(cls.name, problem, cls.default).training(problem)
        if training.refuses_actions:
            raise ValueError("it may choose actions that are not feasible, which the environment refuses")

    @classmethod
    def _check_settings(cls, overrides: Mapping[str, Any]) -> None:
        """Refuse what SB3's class does not take, or would stumble over while it learns.

        Raises:
            ValueError: an unknown setting, or not a number where one is needed.
        """
        bases = [base for base in cls.algorithm.__mro__ if "__init__" in vars(base)]
        parameters: dict[str, Any] = {}
        for base in bases:  # `**settings` stands for those of the base class
            own = inspect.signature(base.__init__).parameters
            parameters = {**own, **parameters}
            if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in own.values()):
                break
        known = {"lanes", *(name for name, p in parameters.items() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL))} - OURS
        for name, value in overrides.items():
            if name not in known:
                raise ValueError(f"{cls.name} has no setting {name!r}{near(name, sorted(known))}")
            default = parameters[name].default if name in parameters else 1
            if is_number(default) and (isinstance(value, str | bool) or value is None):
                raise ValueError(f"{name} is {value!r}; expected a number")
        if not isinstance(network := overrides.get("policy_kwargs", {}), Mapping):
            raise ValueError(f"policy_kwargs is {network!r}; expected a mapping")
        for name in WHOLE:
            if name in overrides:
                positive_integer(name, overrides[name])

    def choose(self, saved: Mapping[str, Any]) -> None:
        """Settle the agent's own arguments that `choices` names, those of a saved agent or else {}; before anything else."""

    @property
    def choices(self) -> dict[str, Any]:
        """The agent's own arguments that a saved one remembers."""
        return {}

    def configuration_for(self, problem: Problem) -> Configuration:
        """The configuration of the problem's family, or else the learner's own; ValueError if there is neither."""
        return configuration_of(self.name, problem, self.default)

    @cached_property
    def training(self) -> Problem:
        """The problem to learn on."""
        return self.configuration.training(self.problem).truncated(self.problem.max_episode_steps)

    def make_venv(self, training: Problem, lanes: int) -> VecEnv:
        """The environment to learn in, with `lanes` episodes side by side."""
        return BudgetedSb3VecEnv(training, lanes, seed=self._seed)

    def scaled(self, venv: VecEnv) -> VecEnv:
        """Rewards scaled by their own spread: in money, theta or clicks they are nowhere near 1."""
        return VecNormalize(venv, norm_obs=False, norm_reward=True, gamma=0.999, clip_reward=np.inf)

    def learn(self, total_timesteps: int | None = None, callback: MaybeCallback = None, progress_bar: bool = False) -> Self:
        """Train for `total_timesteps` decisions more, by default those of the configuration.

        An agent that has learned before, in this process or in another one, goes on: it keeps its counts, and with them
        schedules go on too.

        Raises:
            ValueError: a saved agent was made with settings that no file can hold, and they were not given again.
        """
        configuration = self.configuration
        steps = (
            configuration.timesteps if total_timesteps is None else natural("total_timesteps", total_timesteps, MOST_TIMESTEPS)
        )
        if self._left_out:
            raise ValueError(
                f"this {self.name} was made with settings that a file can't hold ({', '.join(self._left_out)}); "
                "to go on, give them again beside path"
            )
        if self.model is None:
            self.model = self._new_model(self._seed)
        given = [] if callback is None else callback if isinstance(callback, list) else [callback]
        wrapped = [one if isinstance(one, BaseCallback) else ConvertCallback(one) for one in given]
        callbacks = CallbackList([*configuration.callbacks(), *wrapped])
        begins = self.model.num_timesteps == 0
        self.model.learn(steps, callback=callbacks, progress_bar=progress_bar, reset_num_timesteps=begins)
        return self

    def _new_model(self, seed: int) -> Any:
        """A model that has not learned anything, in its environment.

        Raises:
            ValueError: settings that can't be meant.
        """
        configuration = self.configuration
        settings = {**configuration.settings, **self._overrides}
        lanes = settings.pop("lanes", configuration.lanes)
        own, given = configuration.settings.get("policy_kwargs", {}), self._overrides.get("policy_kwargs", {})
        settings["policy_kwargs"] = {**own, **configuration.features(self.training), **given}
        venv = self.scaled(self.make_venv(self.training, lanes))
        try:
            return self.algorithm(self.policy, venv, seed=seed, device="cpu", **settings)
        except (AssertionError, ArithmeticError, TypeError, AttributeError, KeyError) as error:
            changed = ", ".join(f"{name}={value!r}" for name, value in self._overrides.items())
            if not changed:
                raise
            raise ValueError(f"{self.name} can't be made with {changed}: {error or type(error).__name__}") from error

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

    # --- files ------------------------------------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Save the model as SB3 does, whole or not at all, with what it was made for; a path without suffix gets ".zip".

        SB3's own `load` reads the file too.

        Raises:
            ValueError: it has not learned yet.
            OSError: the file can't be written.
        """
        if self.model is None:
            raise ValueError(f"{self.name} has not learned: there is nothing to save")
        settings = {name: value for name, value in self._overrides.items() if name != "tensorboard_log"}
        kept, left_out = files.plain(settings)
        said = Saved(
            agent=self.name,
            fit=self.fit(),
            choices=self.choices,
            settings=kept,
            left_out=[*left_out, *self._left_out],
            seed=self.model.seed,
            progress=self.progress(),
            instance=self.problem.instance,
            problem_settings=files.settings_of(self.problem),
            versions=versions(),
        )
        path = Path(path)
        files.save(path if path.suffix else path.with_suffix(".zip"), self.model, said)

    @classmethod
    def load(cls, path: str | Path, env: Any) -> Self:
        """A saved agent, to decide on `env` (an environment of the suite, any face).

        No code of the file is run: unlike SB3's `load`, this unpickles nothing.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it was not saved by this learner, or for other problems than this one.
        """
        return cls(as_problem(env), path)

    def _read(self, path: Path) -> Saved:
        saved = files.read(path)
        if saved.agent != self.name:
            raise ValueError(f"{path} was saved by {saved.agent}, not by {self.name}; load it as '{saved.agent}:path={path}'")
        return saved

    def fit(self) -> Fit:
        """What must be the same where this agent is to decide."""
        chooses = self.make_venv(self.training, 1) if self.model is None else self.model
        return Fit.of(self.problem, self.training, chooses.action_space)

    def _restore(self, path: Path, saved: Saved) -> None:
        """Make the model as it was when it was saved.

        Raises:
            ValueError: it was made for other problems than this one.
        """
        if misfit := saved.fit.misfit(self.fit()):
            raise ValueError(f"{path} has learned on {saved.instance}, and does not fit {self.problem.instance}: {misfit}")
        self._left_out = [name for name in saved.left_out if name not in self._overrides]
        if "policy_kwargs" in self._left_out:
            raise ValueError(
                f"{path} was made with policy_kwargs that a file can't hold; give them again, as in "
                f"make_agent({self.name!r}, env, path={str(path)!r}, policy_kwargs=...)"
            )
        self._overrides = {**saved.settings, **self._overrides}
        # Other episodes than those that it has learned from.
        model = self._new_model((self._seed + saved.progress["counts"]["num_timesteps"]) % 2**32)
        files.weights(path, model)
        model.seed = saved.seed
        self.model = model
        self.go_on_from(saved.progress)

    def progress(self) -> dict[str, Any]:
        """What going on needs besides weights and the optimiser's state, as JSON can hold it."""
        counts = {name: getattr(self.model, name) for name in COUNTS if hasattr(self.model, name)}
        scale = self.model.get_vec_normalize_env()
        moments = {} if scale is None else {name: float(getattr(scale.ret_rms, name)) for name in ("mean", "var", "count")}
        return {"counts": counts, "rewards": moments}

    def go_on_from(self, progress: Mapping[str, Any]) -> None:
        """Put the model where `progress` was taken."""
        model = self.model
        for name, value in progress["counts"].items():
            setattr(model, name, value)
        if (scale := model.get_vec_normalize_env()) is not None:
            for name, value in progress["rewards"].items():
                setattr(scale.ret_rms, name, np.float64(value))
        if hasattr(model, "learning_starts"):  # the replay is not saved, and fills first
            model.learning_starts += model.num_timesteps

    def set_random_seed(self, seed: int | None = None) -> None:
        """Seed exploration and training episodes."""
        self._seed = 0 if seed is None else natural("seed", seed, 2**32 - 1)
        if self.model is not None:
            self.model.set_random_seed(seed)


def _existing(path: str | Path) -> Path:
    """The file of a saved agent, whether its name was given with .zip or without."""
    if not isinstance(path, str | os.PathLike):
        raise ValueError(f"path is {path!r}; expected the path of a saved agent")
    for candidate in (Path(path), Path(f"{path}.zip")):
        if candidate.is_file():
            return candidate
    raise FileNotFoundError(f"path is {str(path)!r}; expected the file of a saved agent")
