"""Budgets: which resources an episode starts with, and how much of each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .checks import number

Amount: TypeAlias = float | tuple[float, float]
"""A fixed amount, or a range (low, high) from which every episode draws its own."""

BudgetLike: TypeAlias = "Budget | Amount | Mapping[str, Amount]"


@dataclass(frozen=True)
class Budget:
    """The initial amounts of an episode's resources.

    Args:
        amounts: resource -> amount, or (low, high) to draw it anew for every episode, so that one policy learns all budgets.
            Amounts are not negative, in the resource's own unit; a fixed amount may be `inf`, unlimited.
        log: draw ranges uniformly in the logarithm instead of uniformly.

    Raises:
        ValueError: an amount is negative or NaN, or a range is empty or without an end.
    """

    amounts: Mapping[str, Amount]
    log: bool = False

    def __post_init__(self) -> None:
        for resource in self.amounts:
            low, high = self.range_of(resource)
            if not (0.0 <= low <= high and (low == high or math.isfinite(high))):
                raise ValueError(
                    f"budget of {resource!r} is {self.amounts[resource]!r}; expected an amount >= 0, "
                    "or a range (low, high) with 0 <= low <= high, both finite"
                )
            if self.log and low != high and low <= 0.0:
                raise ValueError(f"budget of {resource!r} is {self.amounts[resource]!r}; a log range needs low > 0")

    def range_of(self, resource: str) -> tuple[float, float]:
        """The (low, high) of one resource; equal for a fixed amount."""
        amount = self.amounts[resource]
        if isinstance(amount, Sequence | np.ndarray):
            try:
                low, high = amount
            except (TypeError, ValueError):
                raise ValueError(f"budget of {resource!r} is {amount!r}; a range has two numbers, (low, high)") from None
            return _number(resource, low), _number(resource, high)
        return _number(resource, amount), _number(resource, amount)

    def arrays(self, resources: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper amounts, each (k,), in the order of `resources`."""
        ranges = np.array([self.range_of(resource) for resource in resources], dtype=np.float64)
        return ranges[:, 0].copy(), ranges[:, 1].copy()

    def middle(self, resources: Sequence[str]) -> float:
        """The expected initial amount of the first resource; for a range on a log scale, its geometric middle."""
        low, high = self.arrays(resources)
        return float(np.sqrt(low[0] * high[0]) if self.log else (low[0] + high[0]) / 2)


def as_budget(value: BudgetLike, resources: Sequence[str]) -> Budget:
    """Read a budget from a number, a range, a mapping by resource, or a `Budget`; check that it names the `resources`."""
    if isinstance(value, Budget):
        budget = value
    elif isinstance(value, Mapping):
        budget = Budget(dict(value))
    elif len(resources) == 1:
        budget = Budget({resources[0]: value})
    else:
        raise ValueError(f"budget={value!r}; this problem has several resources, expected a mapping with {list(resources)}")
    if set(budget.amounts) != set(resources):
        raise ValueError(f"budget names {sorted(budget.amounts)}; expected exactly the resources {sorted(resources)}")
    return budget


def _number(resource: str, value: object) -> float:
    return number(f"budget of {resource!r}", value, "a number or a range (low, high)")
