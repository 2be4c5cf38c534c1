"""What an environment looks like: a line of text, or a picture of what the agent observes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ..family import family_of, resolve
from .problem import Problem, State

RENDER_MODES = ["ansi", "rgb_array"]

ROW, COLUMN, MARGIN, ROWS = 18, 380, 12, 24
"""Pixels of a row's height, of a column's width and of the margin; rows in a column."""

PAPER, INK, RAIL, VALUE, MONEY = (255, 255, 255), (40, 40, 40), (228, 228, 232), (63, 144, 218), (188, 100, 30)


def check_render_mode(mode: str | None, known: Sequence[str] = RENDER_MODES) -> str | None:
    """The mode itself.

    Raises:
        ValueError: an unknown one.
    """
    if mode not in (None, *known):
        raise ValueError(f"render_mode is {mode!r}; expected None or one of {known}")
    return mode


def describe(names: Sequence[str], observation: NDArray[Any]) -> str:
    """Every entry of an observation (d,) with its name, in one line."""
    return " | ".join(f"{name} {value:.4g}" for name, value in zip(names, observation, strict=True))


def frame(problem: Problem, state: State, lane: int, observation: NDArray[np.float64]) -> NDArray[np.uint8]:
    """A frame (height, width, 3) as the problem's family draws it, by default `draw`."""
    return (resolve(family_of(problem).drawing) or draw)(problem, state, lane, observation)


def draw(problem: Problem, state: State, lane: int, observation: NDArray[np.float64]) -> NDArray[np.uint8]:
    """A frame (height, width, 3): what is left of every resource, and every entry of the observation on its range.

    Args:
        problem: what is played.
        state: of the batch.
        lane: which episode of it.
        observation: of that lane, (d,).

    Raises:
        gymnasium.error.DependencyNotInstalled: without Pillow.
    """
    try:
        from PIL import Image, ImageDraw
    except ImportError as error:
        missing = 'Pillow is not installed; pip install "budgetgym[report]" for render_mode="rgb_array"'
        raise gym.error.DependencyNotInstalled(missing) from error
    seen = problem.observation_space
    assert isinstance(seen, spaces.Box)
    bars = list(zip(problem.observation_names, observation.tolist(), seen.low.tolist(), seen.high.tolist(), strict=True))
    columns = math.ceil(len(bars) / ROWS)
    top = MARGIN + ROW * (len(problem.resources) + 2)
    height = top + ROW * min(len(bars), ROWS) + MARGIN
    image = Image.new("RGB", (columns * COLUMN + 2 * MARGIN, height), PAPER)
    canvas = ImageDraw.Draw(image)
    canvas.text((MARGIN, MARGIN), f"{type(problem).__name__}   step {state.t[lane]} of {problem.horizon}", INK)
    for k, resource in enumerate(problem.resources):
        initial, left = float(state.initial[lane, k]), float(state.remaining[lane, k])
        place = (MARGIN, MARGIN + ROW * (k + 1))
        _bar(canvas, place, f"{resource} left", f"{left:.4g} of {initial:.4g}", _share(left, 0.0, initial), MONEY)
    for k, (name, value, low, high) in enumerate(bars):
        place = (MARGIN + COLUMN * (k // ROWS), top + ROW * (k % ROWS))
        _bar(canvas, place, name, f"{value:.4g}", _share(value, low, high), VALUE)
    return np.asarray(image)


def _share(value: float, low: float, high: float) -> float | None:
    """Where on its range a value lies, from 0 to 1; None without a range."""
    width = high - low
    return min(max((value - low) / width, 0.0), 1.0) if math.isfinite(width) and width > 0 else None


def _bar(canvas: Any, place: tuple[int, int], name: str, text: str, share: float | None, colour: tuple[int, ...]) -> None:
    x, y = place
    canvas.text((x, y), name if len(name) <= 24 else f"{name[:23]}~", INK)
    left, right = x + 160, x + 270
    if share is not None:
        canvas.rectangle((left, y + 2, right, y + ROW - 7), RAIL)
        canvas.rectangle((left, y + 2, left + round(share * (right - left)), y + ROW - 7), colour)
    canvas.text((right + 8, y), text, INK)
