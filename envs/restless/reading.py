"""How agents read the observations of restless bandits back: the arms' states, the time, and the pulls left."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.reading import amounts_of


class Reading(NamedTuple):
    """What one must know to read observations: their scales, and where they hold what. All of it is public."""

    arms: int
    states: int
    one_hot: bool
    budget: int
    """Index of the size of the budget; its remaining share and that of the time follow."""
    scale: float
    """Of the budget's size."""
    horizon: int
    unlimited: int
    """Pulls that no episode can exceed."""


class Situations(NamedTuple):
    """What observations say. n of them, J arms."""

    arms: NDArray[np.int64]
    """(n, J) states."""
    t: NDArray[np.int64]
    """(n,) steps taken."""
    left: NDArray[np.int64]
    """(n,) pulls that can still be made."""
    initial: NDArray[np.int64]
    """(n,) whole pulls that there were at the start."""


class Situation(NamedTuple):
    """What one observation says."""

    arms: NDArray[np.int64]
    """(J,) states."""
    t: int
    left: int
    """Pulls that can still be made."""
    initial: int
    """Whole pulls that there were at the start."""


def read_arms(reading: Reading, rows: NDArray[Any]) -> NDArray[np.int64]:
    """States of the arms (n, J), of observations (n, d)."""
    shown = rows[:, : reading.budget]
    if not reading.one_hot:
        return shown.astype(np.int64)
    return shown.reshape(len(rows), reading.arms, reading.states).argmax(axis=2)


def read_steps(reading: Reading, rows: NDArray[Any]) -> NDArray[np.int64]:
    """Steps taken (n,)."""
    return np.rint((1.0 - rows[:, reading.budget + 2].astype(float)) * reading.horizon).astype(np.int64)


def read_initial(reading: Reading, rows: NDArray[Any]) -> NDArray[np.float64]:
    """Pulls at the start (n,): not always a whole number, off by rounding, or infinite."""
    return amounts_of(rows[:, reading.budget], reading.scale)


def read_left(reading: Reading, rows: NDArray[Any]) -> NDArray[np.int64]:
    """Whole pulls that are left (n,)."""
    initial = np.minimum(read_initial(reading, rows), 1e300)  # infinitely many times 0 is none
    return _whole(reading, initial * rows[:, reading.budget + 1])


def read_situations(reading: Reading, rows: NDArray[Any]) -> Situations:
    """The situations of observations (n, d)."""
    initial = _whole(reading, read_initial(reading, rows))
    return Situations(read_arms(reading, rows), read_steps(reading, rows), read_left(reading, rows), initial)


def read_situation(reading: Reading, row: NDArray[np.float64]) -> Situation:
    """The situation of one observation (d,)."""
    arms, t, left, initial = read_situations(reading, row[None])
    return Situation(arms[0], int(t[0]), int(left[0]), int(initial[0]))


def with_arms(reading: Reading, rows: NDArray[Any], arms: NDArray[np.int64]) -> NDArray[np.float64]:
    """Observations (n, d) with other states of the arms (n, J)."""
    changed = rows.copy()
    changed[:, : reading.budget] = np.eye(reading.states)[arms].reshape(len(rows), -1) if reading.one_hot else arms
    return changed


def rows_after(reading: Reading, rows: NDArray[Any], arms: NDArray[np.int64], pulls: NDArray[np.int64]) -> NDArray[np.float64]:
    """Observations (n, d) one step later: arms in these states (n, J), after `pulls` pulls (n,)."""
    after = with_arms(reading, rows, arms)
    share, time = reading.budget + 1, reading.budget + 2
    after[:, share] = np.maximum(rows[:, share] - pulls / np.maximum(read_initial(reading, rows), 1e-9), 0.0)
    after[:, time] = np.maximum(rows[:, time] - 1.0 / reading.horizon, 0.0)
    return after


def _whole(reading: Reading, pulls: NDArray[np.float64]) -> NDArray[np.int64]:
    """As many as there are; observations may have passed through 32-bit numbers, so that they are off by a little."""
    return np.minimum(pulls + 1e-4 * np.maximum(1.0, 1e-3 * pulls), reading.unlimited).astype(np.int64)
