"""Which actions can be executed: read from observations where a family says how, else given by the environment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ...envs.core.problem import Problem
from ...envs.family import family_of, resolve

ReadMasks = Callable[[Any, NDArray[np.float64]], NDArray[np.bool_]]
"""masks(problem, observations (n, d)) -> (n, number of actions, of all components together).

Raises ValueError where there are none."""


def reader_of_masks(problem: Problem) -> ReadMasks | None:
    """How the problem's family reads masks from observations; None if it doesn't."""
    return resolve(family_of(problem).masks)


def observed_masks(problem: Problem, rows: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which actions can be executed under observations (n, d), as far as these show it.

    Raises:
        ValueError: observations of this family don't show it.
    """
    reader = reader_of_masks(problem)
    if reader is None:
        raise ValueError(f"the masks of {type(problem).__name__} can't be read from observations: give action_masks=")
    return reader(problem, rows)


def check_masks(problem: Problem) -> None:
    """Check that there are masks.

    Raises:
        ValueError: there are none, or actions that can't be numbered.
    """
    reader = reader_of_masks(problem)
    if reader is None and problem.kernels.mask is None:
        raise ValueError(f"{type(problem).__name__} has no masks: it has no mask kernel, and its family reads none")
    if not isinstance(problem.action_space, spaces.Discrete | spaces.MultiDiscrete):
        raise ValueError(f"masks are for actions that can be numbered, not {problem.action_space}")
    if reader is not None:
        reader(problem, np.zeros((0, len(problem.observation_names))))
