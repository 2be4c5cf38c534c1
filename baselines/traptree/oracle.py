"""Who finds the solution of a `TrapTree`, in closed form."""

from __future__ import annotations

from ...envs.core.ledger import pays
from ...envs.traptree.problem import TrapTree
from ..core.oracle import Oracle


def optimal_value(problem: TrapTree, budget: float) -> float:
    """The success of the best agent that knows the tree: 1 if it can pay the way down, else 0."""
    return float(pays(budget, problem.params.depth, budget))


def random_success(problem: TrapTree) -> float:
    """The success probability of random moves down, without backtracking: b^-D.

    Raises:
        ValueError: with backtracking, which this does not cover.
    """
    _without_backtracking(problem)
    return float(problem.params.branching**-problem.params.depth)


def stepwise_success(problem: TrapTree) -> float:
    """The success of going to the child with the best score, whatever the rule for ties: 0 with a trap, else 1."""
    return float(problem.params.traps == 0)


def beam_success(problem: TrapTree, width: int) -> float | None:
    """The success of a beam that keeps the `width` best-scored nodes of every level.

    0 if there is a trap and no more places than decoys: they take all of them. 1 without traps, or if all nodes but leaves
    find a place. In between it depends on how ties are broken: None.
    """
    p = problem.params
    if p.traps == 0 or width >= p.branching ** (p.depth - 1):
        return 1.0
    return 0.0 if width <= p.branching - 1 else None


def lookahead_success(problem: TrapTree, steps: int) -> float:
    """The success of trying all ways of `steps` steps before every move and going by the best return, by score among equals.

    The reward lies D moves from the root. With a trap it has to be seen from there; without, scores lead to it.
    """
    _without_backtracking(problem)
    return float(problem.params.traps == 0 or steps >= problem.params.depth)


def _without_backtracking(problem: TrapTree) -> None:
    if problem.params.backtrack:
        raise ValueError("backtrack is True; this closed form is for trees without backtracking")


SETTINGS = frozenset({"branching", "depth", "traps", "backtrack", "horizon", "budget_aware"})
"""What optimum and bounds account for. A setting that is added to the problem makes them unknown until it stands here."""

ORACLE = Oracle(SETTINGS, optimum=optimal_value)
