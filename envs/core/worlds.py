"""`WorldsVecEnv`: what the Stable-Baselines3 environments of several agents in one world have in common."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices

from .presentation import in_precision


class WorldsVecEnv(VecEnv):
    """Lanes are agents, and several of them share a world: nothing belongs to a lane alone.

    A subclass implements `reset` and `step_wait`.

    Args:
        n_worlds: W; the lanes of a world stand side by side.
        lanes: a multiple of W.
        observed, acts: the spaces of every lane, which are declared in 32 bits.
    """

    def __init__(self, n_worlds: int, lanes: int, observed: spaces.Space[Any], acts: spaces.Space[Any]) -> None:
        self.render_mode = None
        self._lanes_per_world = lanes // n_worlds
        self._actions: NDArray[Any] | None = None
        self._start = time.monotonic()
        super().__init__(lanes, in_precision(observed, np.float32), in_precision(acts, np.float32))

    def _take_seeds(self) -> list[int | None] | None:
        """The seeds set since the last call, one per world, that of its first lane; None if there are none."""
        seeds = self._seeds[:: self._lanes_per_world] if any(seed is not None for seed in self._seeds) else None
        self._reset_seeds()
        self._reset_options()
        self.reset_infos = [{} for _ in range(self.num_envs)]
        return seeds

    def _last_info(self, returned: float, length: int, last: NDArray[np.float64]) -> dict[str, Any]:
        """What SB3 reads of a lane that finishes: return and length of the episode, and its last observation."""
        episode = {"r": float(returned), "l": length, "t": round(time.monotonic() - self._start, 6)}
        return {"episode": episode, "terminal_observation": last.astype(np.float32), "TimeLimit.truncated": False}

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
        """Lanes are wrapped by nothing; but episodes are monitored, which is what SB3 wants to know."""
        return [wrapper_class is Monitor] * len(list(self._get_indices(indices)))
