"""How a bidder reads the observations of `RealTimeBidding` back into theta, money and time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..core import jit
from ..core.reading import amount_of, left_of
from .law import HIGHEST_PRICE

MOST_UNITS = 2.0**40
"""Whole units of money that an unlimited budget is read as; no episode costs that much."""


class Reading(NamedTuple):
    """What a bidder must know to read observations: their scales, and where the budget stands. All of it is public."""

    theta_avg: float
    money_scale: float
    auctions: int
    budget: int
    """Index of the size of the budget."""


@jit
def read_theta(reading, observation):
    """The impression's click probability, as predicted."""
    return observation[0] * reading.theta_avg


@jit
def read_last(observation):
    """What the feedback shows of the auction before, in money: the price paid, the minimum bid to win, or the market price."""
    return observation[1] * HIGHEST_PRICE


@jit
def read_initial(reading, observation):
    """The budget at the start of the episode."""
    return amount_of(observation[reading.budget], reading.money_scale)


@jit
def read_money(reading, observation):
    """The money left; off by rounding."""
    return left_of(observation[reading.budget], observation[reading.budget + 1], reading.money_scale)


@jit
def read_remaining(reading, observation):
    """The money left in whole units, as market prices are; at most `MOST_UNITS`.

    Shares in the observation are off by rounding.
    """
    return np.int64(min(read_money(reading, observation) + 1e-6, MOST_UNITS))


@jit
def read_auctions_left(reading, observation):
    """The decisions left, this one included."""
    return np.int64(observation[reading.budget + 2] * reading.auctions + 0.5)
