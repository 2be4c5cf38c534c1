"""Keeping the best of the policies that learning goes through."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from ....envs.core.batch import Batch, episode_keys


class KeepBest(BaseCallback):
    """Plays episodes that are set aside, always the same, at times while learning; in the end the best policy is restored.

    Args:
        times: how often, from the beginning to the end.
        episodes: each time.
        seed: of the episodes; no training or evaluation of the suite plays these.
    """

    def __init__(self, times: int = 12, episodes: int = 200, seed: int = 987_654_321) -> None:
        super().__init__()
        self._times, self._episodes, self._seed = times, episodes, seed
        self._best, self._kept = -np.inf, None

    def _on_training_start(self) -> None:
        self._best, self._kept = -np.inf, None
        self._begun, self._next = self.num_timesteps, 0.0

    def _on_step(self) -> bool:
        progress = 1.0 - self._model._current_progress_remaining
        if progress >= self._next:
            self._look()
            self._next += 1.0 / self._times
        return True

    def _on_training_end(self) -> None:
        self._look()
        if self._kept is not None:
            self._model.policy.load_state_dict(self._kept)

    @property
    def _model(self) -> Any:
        return self.model

    def _look(self) -> None:
        value = self._mean_return()
        self.logger.record("eval/mean_return", value)
        if value > self._best:
            self._best, self._kept = value, copy.deepcopy(self._model.policy.state_dict())

    def _mean_return(self) -> float:
        problem = self._model.policy.problem
        batch = Batch(problem, self._episodes)
        batch.seed(episode_keys(self._seed, self._episodes))
        batch.reset()
        rows, total = batch.observe(), 0.0
        while not batch.state.finished.all():
            step = batch.step(batch.read_actions(self._model.policy.best_actions(rows).astype(np.int8)))
            rows, total = step.observation, total + float(step.reward.sum())
        return total / self._episodes
