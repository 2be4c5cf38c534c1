"""What the kernels of a replayed routing log read and change."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...core import Bools, CoreState, Floats, Ints, Shape, state


class Params(NamedTuple):
    """What the kernels read. n rows, m models, K domains; money in dollars."""

    tasks: int
    """T, per episode."""
    episodes: int
    """Of the log."""
    scales_fragment: bool
    """An episode at the end of the log that is too short has its share of time and budget, and not those of a whole one."""
    shuffled: bool
    """Every task is drawn at random, not the next one of the log."""
    shows_budget: bool
    """Observations show which models can be afforded, and the tasks left."""
    steps: int
    """In the longest task; scale of the step in observations."""
    cost_scale: float
    """Scale of costs in observations."""
    most_expensive: int
    """The model whose calls are counted."""
    outcome: NDArray[np.float64]
    """(n, m)"""
    cost: NDArray[np.float64]
    """(n, m) what a call costs, known only after it."""
    expected: NDArray[np.float64]
    """(n, m) what a call is expected to cost."""
    quote: NDArray[np.float64]
    """(n, m) the most that a call can cost."""
    length: NDArray[np.float64]
    """(n,) standardised length of the prompt."""
    domain: NDArray[np.int64]
    """(n,)"""
    last: NDArray[np.bool_]
    """(n,) the row ends its task."""
    start: NDArray[np.int64]
    """(tasks of the log,) the first row of each."""
    mean_outcome: NDArray[np.float64]
    """(m,) of all rows."""
    order: NDArray[np.int64]
    """(n,) the rows by domain, and in a domain by length."""
    rank: NDArray[np.int64]
    """(n,) where a row stands in that order."""
    domain_start: NDArray[np.int64]
    """(K + 1,) where a domain begins in that order."""


@state
class State(CoreState):
    """One entry per episode: the fields of the core, then the router's."""

    shown: Ints
    """The row that waits, whose features are seen."""
    source: Ints
    """Hidden: the row that answers; the same one, except in a planner's fork."""
    imagined: Bools
    """A planner's fork: the log's future is forgotten, tasks are drawn at random."""
    step: Ints
    """Calls so far in this task."""
    passing: Annotated[Floats, Shape(fill=1.0)]
    """Hidden: product of the outcomes so far in this task."""
    belief: Annotated[Floats, Shape(fill=1.0)]
    """What that product is expected to be, from the models called."""
    done: Ints
    """Tasks finished."""
    quality: Floats
    """Sum of their outcomes."""
    expensive_calls: Ints
    """Calls to the most expensive model."""
    unanswered: Ints
    """Calls for which no model could be afforded."""
