"""What a problem counts besides the return."""

from typing import Literal, NamedTuple


class Metric(NamedTuple):
    """A quantity that a problem counts in every episode."""

    name: str
    """Field of the state and column of the episodes table, shape (n,)."""
    label: str
    """Heading in tables."""
    how: Literal["total", "mean", "per step", "hidden"]
    """How tables condense it: the sum over episodes, the mean per episode, or the share of all steps. "hidden" is left out
    of tables: it stands in `info` and in the results of every episode."""
