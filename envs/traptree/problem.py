"""`TrapTree`: a tree in which what looks good leads nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

from ..core.checks import boolean, natural, positive_integer
from ..core.features import Feature
from ..core.metrics import Metric
from ..core.problem import Kernels, Problem
from . import kernels as k
from .reading import Reading
from .state import Params, State

LARGEST_TREE = 1_000_000
"""Children of a node, and levels, at most."""


class TrapTree(Problem):
    """
    ## Description
    A complete tree, one leaf of which pays. From a node one sees a local score of every child, and at the first `traps`
    levels these scores point away from the solution: the right child looks worst, all others (decoys) look good, and below
    decoys everything goes on looking good. Deeper on the right way the scores are honest. So an agent that decides step by
    step by the scores, or keeps fewer continuations than there are decoys, loses the solution at the first move, and one
    that looks far enough ahead finds it: the constructions of "Why Reasoning Fails to Plan" (arXiv:2601.22311), propositions
    3.1 to 3.3.

    The tree is deterministic, and known to planners that look ahead in forks, as in the paper. It is a test for planners, not
    of learning: an agent that knows the construction reads the trap off the scores (see `contrarian`).

    ## Action Space
    `Discrete(b)`: the child to go to. `backtrack=True` adds action b: back to the parent; at the root one stays.

    ## Observation Space
    For b = 4 children:

    | Index | Name | Meaning | Range |
    |---|---|---|---|
    | 0 | level | how deep one stands, / depth | [0, 1] |
    | 1 | at_leaf | one stands at a leaf | {0, 1} |
    | 2 | score[0] | local score of the first child; 0 at a leaf | {0, 1} |
    | 3 | score[1] | | {0, 1} |
    | 4 | score[2] | | {0, 1} |
    | 5 | score[3] | | {0, 1} |
    | 6 | moves_size | size of the budget: initial / (initial + depth) | [0, 1] |
    | 7 | moves_remaining | remaining share of the budget | [0, 1] |
    | 8 | time_remaining | remaining share of the episode's steps | [0, 1] |

    `budget_aware=False` leaves out the last three.

    ## Rewards
    1 for reaching the solution, else 0.

    ## Budget
    One resource, `moves`: every step costs 1, a step back too. By default as many as an episode has steps. When nothing is
    left the episode ends; with less than one move at the start, the first step is not made (`info["blocked"]`) and ends it.

    ## Starting State
    The root of a tree whose solution is drawn among all leaves.

    ## Episode End
    At the solution. Without `backtrack` at any leaf. When moves or steps (`horizon`) are used up.

    ## Information
    The ledger; `success`; `trap_at_1` (the first move left the way to the solution), `first_error_step` (number of the first
    move that did, from 1; 0 none), `recovered` (solved although a move had left the way). Tables have the last two of the
    episodes in which a move left the way, and their number.

    ## Arguments
    | Name | Meaning | Default |
    |---|---|---|
    | branching | children of a node, b >= 2 | 4 |
    | depth | levels, D >= 1 | 4 |
    | traps | levels at which scores mislead, 0..D | 1 |
    | backtrack | see Action Space | False |
    | horizon | steps of an episode, >= D | D, with `backtrack` 3 D |
    | budget | moves: an amount (`inf`: no limit), or a range to draw it from | horizon |
    | budget_aware | see Observation Space | True |

    ## Instances
    The default needs four moves of foresight among 256 leaves.

    ## Exact optimum
    1 with at least D moves, else 0. `budgetgym.baselines.traptree.oracle` says when step-wise decisions, beams and lookahead
    succeed.

    ## References
    Why Reasoning Fails to Plan: A Planning-Centric Analysis of Long-Horizon Decision Making in LLM Agents. arXiv:2601.22311.

    ## Version History
    * v0: initial version. Since its first draft observations are float32 by default, and actions that are infeasible or out of
      range are projected or clipped in place of an error.
    """

    kernels = Kernels(k.reset, k.step, k.observe)
    state_class = State
    resources = ("moves",)
    budget_settings = ("budget",)
    metrics = (
        Metric("success", "success", "mean"),
        Metric("trap_at_1", "trap at 1", "mean"),
        Metric("first_error_step", "first error step", "mean", among="first_error_step"),
        Metric("recovered", "recovered", "mean", among="first_error_step"),
    )

    def __init__(
        self,
        *,
        branching: int = 4,
        depth: int = 4,
        traps: int = 1,
        backtrack: bool = False,
        horizon: int | None = None,
        budget: Any = None,
        budget_aware: bool = True,
    ) -> None:
        b, D = positive_integer("branching", branching, LARGEST_TREE), positive_integer("depth", depth, LARGEST_TREE)
        if b < 2:
            raise ValueError(f"branching is {branching!r}; expected at least 2 children")
        if natural("traps", traps) > D:
            raise ValueError(f"traps is {traps!r}; expected 0..{D}, one for each of {D} levels at most")
        back = boolean("backtrack", backtrack)
        steps = (3 * D if back else D) if horizon is None else positive_integer("horizon", horizon)
        if steps < D:
            raise ValueError(f"horizon is {horizon!r}; expected at least the depth, {D}")
        super().__init__(
            params=Params(branching=b, depth=D, traps=traps, backtrack=back, horizon=steps),
            features=[
                Feature("level", 0.0, 1.0, "how deep one stands, as a share of the depth"),
                Feature("at_leaf", 0.0, 1.0, "whether one stands on a leaf"),
                Feature("score", np.zeros(b), np.ones(b), "local score of each child; 0 at a leaf"),
            ],
            action_space=spaces.Discrete(b + back),
            horizon=steps,
            budget=float(steps) if budget is None else budget,
            budget_scale=float(D),
            budget_aware=budget_aware,
        )

    @property
    def sizes(self) -> Mapping[str, int]:
        """The levels of the tree."""
        return {"depth": self.params.depth}

    def check_state(self, state: State) -> None:
        """Nobody stands below the leaves, and solutions are children that there are."""
        if (state.level > self.params.depth).any() or (state.solution >= self.params.branching).any():
            raise ValueError("the snapshot is of another problem: this tree has fewer levels or children")

    @property
    def reading(self) -> Reading:
        """What agents need to read observations."""
        return Reading(self.params.branching, self.params.depth)

    @property
    def score(self) -> str:
        """`success`, which is all that is rewarded."""
        return "success"

    @property
    def instance(self) -> str:
        """The tree in words."""
        p = self.params
        return f"{p.branching} children, depth {p.depth}, {p.traps} traps" + (", backtracking" if p.backtrack else "")
