"""The Whittle index of an arm with two actions, and the test whether it has one.

Charge a price for every pull. As the price rises from minus infinity, an optimal policy for the arm alone pulls in fewer and
fewer states; if no state ever comes back, the arm is *indexable*, and the price at which a state drops out is its index
(Whittle 1988). The policy of a set of states has a value that is linear in the price, so that the next state to drop out is
found exactly, in S steps (as in Gast, Gaujal and Khun, 2023, without their updates of the inverse).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...envs.core.scaling import unit_of

TOLERANCE = 1e-9


def whittle_index(
    transitions: NDArray[np.float64], gains: NDArray[np.float64], discount: float
) -> tuple[NDArray[np.float64], bool]:
    """The index of every state (S,), and whether the arm is indexable; if not, the index says nothing.

    The index is finite: no arm is pulled at a price above all that a pull can ever bring.

    Args:
        transitions: (2, S, S) by action, state and next state.
        gains: (2, S) expected reward by action and state.
        discount: below 1.
    """
    S, unit = gains.shape[1], unit_of(gains)
    gains = gains / unit
    pulled = np.ones(S, np.bool_)
    index = np.full(S, np.inf)
    price = -np.inf
    while pulled.any():
        fixed, slope = _advantage(transitions, gains, discount, pulled)
        with np.errstate(divide="ignore"):
            drops = np.where(pulled & (slope < -TOLERANCE), -fixed / np.minimum(slope, -TOLERANCE), np.inf)
        after = max(price, drops.min())
        if not _stays_out(fixed, slope, ~pulled, price, after):
            return index * unit, False
        if after == np.inf:
            break
        leaving = pulled & (drops <= after + TOLERANCE * max(1.0, abs(after)))
        index[leaving] = after
        pulled &= ~leaving
        price = after
    fixed, slope = _advantage(transitions, gains, discount, pulled)
    return index * unit, _stays_out(fixed, slope, ~pulled, price, np.inf)


def _advantage(
    transitions: NDArray[np.float64], gains: NDArray[np.float64], discount: float, pulled: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What a pull gains over none in every state if `pulled` states are pulled ever after: fixed + slope * price."""
    S = len(pulled)
    followed = np.where(pulled[:, None], transitions[1], transitions[0])
    rewards = np.stack([np.where(pulled, gains[1], gains[0]), -pulled.astype(float)], axis=1)
    values = np.linalg.solve(np.eye(S) - discount * followed, rewards)
    ahead = discount * (transitions[1] - transitions[0]) @ values
    return gains[1] - gains[0] + ahead[:, 0], ahead[:, 1] - 1.0


def _stays_out(
    fixed: NDArray[np.float64], slope: NDArray[np.float64], out: NDArray[np.bool_], low: float, high: float
) -> bool:
    """Whether no state that is out would rather be pulled at a price in (low, high): linear, so the ends decide."""
    scale = TOLERANCE * (1.0 + np.abs(fixed[out]).max(initial=0.0))
    ends = [price for price in (low, high) if np.isfinite(price)]
    inside = all((fixed[out] + slope[out] * price <= scale * (1.0 + abs(price))).all() for price in ends)
    return bool(inside and (high < np.inf or (slope[out] <= TOLERANCE).all()))
