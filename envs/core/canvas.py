"""`Canvas`: what pictures are drawn on, with Pillow; and the colours that all pictures share."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]
Point = tuple[float, float]

PAPER, INK, SOFT, RAIL, FAINT = (255, 255, 255), (34, 34, 34), (110, 110, 116), (224, 224, 230), (244, 244, 247)

BLUE, SKY, GREEN, ORANGE, RED = (0, 114, 178), (86, 180, 233), (0, 158, 115), (230, 159, 0), (213, 94, 0)
YELLOW, PURPLE = (240, 228, 66), (204, 121, 167)
"""The colours of Okabe and Ito, which the colour-blind can tell apart. In all pictures blue is what is left,
orange what was chosen, green what came off, red what failed, purple what is hidden."""

SERIES = (BLUE, ORANGE, GREEN, PURPLE, SKY, RED, YELLOW)
"""For things that have no order, such as models or workers."""

SCALE = 2
"""Shapes are drawn so much larger and then reduced, for smooth edges."""


class Box(NamedTuple):
    """A part of a canvas, in pixels."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return self.y + self.height

    def columns(self, *shares: float, gap: float = 16.0) -> list[Box]:
        """Parts side by side, whose widths are in these proportions."""
        unit = (self.width - gap * (len(shares) - 1)) / sum(shares)
        starts = np.cumsum([0.0, *(share * unit + gap for share in shares)])
        return [Box(self.x + start, self.y, share * unit, self.height) for start, share in zip(starts, shares, strict=False)]

    def rows(self, *shares: float, gap: float = 12.0) -> list[Box]:
        """Parts one below the other, whose heights are in these proportions."""
        unit = (self.height - gap * (len(shares) - 1)) / sum(shares)
        starts = np.cumsum([0.0, *(share * unit + gap for share in shares)])
        return [Box(self.x, self.y + start, self.width, share * unit) for start, share in zip(starts, shares, strict=False)]


