"""What the workflow kernels read and change."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core import Bits, CoreState, Floats, Ints, Shape, state


class Params(NamedTuple):
    """What the kernels read. V subtasks, M models, up to K equally likely lengths of a sample."""

    samples: int
    """N, the most parallel samples of a launch."""
    everything: int
    """The set of all subtasks, as bits."""
    before: NDArray[np.int64]
    """(V,) the set of the subtasks that must be completed before."""
    success: NDArray[np.float64]
    """(V, M) probability that a sample passes."""
    atoms: NDArray[np.int64]
    """(V, M) how many of the K lengths there are."""
    dollars: NDArray[np.float64]
    """(V, M, K) price of a sample of every length, ascending; filled up with the longest."""
    seconds: NDArray[np.float64]
    """(V, M, K) its duration, likewise."""


@state
class State(CoreState):
    """One entry per episode: the fields of the core, then the workflow's."""

    sample_key: Bits
    """Key of the random numbers of all samples of the episode."""
    done: Ints
    """The set of completed subtasks, as bits."""
    attempts: Annotated[Ints, Shape("subtasks")]
    """(n, V) samples drawn of every subtask."""
    samples: Ints
    """Samples drawn in all."""
    solved: Ints
    """Completed subtasks."""
    elapsed: Floats
    """Seconds."""
    completed: Ints
    """Whether all are: 0 or 1."""
