"""What the kernels of the trap tree read and change. n episodes, D levels."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from ..core import CoreState, Ints, Shape, state


class Params(NamedTuple):
    """What the kernels read."""

    branching: int
    depth: int
    traps: int
    backtrack: bool
    horizon: int


@state
class State(CoreState):
    """See `TrapTree` for the meaning."""

    solution: Annotated[Ints, Shape("depth")]
    """(n, D) the child to go to, level by level."""
    level: Ints
    """How deep one stands."""
    left_at: Ints
    """Level at which the way to the solution was left; 0: on it."""
    success: Ints
    trap_at_1: Ints
    first_error_step: Ints
    recovered: Ints
