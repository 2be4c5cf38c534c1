"""What the steering kernels read and change."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core import Bools, CoreState, Floats, Ints, Shape, state
from . import behaviour as bh
from .effort import Effort


class Params(NamedTuple):
    """What the kernels read. K topics, m precisions, T periods."""

    biased: bool
    """The planner wants the good action whatever the state; otherwise the right one."""
    realised: bool
    """Reward what the agents did; otherwise its expectation given the public belief."""
    loss: float
    """C, of an action that the planner does not want."""
    price: float
    """What a unit of effort takes from the reward."""
    effort: Effort
    behaviour: bh.Behaviour
    own_on_ties: bool
    periods: int
    survival: float
    """Probability that another agent comes: the discount factor."""
    hazard: float
    """Probability that the state switches after a period."""
    prior_low: float
    prior_high: float
    on_scale: bool
    """The action is a precision on a scale from -1 to 1; otherwise the number of one."""
    listed: bool
    """There is a list of precisions, to the nearest of which one asked for on the scale is rounded; otherwise a continuum."""
    q_max: float
    levels: NDArray[np.float64]
    """(m,) the precisions on offer, increasing; they include the baseline."""
    strengths: NDArray[np.float64]
    """(m,) log-odds of these."""
    costs: NDArray[np.float64]
    """(m,) effort that they take."""
    baseline: int
    """Which of them is free."""
    observes: NDArray[np.bool_]
    """(T, T) whether agent t observes agent s; empty: everybody observes all before her, and understands them."""
    history: bool
    """Show what happened only, not the beliefs."""


@state
class State(CoreState):
    """One entry (or row of K topics) per episode: the fields of the core, then the society."""

    good: Annotated[Bools, Shape("topics")]
    """(n, K) the hidden state."""
    prior: Floats
    """(n,) log-odds that the episode began with."""
    log_odds: Annotated[Floats, Shape("topics")]
    """(n, K) the planner's belief."""
    belief: Annotated[Floats, Shape("topics")]
    """(n, K) the same as a probability."""
    opinion: Annotated[Floats, Shape("opinions")]
    """(n, K or 0) log-odds that the next agent takes from what she sees, if not the belief."""
    said: Annotated[Floats, Shape("observed")]
    """(n, T or 0) every action so far at face value, in log-odds; for networks."""
    last_precision: Annotated[Floats, Shape("topics")]
    """(n, K)."""
    last_action: Annotated[Floats, Shape("topics")]
    """(n, K) 1 good, -1 bad, 0 none yet."""
    last_informative: Annotated[Floats, Shape("topics")]
    """(n, K) whether that action said anything about the state."""
    errors: Ints
    """Wrong actions so far."""
    good_actions: Ints
    informative: Ints
    """Actions so far that said something."""
