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
    among: str | None = None
    """Field of the state, (n,), that is above 0 in the episodes that have a value. The others have none: it is NaN in the
    results of episodes, and tables leave them out and count those that have one. By default every episode has a value."""
