"""`Presentation`: how the faces show a problem: in which precision, and whether with the mask of actions."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from .checks import boolean, one_of
from .problem import Problem

OBSERVATION_DTYPES = ("float32", "float64")

OBSERVATIONS, MASK = "observations", "action_mask"
"""The entries of an observation that holds its mask, as RLlib's masked examples call them."""


class Presentation:
    """The spaces that a face declares, and observations in their form.

    Kernels, agents of the suite and `evaluate` work with exact numbers (`problem.observation_space`, float64); other people's
    code expects 32-bit ones.

    Args:
        problem: what is shown.
        observation_dtype: "float32" or "float64".
        mask_in_observation: observations are `{"observations": ..., "action_mask": ...}`; the mask is float32, 1 for what can
            be executed, all ones where the problem has no mask.

    Raises:
        ValueError: an unknown dtype, or masks for actions that are not Discrete.
    """

    def __init__(self, problem: Problem, observation_dtype: Any = "float32", mask_in_observation: bool = False) -> None:
        name = np.dtype(observation_dtype).name if isinstance(observation_dtype, type | np.dtype) else observation_dtype
        self.dtype = np.dtype(one_of("observation_dtype", name, OBSERVATION_DTYPES))
        self.with_mask = boolean("mask_in_observation", mask_in_observation)
        self.action_space = in_precision(problem.action_space, np.float32)
        self.observation_space = in_precision(problem.observation_space, self.dtype)
        if self.with_mask:
            if not isinstance(problem.action_space, spaces.Discrete):
                raise ValueError(
                    f"mask_in_observation=True, but the actions of {type(problem).__name__} are {problem.action_space}; "
                    "expected Discrete ones"
                )
            self._actions = int(problem.action_space.n)
            mask = spaces.Box(0.0, 1.0, (self._actions,), np.float32)
            self.observation_space = spaces.Dict({OBSERVATIONS: self.observation_space, MASK: mask})

    def show(self, observations: NDArray[np.float64], masks: NDArray[np.int8] | None) -> Any:
        """Observations (..., d) as the space has them.

        Args:
            observations: exact ones.
            masks: (..., number of actions), or None for a problem without masks.
        """
        shown = observations.astype(self.dtype, copy=False)
        if not self.with_mask:
            return shown
        executable = np.ones((*observations.shape[:-1], self._actions), np.float32) if masks is None else masks
        return {OBSERVATIONS: shown, MASK: executable.astype(np.float32, copy=False)}


def in_precision(space: Any, dtype: Any) -> Any:
    """A Box with its bounds rounded to `dtype`, to which its elements are rounded likewise; any other space as it is."""
    if not isinstance(space, spaces.Box) or space.dtype == dtype:
        return space
    return spaces.Box(space.low.astype(dtype), space.high.astype(dtype), dtype=np.dtype(dtype).type)
