"""Actions that are built one component after another, as a Stable-Baselines3 environment with masks."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ...envs.core.batch import Transition
from ...envs.core.jit import jit
from ...envs.core.sb3 import BudgetedSb3VecEnv
from ...envs.restless.feasible.base import FeasibleSet
from ...envs.restless.kernels import payable_in_all
from ...envs.restless.problem import Restless


class PartialActions:
    """n actions in the making: what is chosen, and what can be added.

    What does not fit now does not fit later in the same action, since the set is closed downwards; so every addition only
    tests what was open before.

    Attributes:
        chosen: (n, m) zeros and ones, always feasible.
        open: (n, m) components that fit in beside those chosen, while pulls are left.
    """

    def __init__(self, feasible: FeasibleSet, n: int) -> None:
        m = feasible.m
        self._members, self._scratch = feasible.members, np.zeros(feasible.scratch_size, np.int64)
        self._narrow = _narrow_with(type(feasible).test)
        self._alone = np.asarray(feasible.contains(np.eye(m, dtype=np.int64)))
        self._left = np.zeros(n, np.int64)
        self.chosen = np.zeros((n, m), np.int64)
        self.open = np.zeros((n, m), np.bool_)

    def begin(self, lanes: NDArray[np.bool_], left: NDArray[np.int64]) -> None:
        """Start new actions in these lanes, (n,) bool, with `left` pulls of the total budget, (n,)."""
        self._left[lanes] = left[lanes]
        self.chosen[lanes] = 0
        self.open[lanes] = self._alone & (self._left[lanes, None] >= 1)

    def add(self, components: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Add a component to every action, (n,); m is "done". Returns which actions are complete.

        Raises:
            ValueError: a component that is not open.
        """
        m = self.chosen.shape[1]
        adding = components < m
        lanes = np.flatnonzero(adding)
        added = components[lanes]
        if not self.open[lanes, added].all():
            wrong = lanes[~self.open[lanes, added]][0]
            raise ValueError(
                f"component {components[wrong]} of lane {wrong} can't be added; expected one of "
                f"{np.flatnonzero(self.open[wrong]).tolist()}, or {m} for done"
            )
        self.chosen[lanes, added] = 1
        self.open[lanes, added] = False
        self.open[~adding] = False
        self.open[self.chosen.sum(axis=1) >= self._left] = False
        self._narrow(self._members, self.chosen, self.open, self._scratch)
        complete: NDArray[np.bool_] = np.logical_not(self.open.any(axis=1))
        return complete

    def masks(self) -> NDArray[np.bool_]:
        """(n, m + 1) which components can be added, and "done", which is always possible."""
        return np.concatenate([self.open, np.ones((len(self.open), 1), np.bool_)], axis=1)


@lru_cache
def _narrow_with(contains: Callable[..., bool]) -> Callable[..., None]:
    """The compiled narrow(members, chosen (n, m), open (n, m), scratch): close what no longer fits, by this test."""

    @jit
    def narrow(members, chosen, open, scratch):
        for i in range(chosen.shape[0]):
            for k in range(chosen.shape[1]):
                if open[i, k]:
                    chosen[i, k] = 1
                    open[i, k] = contains(members, chosen[i], scratch)
                    chosen[i, k] = 0

    return narrow


class SequentialVecEnv(BudgetedSb3VecEnv):
    """The problem in micro-steps: an observation is the problem's, followed by the action built so far.

    Micro-action k < m adds component k, m is "done". When an action is done, or nothing more can be added, the real
    environment makes its step in that lane, and its reward arrives with that micro-step; other micro-steps have none.

    Lanes do not wait for each other, so that every sample is a decision: those that are still building are declared
    finished for the moment of the batch's step, which leaves finished lanes as they are.
    """

    problem: Restless

    def __init__(self, problem: Restless, n_envs: int, *, seed: int | None = None) -> None:
        super().__init__(problem, n_envs, seed=seed)
        m = problem.feasible.m
        seen: Any = problem.observation_space
        low, high = (np.concatenate([end, np.full(m, built)]) for end, built in ((seen.low, 0.0), (seen.high, 1.0)))
        self.observation_space = spaces.Box(low.astype(np.float32), high.astype(np.float32))
        self.action_space = spaces.Discrete(m + 1)
        self._partial = PartialActions(problem.feasible, n_envs)
        self._acting = np.ones(n_envs, np.bool_)

    def reset(self) -> NDArray[np.float32]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Start new episodes in all lanes."""
        observation = super().reset()
        self._partial.begin(np.ones(self.num_envs, np.bool_), self._payable())
        return self._with_built(observation)

    def _payable(self) -> NDArray[np.int64]:
        return payable_in_all(self._batch.state, self.problem.feasible.m)

    def step_wait(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """One micro-step in every lane; lanes whose action is complete make their real step."""
        self._acting = self._partial.add(np.asarray(self._actions))
        self._actions = np.where(self._acting[:, None], self._partial.chosen, 0)
        observation, reward, done, infos = super().step_wait()
        self._partial.begin(self._acting, self._payable())
        for lane in np.flatnonzero(done):
            infos[lane]["terminal_observation"] = with_built(infos[lane]["terminal_observation"], self._partial.chosen[lane])
        return self._with_built(observation), reward, done, infos

    def _advance(self) -> Transition:
        waiting = ~self._acting
        finished = self._batch.state.finished
        finished[waiting] = True
        try:
            transition = super()._advance()
        finally:
            finished[waiting] = False
        transition.terminated[waiting] = False
        return transition

    def _with_built(self, observation: NDArray[np.float64]) -> NDArray[np.float32]:
        return with_built(observation, self._partial.chosen)

    def action_masks(self) -> NDArray[np.bool_]:
        """Which micro-actions are possible now, (n, m + 1)."""
        return self._partial.masks()

    def has_attr(self, attr_name: str) -> bool:
        """Whether `get_attr` finds it; masks there are."""
        return attr_name == "action_masks" or super().has_attr(attr_name)


def with_built(observation: NDArray[np.float64], chosen: NDArray[np.int64]) -> NDArray[np.float32]:
    """Observations (..., d) followed by the actions built so far (..., m)."""
    return np.concatenate([observation, chosen], axis=-1, dtype=np.float32)
