"""`Feature`: an entry of observations, declared once with its range, meaning and unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike, NDArray


class Feature(NamedTuple):
    """One entry of the observation, or several of a kind.

    Attributes:
        name: of the entry; with array bounds there are several, `name[0]`, `name[1]`, ...
        low: the smallest value it can take, or an array of them, one per entry.
        high: the largest value, likewise.
        meaning: what it shows, in a few words.
        unit: of the number, where it has one.
    """

    name: str
    low: ArrayLike
    high: ArrayLike
    meaning: str
    unit: str = ""

    @property
    def entries(self) -> list[str]:
        """The names of its entries in the observation."""
        return [self.name] if np.ndim(self.low) == 0 else [f"{self.name}[{j}]" for j in range(np.size(self.low))]


def check_features(owner: str, features: Sequence[Feature]) -> None:
    """Check names and ranges of a problem's own features.

    Raises:
        TypeError, ValueError: a feature that can't be meant; the error names it.
    """
    names: set[str] = set()
    for feature in features:
        if not isinstance(feature, Feature) or not (isinstance(feature.name, str) and feature.name):
            raise TypeError(f"{owner}: a feature is {feature!r}; expected Feature(name, low, high, meaning)")
        low, high = np.asarray(feature.low), np.asarray(feature.high)
        span = f"{owner}: feature {feature.name!r} reaches from {feature.low!r} to {feature.high!r}"
        if low.dtype.kind not in "fiub" or high.dtype.kind not in "fiub":
            raise TypeError(f"{span}; expected numbers")
        if low.shape != high.shape or not (low <= high).all():
            raise ValueError(f"{span}; expected bounds of one shape with low <= high")
        if twice := names.intersection(feature.entries):
            raise ValueError(f"{owner}: two features are called {sorted(twice)}")
        names |= set(feature.entries)


def budget_features(resources: Sequence[str]) -> list[Feature]:
    """The end of every budget-aware observation: the size of every budget, its remaining share, and the time left."""
    size = "size of the budget of {0}: initial / (initial + what an agent without a limit would use)"
    share = "remaining share of the {0}"
    words = [(resource, resource.replace("_", " ")) for resource in resources]
    sizes = [Feature(f"{resource}_size", 0.0, 1.0, size.format(word)) for resource, word in words]
    shares = [Feature(f"{resource}_remaining", 0.0, 1.0, share.format(word)) for resource, word in words]
    return [*sizes, *shares, Feature("time_remaining", 0.0, 1.0, "remaining share of the steps")]


def observation_space(features: Sequence[Feature]) -> tuple[tuple[str, ...], spaces.Box]:
    """The names of all entries, and the space of the observations that they make up."""
    names = tuple(name for feature in features for name in feature.entries)
    low, high = (np.concatenate([_flat(bound) for bound in bounds]) for bounds in _bounds(features))
    return names, spaces.Box(low, high, dtype=np.float64)


def observation_table(features: Sequence[Feature]) -> str:
    """The features as a table in Markdown: index, name, meaning and range of every entry."""
    rows = ["| Index | Name | Meaning | Range |", "|---|---|---|---|"]
    first = 0
    for feature in features:
        last = first + len(feature.entries) - 1
        index = f"{first}" if last == first else f"{first}..{last}"
        name = feature.name if last == first else f"{feature.name}[0..{last - first}]"
        meaning = f"{feature.meaning} ({feature.unit})" if feature.unit else feature.meaning
        rows.append(f"| {index} | {name} | {meaning} | [{np.min(feature.low):g}, {np.max(feature.high):g}] |")
        first = last + 1
    return "\n".join(rows)


def _bounds(features: Sequence[Feature]) -> tuple[list[ArrayLike], list[ArrayLike]]:
    return [feature.low for feature in features], [feature.high for feature in features]


def _flat(bound: ArrayLike) -> NDArray[np.float64]:
    return np.atleast_1d(np.asarray(bound, float)).ravel()
