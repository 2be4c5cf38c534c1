"""The two sides of a society as Stable-Baselines3 sees them: its agents, or its planner, with the other side given."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ..core.worlds import WorldsVecEnv
from .batch import SocietyBatch
from .game import Society


class Predicts(Protocol):
    """A policy of the other side: any of the suite's, or a model of SB3."""

    def predict(self, observation: Any) -> tuple[NDArray[Any], Any]:
        """Actions for a batch of observations (n, d)."""
        ...


class _SocietyVecEnv(WorldsVecEnv):
    """What both sides share: the worlds."""

    def __init__(self, game: Society, n_worlds: int, lanes: int, observed: spaces.Space[Any], acts: spaces.Space[Any]) -> None:
        self.game = game
        self._batch = SocietyBatch(game, n_worlds)
        super().__init__(n_worlds, lanes, observed, acts)

    def _begin(self) -> NDArray[np.float64]:
        """New episodes, with the seeds set before: a world has that of its first lane."""
        if (seeds := self._take_seeds()) is not None:
            self._batch.seed(seeds)
        return self._batch.reset()


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

    def reset(self) -> NDArray[np.float32]:
        """Start new episodes; the first cohorts are up."""
        return self._committed(self._begin())

    def step_wait(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """The cohorts act, and the next ones are up."""
        assert self._actions is not None
        outcome = self._batch.act(self._actions.reshape(self._batch.n_worlds, -1))
        rewards = outcome.reward.ravel()
        infos = [self._last_info(reward, 1, seen) for reward, seen in zip(rewards, self._seen, strict=True)]
        observation = self._committed(self._batch.reset() if self._batch.finished else outcome.observation)
        return observation, rewards.astype(np.float32), np.ones(self.num_envs, np.bool_), infos

    def _committed(self, observation: NDArray[np.float64]) -> NDArray[np.float32]:
        self._seen = self._batch.commit(self.planner.predict(observation)[0]).reshape(self.num_envs, -1)
        return self._seen.astype(np.float32)


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

    def reset(self) -> NDArray[np.float32]:
        """Start new episodes."""
        self._returns[:] = 0.0
        return self._begin().astype(np.float32)

    def step_wait(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
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
            infos = [self._last_info(r, batch.round, last) for r, last in zip(self._returns, observation, strict=True)]
            self._returns[:] = 0.0
            observation = batch.reset()
        return observation.astype(np.float32), reward.astype(np.float32), np.full(self.num_envs, finished), infos
