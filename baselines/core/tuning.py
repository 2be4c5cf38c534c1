"""How well a compiled policy does with certain parameters, for planners that tune themselves by simulation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...envs.core.batch import Batch, episode_keys
from ...envs.core.loops import OK, compile_rollout
from ...envs.core.problem import Problem


class MeanReturn:
    """The mean return of a kernel on simulated episodes, which are the same for all parameters.

    Args:
        problem: what is simulated.
        act: the kernel, without memory; see `KernelPolicy`.
        episodes: how many.
        seed: of the episodes.
    """

    def __init__(self, problem: Problem, act: Callable[..., None], episodes: int, seed: int) -> None:
        self._rollout = compile_rollout(problem.kernels, act)
        self._batch = Batch(problem, episodes)
        self._batch.seed(episode_keys(seed, episodes))
        self._batch.reset()
        self._start = self._batch.snapshot()

    def __call__(self, parameters: Any) -> float:
        """The mean return with these parameters."""
        batch = self._batch
        batch.restore(self._start)
        actions = np.zeros((batch.n, len(batch.rules.action_low)), batch.action_dtype)
        returns, memory = np.zeros(batch.n), np.zeros((batch.n, 0))
        fault = self._rollout(
            batch.params,
            batch.rules,
            batch.state,
            parameters,
            memory,
            batch.observe(),
            actions,
            batch.problem.horizon,
            returns,
        )
        if fault != OK:
            batch.refuse(fault, actions)
        return float(returns.mean())
