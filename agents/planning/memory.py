"""What lookaheads remember of situations that they have valued."""

from __future__ import annotations

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ...envs.core.checks import positive_integer, probability


class Trajectories:
    """Situations at the end of simulated trajectories, and what they were worth on average (FLARE's trajectory memory).

    Two situations are as similar as their observations: 1 minus the largest difference of an entry, as a share of its range.

    Args:
        space: of observations.
        size: the oldest are forgotten beyond it; FLARE has 200.
        threshold: from which similarity on two situations are taken for one; FLARE has .9.
        trust: values that a situation must have had before its mean is used instead of another one. 1 where nothing is
            random.
    """

    def __init__(self, space: spaces.Box, size: int = 200, threshold: float = 0.9, trust: int = 8) -> None:
        self.size, self.trust = positive_integer("memory", size), positive_integer("trust", trust)
        self.threshold = probability("threshold", threshold)
        width = np.asarray(space.high, float) - np.asarray(space.low, float)
        self._per = 1.0 / np.where(np.isfinite(width) & (width > 0.0), width, 1.0)
        self.rows = np.zeros((0, len(self._per)))
        self.means, self.counts = np.zeros(0), np.zeros(0, np.int64)

    def similar(self, rows: NDArray[np.float64]) -> NDArray[np.int64]:
        """The most similar remembered situation of each (n, d), or -1 if none is similar enough: (n,)."""
        if not len(self.rows):
            return np.full(len(rows), -1)
        scaled = rows * self._per
        distance = np.abs(scaled[:, None, :] - self.rows[None]).max(axis=2)
        nearest = distance.argmin(axis=1)
        return np.where(1.0 - distance[np.arange(len(rows)), nearest] >= self.threshold - 1e-12, nearest, -1)

    def recall(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """What situations (n, d) are worth by what is remembered, (n,); NaN where that is not enough."""
        nearest = self.similar(rows)
        known = nearest >= 0
        known[known] = self.counts[nearest[known]] >= self.trust
        values = np.full(len(rows), np.nan)
        values[known] = self.means[nearest[known]]
        return values

    def remember(self, rows: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        """Add the values (n,) of situations (n, d)."""
        for row, value in zip(rows, values, strict=True):
            at = int(self.similar(row[None])[0])
            if at >= 0:
                self.counts[at] += 1
                self.means[at] += (value - self.means[at]) / self.counts[at]
            else:
                kept = slice(-(self.size - 1), None) if self.size > 1 else slice(0, 0)
                self.rows = np.concatenate([self.rows[kept], (row * self._per)[None]])
                self.means = np.append(self.means[kept], value)
                self.counts = np.append(self.counts[kept], 1)
