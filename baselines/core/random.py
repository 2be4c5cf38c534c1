"""A random policy for any problem whose actions can all be stepped."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ...envs.core import jit, rng
from ...envs.core.checks import natural
from ...envs.core.problem import Problem, action_bounds
from .policy import KernelPolicy


class RandomParameters(NamedTuple):
    """What `act_random` reads. m components of an action."""

    low: NDArray[np.float64]
    """(m,)"""
    high: NDArray[np.float64]
    """(m,)"""
    whole: bool
    """Actions are integers."""
    key: np.uint64


@jit
def act_random(p, observation, memory, action):
    """Uniform in every component, by a hash of the key, the number of the step, and the observation.

    Hashing what is seen makes an episode's choices independent of the other lanes.
    """
    bits = p.key + np.uint64(memory[0])
    memory[0] += 1.0
    for k in range(observation.shape[0]):
        bits = rng.mix(bits + np.uint64(np.int64(observation[k] * 1048576.0)))
    for j in range(action.shape[0]):
        bits = rng.mix(bits + rng.GOLDEN_GAMMA)
        if p.whole:
            action[j] = np.int64(p.low[j] + rng.unit(bits) * (p.high[j] - p.low[j] + 1.0))
        else:
            action[j] = p.low[j] + rng.unit(bits) * (p.high[j] - p.low[j])


class RandomAction(KernelPolicy):
    """A uniformly random action in every step, affordable or not.

    Args:
        problem: any whose actions can all be stepped.
        seed: of the choices.

    Raises:
        ValueError: the problem refuses actions that are not feasible.
    """

    def __init__(self, problem: Problem, seed: int = 0) -> None:
        self.check(problem)
        low, high = action_bounds(problem.action_space)
        whole = not isinstance(problem.action_space, spaces.Box)
        parameters = RandomParameters(low, high, whole, np.uint64(natural("seed", seed)))
        super().__init__(problem, act_random, parameters, np.zeros(1))

    @classmethod
    def check(cls, problem: Problem) -> None:
        """See `Policy.check`."""
        super().check(problem)
        if problem.refuses_actions:
            raise ValueError("it may choose actions that are not feasible, which the environment refuses")

    def set_random_seed(self, seed: int | None = None) -> None:
        """Choose another stream of choices."""
        self.parameters = self.parameters._replace(key=np.uint64(natural("seed", 0 if seed is None else seed)))
