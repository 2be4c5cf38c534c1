"""The look of each agent: the same colour and marker in every plot and legend of a report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

# M. A. Petroff, "Accessible color sequences for data visualization" (arXiv 2107.02270): ten colours chosen by
# optimisation under simulated colour-vision deficiencies.
COLOURS = (
    ["#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"]
)  # fmt: skip

# Matplotlib's markers, with the same shapes as SVG paths in a box from -4 to 4 for legends.
MARKERS = {
    "o": "M-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0z",
    "s": "M-3 -3h6v6h-6z",
    "^": "M0 -4L4 3H-4z",
    "D": "M0 -4L4 0L0 4L-4 0z",
    "v": "M0 4L4 -3H-4z",
    "P": "M-1.3 -4h2.6v2.7h2.7v2.6h-2.7v2.7h-2.6v-2.7h-2.7v-2.6h2.7z",
    "<": "M-4 0L3 -4V4z",
    "X": "M-4 -2L-2 -4L0 -2L2 -4L4 -2L2 0L4 2L2 4L0 2L-2 4L-4 2L-2 0z",
    ">": "M4 0L-3 -4V4z",
    "h": "M0 -4L3.5 -2V2L0 4L-3.5 2V-2z",
}


class Look(NamedTuple):
    """How one agent is drawn."""

    colour: str
    marker: str
    path: str


def looks(agents: Sequence[str]) -> dict[str, Look]:
    """A look per agent in order; beyond ten agents colours return with another marker."""
    markers = list(MARKERS)
    result = {}
    for k, agent in enumerate(agents):
        marker = markers[(k + k // len(COLOURS)) % len(markers)]
        result[agent] = Look(COLOURS[k % len(COLOURS)], marker, MARKERS[marker])
    return result
