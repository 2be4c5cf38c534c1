"""The two sides of a society as Stable-Baselines3 sees them: its agents, or its planner, with the other side given."""

from __future__ import annotations

import time
from typing import Any, Protocol

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices

from .batch import SocietyBatch
from .game import Society


class Predicts(Protocol):
    """A policy of the other side: any of the suite's, or a model of SB3."""

    def predict(self, observation: Any) -> tuple[NDArray[Any], Any]:
        """Actions for a batch of observations (n, d)."""
        ...


class _SocietyVecEnv(VecEnv):
    """What both sides share: the worlds, and the rest of the protocol."""

    def __init__(self, game: Society, n_worlds: int, lanes: int, observed: spaces.Space[Any], acts: spaces.Space[Any]) -> None:
        self.game = game
        self.render_mode = None
        self._batch = SocietyBatch(game, n_worlds)
        self._actions: NDArray[Any] | None = None
        self._start = time.monotonic()
        super().__init__(lanes, observed, acts)

    def _begin(self) -> NDArray[np.float64]:
        """New episodes, with the seeds set before: a world has that of its first lane."""
        if any(seed is not None for seed in self._seeds):
            self._batch.seed(self._seeds[:: self.num_envs // self._batch.n_worlds])
        self._reset_seeds()
        self._reset_options()
        self.reset_infos = [{} for _ in range(self.num_envs)]
        return self._batch.reset()

    def _end(self, returned: float, length: int, last: NDArray[np.float64]) -> dict[str, Any]:
        episode = {"r": float(returned), "l": length, "t": round(time.monotonic() - self._start, 6)}
        return {"episode": episode, "terminal_observation": last.copy(), "TimeLimit.truncated": False}

    def step_async(self, actions: np.ndarray) -> None:
        """Take the actions, one per lane."""
        self._actions = actions

    def close(self) -> None:
        """Nothing to release."""

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """An attribute of this environment, once per lane."""
        return [getattr(self, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Lanes share their worlds: nothing can be set for one of them alone."""
        raise AttributeError(f"{attr_name!r} can't be set: lanes share their worlds; make another environment")

    def env_method(self, method_name: str, *args: Any, indices: VecEnvIndices = None, **kwargs: Any) -> list[Any]:
        """A method of this environment, called once, its result once per lane."""
        return [getattr(self, method_name)(*args, **kwargs)] * len(list(self._get_indices(indices)))

    def env_is_wrapped(self, wrapper_class: type, indices: VecEnvIndices = None) -> list[bool]:
        """Lanes are wrapped by nothing."""
        return [False] * len(list(self._get_indices(indices)))


class AgentsVecEnv(_SocietyVecEnv):
    """All agents of all worlds, one after another, as lanes: one network learns to be any of them.

    An agent acts once, so an episode has one step. Lane w * M + j is the j-th of the cohort of M that is up in world w.

    Args:
        game: the society.
        n_worlds: W.
        planner: commits the precisions.
        seed: of the worlds.
    """

    def __init__(self, game: Society, n_worlds: int, planner: Predicts, seed: int | None = None) -> None:
        lanes = n_worlds * game.cohort
        super().__init__(game, n_worlds, lanes, game.agent_observation_space, spaces.Discrete(2))
        self.planner = planner
        self._seen = np.empty((lanes, len(game.agent_observation_names)))
        if seed is not None:
            self.seed(seed)

    def reset(self) -> NDArray[np.float64]:
        """Start new episodes; the first cohorts are up."""
        return self._committed(self._begin())

    def step_wait(self) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """The cohorts act, and the next ones are up."""
        assert self._actions is not None
        outcome = self._batch.act(self._actions.reshape(self._batch.n_worlds, -1))
        rewards = outcome.reward.ravel()
        infos = [self._end(reward, 1, seen) for reward, seen in zip(rewards, self._seen, strict=True)]
        observation = self._committed(self._batch.reset() if self._batch.finished else outcome.observation)
        return observation, rewards.astype(np.float32), np.ones(self.num_envs, np.bool_), infos

    def _committed(self, observation: NDArray[np.float64]) -> NDArray[np.float64]:
        self._seen = self._batch.commit(self.planner.predict(observation)[0]).reshape(self.num_envs, -1)
        return self._seen.copy()


class PlannerVecEnv(_SocietyVecEnv):
    """The planners of all worlds as lanes, with given agents: Bayesian ones, or ones who have learned.

    Args:
        game: the society.
        n_worlds: W, the number of lanes.
        agents: act on their observations (n, d).
        seed: of the worlds.
    """

    def __init__(self, game: Society, n_worlds: int, agents: Predicts, seed: int | None = None) -> None:
        super().__init__(game, n_worlds, n_worlds, game.planner.observation_space, game.planner.action_space)
        self.agents = agents
        self._returns = np.zeros(n_worlds)
        if seed is not None:
            self.seed(seed)

    def reset(self) -> NDArray[np.float64]:
        """Start new episodes."""
        self._returns[:] = 0.0
        return self._begin()

    def step_wait(self) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """A precision is committed, and its cohort acts."""
        assert self._actions is not None
        batch = self._batch
        seen = batch.commit(self._actions)
        actions, _ = self.agents.predict(seen.reshape(-1, seen.shape[-1]))
        observation, reward, _ = batch.act(np.asarray(actions).reshape(seen.shape[:2]))
        self._returns += reward
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        finished = batch.finished
        if finished:
            infos = [self._end(r, batch.round, last) for r, last in zip(self._returns, observation, strict=True)]
            self._returns[:] = 0.0
            observation = batch.reset()
        return observation, reward.astype(np.float32), np.full(self.num_envs, finished), infos
