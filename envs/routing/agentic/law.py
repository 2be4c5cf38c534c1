"""The probabilities of one move. The kernels draw from these functions; the exact solvers and the filter sum over them.

A move by model m at difficulty d, with required tier r, e errors and corruption z, ends in one of three events that the
router can distinguish: ROLLBACK (a corruption was found: the last subgoal is undone), PROGRESS (the next subgoal, or so it
looks: a silent failure looks the same) and ERROR. Silent failure of a corrupted task changes nothing, so that whether it is
corrupted does not show before it is found.
"""

from __future__ import annotations

from ...core import jit
from .profile import ERROR_LEVELS

PROGRESS, ERROR, ROLLBACK, CLEAN = 0, 1, 2, 3
"""Events of a step. CLEAN: a verdict that nothing is wrong."""

WORST = ERROR_LEVELS - 1


@jit
def found(laws, m, z):
    """Probability that model m finds and repairs a corruption in this step."""
    return laws.recovery[m] * z


@jit
def success(laws, d, m, r, e):
    """Probability that the move succeeds, if nothing was found."""
    return laws.success[d, m, r, e]


@jit
def silent(laws, m, r):
    """Probability that a move that fails does so silently."""
    return laws.silent[m, r]


@jit
def accused(laws, m, z):
    """Probability that model m's verdict is that the work is corrupted."""
    return laws.accuracy[m] * z + (1.0 - laws.accuracy[m]) * (1 - z)


@jit
def given_up(laws, e):
    """Probability that the agent gives up after a step that left it with e errors."""
    return laws.give_up if e == WORST else 0.0


@jit
def zone(g, subgoals):
    """1 if subgoal g (from 0) lies in the middle third, else 0."""
    return 1 if 2 * subgoals < 3 * (2 * g + 1) < 4 * subgoals else 0


@jit
def errors_after(event, e):
    """Errors that weigh on the agent after an event."""
    if event == PROGRESS:
        return max(e - 1, 0)
    if event == ERROR:
        return min(e + 1, WORST)
    return 1 if event == ROLLBACK else e


@jit
def signalled(accuracy, r, signal, tiers):
    """Probability of the criticality signal `signal` where tier r is required."""
    return accuracy if r == signal else (1.0 - accuracy) / (tiers - 1)
