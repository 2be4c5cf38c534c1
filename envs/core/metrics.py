"""What a problem family reports beside the return."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Metric(NamedTuple):
    """One family metric and how it is condensed over the episodes of a comparison.

    Attributes:
        name: Column of the episodes table that holds the metric, one number per episode.
        label: Heading in tables and reports, for example "win rate".
        how: "total" is the sum over episodes, "mean" the mean per episode, "per step" the sum over episodes divided by
            the number of steps in all of them.
    """

    name: str
    label: str
    how: Literal["total", "mean", "per step"]
