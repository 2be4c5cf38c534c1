"""Automatic discount scheduling (Huang et al., ICLR 2024, arXiv:2310.07433): look no further ahead than what is mastered.

Who imitates step by step, and is rewarded for it, must not be tempted by what comes much later before the first steps are
right. The discount begins low and rises with the progress k, the number of first steps in which the agent follows the
demonstrations: gamma = alpha^(1/k), by which a reward after k steps counts alpha.
"""

from __future__ import annotations

import bisect
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from ...baselines.core.policy import Policy
from ...envs.core.batch import Batch, episode_keys
from ...envs.core.checks import MOST_LANES, one_of, positive_integer, probability
from ...envs.core.problem import Problem

DISTANCES = ("cosine", "euclidean")


def discount_of(progress: int, alpha: float = 0.2) -> float:
    """The discount at progress k >= 1: alpha^(1/k)."""
    return alpha ** (1.0 / progress)


def longest_increasing(numbers: Iterable[float]) -> int:
    """The length of the longest strictly increasing subsequence."""
    ends: list[float] = []  # the least end of a subsequence of every length
    for number in numbers:
        place = bisect.bisect_left(ends, number)
        ends[place : place + 1] = [number]
    return len(ends)


def agreement(distances: NDArray[Any], k: int) -> int:
    """In how many of the first k steps an episode follows a demonstration, in order.

    Args:
        distances: (T, D) of the episode's observations from the demonstration's.
        k: of both, the first k; fewer where there are fewer.
    """
    return longest_increasing(distances[:k, :k].argmin(axis=1).tolist())


class AutomaticDiscount(BaseCallback):
    """Raises the discount of an off-policy learner of Stable-Baselines3 as it masters more steps of demonstrations.

    At every evaluation, k grows by up to `increments`, by one as long as the score at k reaches int(mastered * reference at
    k). The score is the 90th percentile of `agreement` over the latest episodes of training and the demonstrations; the
    reference is the median of the demonstrations among each other.

    Args:
        demonstrations: observations (T, d) of each; see `demonstrate`.
        every: decisions between evaluations.
        alpha: see `discount_of`.
        start: the first k, as a share of the longest demonstration's steps.
        mastered: see above.
        increments: see above.
        episodes: the latest ones that are looked at; each once.
        distance: of observations, "cosine" or "euclidean".

    Attributes:
        progress: k.

    Raises:
        ValueError: a setting that can't be meant; while learning, an on-policy learner or other observations.
    """

    def __init__(
        self,
        demonstrations: Sequence[NDArray[np.float64]],
        every: int,
        alpha: float = 0.2,
        start: float = 0.2,
        mastered: float = 0.9,
        increments: int = 5,
        episodes: int = 20,
        distance: Literal["cosine", "euclidean"] = "cosine",
    ) -> None:
        super().__init__()
        self._shown = [np.asarray(shown, float) for shown in demonstrations]
        if not self._shown or any(shown.ndim != 2 or len(shown) == 0 for shown in self._shown):
            shapes = [shown.shape for shown in self._shown]
            raise ValueError(f"demonstrations have the shapes {shapes}; expected at least one, (T, d) each with T >= 1")
        self._every = positive_integer("every", every)
        self._alpha, self._mastered = probability("alpha", alpha), probability("mastered", mastered)
        self._increments = positive_integer("increments", increments)
        self._distance: Any = one_of("distance", distance, DISTANCES)
        self._latest: deque[NDArray[np.float64]] = deque(maxlen=positive_integer("episodes", episodes))
        self._steps = max(len(shown) for shown in self._shown)
        self.progress = max(1, int(probability("start", start) * self._steps))
        self._references = self._all_distances(self._shown, among=True)

    def _all_distances(self, episodes: Sequence[NDArray[np.float64]], among: bool = False) -> list[NDArray[Any]]:
        """Of every episode from every demonstration; `among` themselves not from itself, unless it is the only one."""
        skip = among and len(self._shown) > 1
        return [
            cdist(episode, shown, self._distance)
            for i, episode in enumerate(episodes)
            for j, shown in enumerate(self._shown)
            if not (skip and i == j)
        ]

    def _init_callback(self) -> None:
        if not isinstance(self.model, OffPolicyAlgorithm):
            name = type(self.model).__name__
            raise ValueError(f"the learner is {name}, whose rollouts keep the first discount; expected an off-policy one")
        space = self.model.observation_space
        if space.shape != self._shown[0].shape[1:]:
            raise ValueError(f"demonstrations have {self._shown[0].shape[1]} entries; the learner sees {space.shape}")
        self._begun: list[list[NDArray[np.float64]]] = [[] for _ in range(self.training_env.num_envs)]
        self._next = self.num_timesteps + self._every
        self._set_discount()

    def _set_discount(self) -> None:
        model: Any = self.model
        model.gamma = discount_of(self.progress, self._alpha)

    def _on_step(self) -> bool:
        model: Any = self.model
        for lane, (seen, done) in enumerate(zip(model._last_obs, self.locals["dones"], strict=True)):
            self._begun[lane].append(seen.copy())
            if done:
                self._latest.append(np.array(self._begun[lane]))
                self._begun[lane] = []
        if self.num_timesteps >= self._next and self._latest:
            self._next = self.num_timesteps + self._every
            self._advance()
        return True

    def _advance(self) -> None:
        """Raise k by what the latest episodes have mastered."""
        distances = self._all_distances(self._latest)
        for _ in range(self._increments):
            k = self.progress
            score = np.percentile([agreement(each, k) for each in distances], 90)
            reference = np.percentile([agreement(each, k) for each in self._references], 50)
            if k >= self._steps or score < int(self._mastered * reference):
                break
            self.progress += 1
        self._latest.clear()
        self._set_discount()
        self.logger.record("discount/progress", self.progress)
        self.logger.record("discount/gamma", discount_of(self.progress, self._alpha))


def demonstrate(agent: Policy, problem: Problem, episodes: int, seed: int = 0) -> list[NDArray[np.float64]]:
    """The observations (T, d) of episodes that an agent plays, for `AutomaticDiscount`."""
    batch = Batch(problem, positive_integer("episodes", episodes, MOST_LANES))
    batch.seed(episode_keys(seed, episodes))
    batch.reset()
    shown: list[list[NDArray[np.float64]]] = [[] for _ in range(episodes)]
    observation, state, started = batch.observe(), None, np.ones(episodes, np.bool_)
    while not batch.state.finished.all():
        for lane in np.flatnonzero(~batch.state.finished):
            shown[lane].append(observation[lane].copy())
        actions, state = agent.predict(observation, state, started)
        observation = batch.step(batch.read_actions(actions)).observation
        started = np.zeros(episodes, np.bool_)
    return [np.array(rows) for rows in shown]
