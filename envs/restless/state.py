"""What the restless kernels read and change."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core import CoreState, Floats, Ints, Shape, state
from .coupling import Coupling


class Params(NamedTuple):
    """What the kernels read. J arms with S states and L levels; m components of an action."""

    coupling: Coupling
    members: Any
    """The feasible set's own arrays."""
    order: NDArray[np.int64]
    """(m,) in which the components of an action are taken up that can't be done as it is."""
    project: bool
    """Cut an infeasible action back; otherwise it never gets here."""
    laws: NDArray[np.float64]
    """(J * L * S, 2 * S) for arm, level and state, side by side because they are read together: the expected reward of a
    step; the cumulative probabilities of all next states but the last; the reward for every next state."""
    levels: int
    """L"""
    one_by_one: bool
    """The coupling is the identity: every component of the action pulls an arm."""
    start: NDArray[np.float64]
    """(J, S) cumulative distribution of the first state."""
    expected: bool
    """Reward the expectation given state and action; otherwise what came of it."""
    one_hot: bool
    horizon: int


@state
class State(CoreState):
    """One entry per episode: the fields of the core, then the arms."""

    arms: Annotated[Ints, Shape("arms")]
    """(n, J) state of every arm."""
    pulled: Annotated[Ints, Shape("components")]
    """(n, m) the latest action as it was carried out."""
    level: Annotated[Ints, Shape("arms")]
    """(n, J) how it treated every arm."""
    scratch: Annotated[Ints, Shape("scratch")]
    """(n, d) for the test of the feasible set to write on."""
    realised: Floats
    """Sum of the rewards that came of it."""
