"""How a router reads the observations of `LoggedRouting` back: the waiting query, prices, and the pace of spending."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...core import jit
from ...core.reading import left_of


class Reading(NamedTuple):
    """What a router must know to read observations: their layout and scales, which are public."""

    domains: int
    models: int
    steps: int
    cost_scale: float
    money_scale: float
    tasks: int
    calls: float
    """Per task, on average over the training part."""
    shows_budget: bool
    budget: int
    """Index of the size of the budget, where it is shown; the remaining share of the tasks stands before it."""


@jit
def read_length(observation):
    """The standardised length of the prompt."""
    return observation[0]


@jit
def read_step(reading, observation):
    """The calls so far in this task."""
    return np.int64(observation[1] * reading.steps + 0.5)


@jit
def read_domain(reading, observation):
    """The number of the query's domain."""
    for domain in range(reading.domains):
        if observation[2 + domain] > 0.5:
            return domain
    return 0


@jit
def read_expected_cost(reading, observation, model):
    """Dollars that a call is expected to cost."""
    return observation[2 + reading.domains + model] * reading.cost_scale


@jit
def read_pace(reading, observation):
    """Dollars left per call left, this one included, if tasks have their usual number of calls.

    Only of observations that show the budget.
    """
    money = left_of(observation[reading.budget], observation[reading.budget + 1], reading.money_scale)
    left = observation[reading.budget - 1] * reading.tasks * reading.calls - read_step(reading, observation)
    return money / max(left, 1.0)
