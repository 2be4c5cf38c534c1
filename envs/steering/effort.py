"""What precision costs, and which precision an amount of effort buys."""

from __future__ import annotations

from typing import NamedTuple

from ..core.jit import jit
from ..core.ledger import pays

EXPONENTS = {"linear": 1.0, "concave": 0.5, "quadratic": 2.0}
"""Of the distance from the baseline."""


class Effort(NamedTuple):
    """beta(q) = k * (1 - p) * (d / (1 - p)) ** exponent, with the distance d of the precision from the baseline p.

    The altruistic planner pays for what lies above p, the biased one on both sides (`two_sided`). All exponents agree on the
    price k * (1 - p) of certainty.
    """

    k: float
    p: float
    exponent: float
    two_sided: bool


@jit
def effort_of(effort, q):
    """The cost of precision q."""
    distance = q - effort.p
    if distance < 0.0:
        distance = -distance if effort.two_sided else 0.0
    if effort.exponent == 1.0:
        return effort.k * distance
    return effort.k * (1.0 - effort.p) * (distance / (1.0 - effort.p)) ** effort.exponent


@jit
def reach(effort, amount):
    """How far from the baseline an amount of effort takes the precision."""
    if effort.k == 0.0:
        return 1.0
    if effort.exponent == 1.0:
        return amount / effort.k
    return (1.0 - effort.p) * (amount / (effort.k * (1.0 - effort.p))) ** (1.0 / effort.exponent)


@jit
def buy_level(costs, baseline, level, left, initial):
    """The affordable level nearest to the one asked for: it lies between that and the baseline, which is free.

    left, initial: what remains of the effort, and what there was at the start.
    """
    while not pays(left, costs[level], initial):
        level += 1 if level < baseline else -1
    return level


@jit
def buy_precision(effort, q, left, initial):
    """The affordable precision nearest to the one asked for, of a continuum; otherwise as `buy_level`."""
    if pays(left, effort_of(effort, q), initial):
        return q
    distance = reach(effort, max(left, 0.0))
    return effort.p + distance if q > effort.p else effort.p - distance
