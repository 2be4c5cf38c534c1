"""What becomes of the rest of a log that is too short for a whole episode."""

from __future__ import annotations

from typing import NamedTuple

from .checks import one_of

FRAGMENTS = ("omit", "scale", "whole")
"""Left out; an episode with its share of time and budget; an episode with the whole budget that ends early."""


class Cut(NamedTuple):
    """A log cut into episodes."""

    episodes: int
    fragment: int
    """Length of what is left over; 0 if nothing is."""
    is_played: bool
    """Whether the fragment is the last one of the episodes."""


def cut_log(length: int, T: int, fragment: str, source: str, unit: str) -> Cut:
    """Cut a log of this length into episodes of T, in its order.

    Args:
        length: of the log.
        T: length of an episode.
        fragment: one of `FRAGMENTS`.
        source: the log, for error messages.
        unit: what is counted, in the plural.

    Raises:
        ValueError: an unknown way with fragments, or one that leaves no episode.
    """
    one_of("fragment", fragment, FRAGMENTS)
    whole, rest = divmod(length, T)
    if whole == 0 and fragment == "omit":
        raise ValueError(
            f"{source} has {length} {unit}, too few for an episode of T = {T}; expected a smaller T, or fragment='scale', "
            "which gives them their share of the budget"
        )
    is_played = rest > 0 and fragment != "omit"
    return Cut(whole + is_played, rest, is_played)


def remark_of(cut: Cut, T: int, fragment: str, unit: str) -> tuple[str, ...]:
    """What a table of results must say of the fragment; nothing where there is none."""
    if cut.fragment == 0:
        return ()
    done = {
        "omit": "left out",
        "scale": f"an episode with {cut.fragment / T:.3g} of time and budget",
        "whole": f"an episode with the budget of {T}, which bidders or routers expect to last",
    }
    return (f"{cut.fragment} {unit} at the end of the log: {done[fragment]}",)
