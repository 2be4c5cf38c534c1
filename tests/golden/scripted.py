"""The script that is played: varied, valid actions from nothing but the action space, the mask and the step number."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

# Multiples of these modulo 1 are spread evenly; products and remainders of 64-bit numbers are the same on every machine.
STEP, LANE, PART = 0.6180339887498949, 0.7548776662466927, 0.5698402909980532


def spread(step: int, lane: int, part: int = 0) -> float:
    """A number in [0, 1)."""
    return (0.31 + step * STEP + lane * LANE + part * PART) % 1.0


def choose(space: spaces.Space[Any], step: int, lane: int = 0, mask: Any = None) -> Any:
    """An action of the space. Every fourth step asks for what the mask forbids as well."""
    if isinstance(space, spaces.Discrete):
        values = np.arange(space.n)
        if mask is not None and step % 4 != 3 and np.any(mask):
            values = np.flatnonzero(mask)
        return int(space.start + values[int(spread(step, lane) * len(values))])
    if isinstance(space, spaces.MultiDiscrete):
        return np.array([int(spread(step, lane, k) * n) for k, n in enumerate(space.nvec)], space.dtype)
    if isinstance(space, spaces.MultiBinary):
        return _bits(space, step, lane)
    assert isinstance(space, spaces.Box)
    shares = np.array([spread(step, lane, k) for k in range(int(np.prod(space.shape)))]).reshape(space.shape)
    if step % 3 == 2:
        shares = shares * shares * shares
    return (space.low + (space.high - space.low) * shares).astype(space.dtype)


def _bits(space: spaces.MultiBinary, step: int, lane: int) -> Any:
    """Any bits, where all are allowed; else those that fit, taken up in an order of the step's own."""
    shares = np.array([spread(step, lane, k) for k in range(int(space.n))])
    if type(space) is spaces.MultiBinary:
        return (shares > 0.3 + 0.1 * (step % 5)).astype(np.int8)
    action, most = np.zeros(int(space.n), np.int8), 1 + step % 3 if step % 4 == 1 else space.n
    for k in np.argsort(shares, kind="stable"):
        action[k] = 1
        if action.sum() > most or not space.contains(action):
            action[k] = 0
    return action


def choose_all(space: spaces.Space[Any], step: int, lanes: int, masks: Any = None) -> Any:
    """An action per lane."""
    return np.array([choose(space, step, lane + 1, None if masks is None else masks[lane]) for lane in range(lanes)])
