"""`Window`: frames on the screen, by pygame."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray


class Window:
    """A window that opens with the first frame. A copy or a pickle of it has none until it shows something.

    Args:
        title: of the window.
        fps: frames per second, at most.
    """

    def __init__(self, title: str, fps: float) -> None:
        self.title, self.fps = title, fps
        self._screen: Any = None
        self._clock: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {"title": self.title, "fps": self.fps, "_screen": None, "_clock": None}

    def show(self, frame: NDArray[np.uint8]) -> None:
        """Show a frame (height, width, 3), and wait until it has been there for its time.

        Raises:
            gymnasium.error.DependencyNotInstalled: without pygame.
        """
        try:
            import pygame
        except ImportError as error:
            missing = 'pygame is not installed; pip install "budgetgym[human]" for render_mode="human"'
            raise gym.error.DependencyNotInstalled(missing) from error
        size = (frame.shape[1], frame.shape[0])
        if self._screen is None or self._screen.get_size() != size:
            pygame.display.init()
            pygame.display.set_caption(self.title)
            self._screen, self._clock = pygame.display.set_mode(size), pygame.time.Clock()
        self._screen.blit(pygame.surfarray.make_surface(frame.swapaxes(0, 1)), (0, 0))
        pygame.event.pump()
        pygame.display.flip()
        self._clock.tick(self.fps)

    def close(self) -> None:
        """Close the window."""
        if self._screen is not None:
            import pygame

            pygame.display.quit()
            self._screen = self._clock = None


def tile(frames: Sequence[NDArray[np.uint8]], width: int = 1600) -> NDArray[np.uint8]:
    """Several frames of one size side by side, reduced so that they are no wider than `width` pixels in all."""
    from PIL import Image

    if len(frames) == 1:
        return frames[0]
    columns = math.ceil(math.sqrt(len(frames)))
    height = min(frames[0].shape[0], frames[0].shape[0] * width // (columns * frames[0].shape[1]))
    size = (height * frames[0].shape[1] // frames[0].shape[0], height)
    sheet = Image.new("RGB", (columns * size[0], math.ceil(len(frames) / columns) * size[1]))
    for k, frame in enumerate(frames):
        sheet.paste(Image.fromarray(frame).resize(size), (k % columns * size[0], k // columns * size[1]))
    return np.asarray(sheet)
