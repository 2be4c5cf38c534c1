"""What the kernels of the society read and change: its parameters, and one state per world."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.problem import Rules
from ..steering import state as steering

PUBLIC_BELIEFS = ("assumed_bayes", "empirical", "none")
"""How actions move the public belief."""
ASSUMED_BAYES, EMPIRICAL, NONE = range(3)

BIN = 0.25
"""Width, in log-odds, of the public beliefs that count as the same situation."""
BINS = 41
"""Situations: the middle one is around even odds, the outer ones hold all that is beyond 5."""


class Params(NamedTuple):
    """What the kernels read."""

    planner: steering.Params
    """The planner's problem with one topic, whose periods are the rounds and whose effort is that of a whole cohort."""
    rules: Rules
    """Of the planner's ledger and observations."""
    public_belief: int
    """Of `PUBLIC_BELIEFS`."""
    cohort: int
    """M, agents who act at once."""


class State(NamedTuple):
    """W worlds, N agents, R rounds. A copy of it is a complete fork of the worlds."""

    planner: steering.State
    """Generator, ledger, hidden state and public belief: all that there is without agents who learn."""
    awaited: NDArray[np.bool_]  # (W,) a cohort has its signals and has not acted yet
    precision: NDArray[np.float64]  # (W, N) of each agent's signal; 0 before it is committed
    signal: NDArray[np.float64]  # (W, N) 1 good, -1 bad, 0 none yet
    action: NDArray[np.float64]  # (W, N) 1 good, -1 bad, 0 none yet
    situation: NDArray[np.int64]  # (W, R; or 0 unless empirical) the bin of the public belief in every round
    counts: NDArray[np.float64]  # (W, BINS or 0, levels, 2, 2) past agents by situation, precision, signal and action