class Canvas:
    """A white picture to draw on. Positions and sizes are in pixels, from the upper left corner.

    Args:
        width, height: of the picture.

    Raises:
        gymnasium.error.DependencyNotInstalled: without Pillow.
    """

    def __init__(self, width: int, height: int) -> None:
        try:
            from PIL import Image, ImageDraw
        except ImportError as error:
            missing = 'Pillow is not installed; pip install "budgetgym[frames]" for render_mode="rgb_array" and "human"'
            raise gym.error.DependencyNotInstalled(missing) from error
        self.width, self.height = width, height
        self._image = Image.new("RGB", (SCALE * width, SCALE * height), PAPER)
        self._shapes = ImageDraw.Draw(self._image)
        self._texts: list[tuple[Point, str, int, Colour, str]] = []

    def array(self) -> NDArray[np.uint8]:
        """The picture (height, width, 3), with all texts on top."""
        from PIL import ImageDraw

        image = self._image.reduce(SCALE)
        writer = ImageDraw.Draw(image)
        for place, words, size, colour, anchor in self._texts:
            writer.text(place, words, colour, _font(size), anchor)
        return np.array(image)

    # --- shapes ---------------------------------------------------------------------------------------------------------

    def rectangle(self, box: Box, fill: Colour | None = None, outline: Colour | None = None, width: float = 1.5) -> None:
        """A rectangle; nothing where it has no area."""
        if box.width > 0 and box.height > 0:
            corners = _scaled((box.x, box.y), (box.right, box.bottom))
            self._shapes.rectangle(corners, fill, outline, round(SCALE * width))

    def rounded(self, box: Box, fill: Colour | None = None, outline: Colour | None = None, width: float = 1.5) -> None:
        """A rectangle with round corners."""
        corners = _scaled((box.x, box.y), (box.right, box.bottom))
        self._shapes.rounded_rectangle(
            corners, SCALE * min(5.0, box.width / 4, box.height / 4), fill, outline, round(SCALE * width)
        )

    def circle(
        self, x: float, y: float, radius: float, fill: Colour | None = None, outline: Colour | None = None, width: float = 1.5
    ) -> None:
        """A circle around (x, y)."""
        corners = _scaled((x - radius, y - radius), (x + radius, y + radius))
        self._shapes.ellipse(corners, fill, outline, round(SCALE * width))

    def line(self, points: Sequence[Point], colour: Colour = INK, width: float = 1.5) -> None:
        """A line through the points."""
        if len(points) > 1:
            self._shapes.line(_scaled(*points), colour, max(1, round(SCALE * width)), joint="curve")

    def dashes(self, start: Point, end: Point, colour: Colour = SOFT, width: float = 1.5, dash: float = 6.0) -> None:
        """A dashed line."""
        (x0, y0), (x1, y1) = start, end
        pieces = max(1, round(float(np.hypot(x1 - x0, y1 - y0)) / (2 * dash)))
        for k in range(pieces):
            a, b = k / pieces, (k + 0.55) / pieces
            self.line([(x0 + a * (x1 - x0), y0 + a * (y1 - y0)), (x0 + b * (x1 - x0), y0 + b * (y1 - y0))], colour, width)

    def polygon(self, points: Sequence[Point], fill: Colour) -> None:
        """A filled polygon."""
        self._shapes.polygon(_scaled(*points), fill)

    def arrow(self, start: Point, end: Point, colour: Colour = INK, width: float = 1.5, head: float = 7.0) -> None:
        """A line with a head at its end."""
        (x0, y0), (x1, y1) = start, end
        length = max(float(np.hypot(x1 - x0, y1 - y0)), 1e-9)
        ux, uy = (x1 - x0) / length, (y1 - y0) / length
        neck = (x1 - head * ux, y1 - head * uy)
        self.line([start, neck], colour, width)
        self.polygon(
            [
                end,
                (neck[0] - 0.5 * head * uy, neck[1] + 0.5 * head * ux),
                (neck[0] + 0.5 * head * uy, neck[1] - 0.5 * head * ux),
            ],
            colour,
        )

    def hatch(self, box: Box, colour: Colour = PURPLE, gap: float = 7.0) -> None:
        """Slanted lines over a box: what is hidden, or not known."""
        for offset in np.arange(gap, box.width + box.height, gap):
            x0, x1 = max(box.x, box.x + offset - box.height), min(box.right, box.x + offset)
            self.line([(x0, box.y + offset - (x0 - box.x)), (x1, box.y + offset - (x1 - box.x))], colour, 1.0)

    def check(self, x: float, y: float, size: float, colour: Colour = GREEN) -> None:
        """A tick around (x, y): it came off."""
        self.line([(x - size, y), (x - 0.25 * size, y + 0.7 * size), (x + size, y - 0.8 * size)], colour, max(2.0, size / 3))

    def cross(self, x: float, y: float, size: float, colour: Colour = RED) -> None:
        """A cross around (x, y): it failed."""
        for sign in (-1, 1):
            ends = [(x - 0.8 * size, y - sign * 0.8 * size), (x + 0.8 * size, y + sign * 0.8 * size)]
            self.line(ends, colour, max(2.0, size / 3))

    def bar(self, box: Box, share: float, colour: Colour = BLUE) -> None:
        """A rail that is filled to a share of it, 0 to 1."""
        self.rectangle(box, RAIL)
        self.rectangle(box._replace(width=box.width * min(max(share, 0.0), 1.0)), colour)

    # --- texts ----------------------------------------------------------------------------------------------------------

    def text(
        self,
        x: float,
        y: float,
        words: str,
        size: int = 15,
        colour: Colour = INK,
        anchor: str = "la",
        width: float | None = None,
    ) -> None:
        """Words at (x, y). `anchor` is Pillow's: "la" has them begin there, "ma" centres them, "ra" has them end there, "mm"
        centres them in height too. What is wider than `width` is cut."""
        if width is not None:
            words = fitting(words, size, width)
        if words:
            self._texts.append(((x, y), words, size, colour, anchor))


def fitting(words: str, size: int, width: float) -> str:
    """As much of a text as fits into so many pixels, with two dots where it was cut."""
    if text_width(words, size) <= width:
        return words
    while words and text_width(words + "..", size) > width:
        words = words[:-1]
    return words.rstrip() + ".." if words else ""


@lru_cache(maxsize=4096)
def text_width(words: str, size: int) -> float:
    """Pixels that a line of text takes."""
    return float(_font(size).getlength(words))


def blend(first: Colour, second: Colour, share: float) -> Colour:
    """A colour between two: the first at share 0, the second at 1."""
    share = min(max(share, 0.0), 1.0)
    red, green, blue = (round(a + share * (b - a)) for a, b in zip(first, second, strict=True))
    return red, green, blue


def ink_on(fill: Colour) -> Colour:
    """Black or white, whichever can be read on a colour."""
    return INK if 0.299 * fill[0] + 0.587 * fill[1] + 0.114 * fill[2] > 140 else PAPER


@lru_cache(maxsize=32)
def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)


def _scaled(*points: Point) -> list[Point]:
    return [(SCALE * x, SCALE * y) for x, y in points]
