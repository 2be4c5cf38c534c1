"""What planners look ahead with, by family: who plays on, what ends are worth, and which actions are tried."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ...baselines.bidding.bidders import largest_budget
from ...baselines.bidding.values import rlb_values
from ...baselines.core.policy import KernelPolicy, Policy
from ...envs.bidding.problem import RealTimeBidding
from ...envs.bidding.reading import read_auctions_left, read_remaining
from ...envs.core.problem import Problem
from ...envs.restless.problem import Restless
from ...envs.routing.agentic.problem import AgenticRouting
from ...envs.steering.problem import SocialSteering
from ...envs.traptree.problem import TrapTree
from ...envs.workflow.problem import WorkflowRouting
from ..restless.features import read_rows
from ..restless.sequoia.base import LagrangianBase
from .candidates import Around, Candidates, Listed, Proposed
from .evaluators import Evaluator, Rollout, Value


class Sight(NamedTuple):
    """What a lookahead needs of a family."""

    policy: Policy
    """Its action is the first candidate, and it plays on if it is compiled."""
    evaluator: Evaluator
    candidates: Candidates
    depth: int
    """Steps of the tree; more can't be searched with the candidates."""


POLICIES: dict[type[Problem], str] = {
    RealTimeBidding: "ss_mdp",
    AgenticRouting: "criticality_gated",
    WorkflowRouting: "hedged",
    Restless: "lagrangian",
    SocialSteering: "threshold",
    TrapTree: "greedy",
}
"""Family -> the policy to improve on."""

PROPOSERS: dict[type[Problem], tuple[str, ...]] = {
    WorkflowRouting: ("hedged", "cheapest", "strongest", "fastest", "per_dollar", "per_second", "paced", "timed"),
    Restless: ("lagrangian", "joint", "myopic", "constant"),
}
"""Family with combinatorial actions -> who proposes some."""


def sight_of(
    problem: Problem,
    policy: str | Policy | None,
    evaluator: Evaluator | None,
    candidates: int | None,
    horizon: int | None = None,
) -> Sight:
    """A family's own, where nothing else is given.

    Args:
        problem: what to decide on.
        policy: a name or an agent.
        evaluator: what ends of the lookahead are worth.
        candidates: the most actions to try in a situation.
        horizon: steps that the policy plays on, where it does; None: to the end.

    Raises:
        ValueError: nothing is known of the family, and no policy is given; or what is given can't be looked ahead with.
    """
    base = _policy(problem, policy)
    space = problem.action_space
    if isinstance(space, spaces.Discrete):
        tried: Candidates = Listed(problem, base, candidates)
        depth = problem.horizon
    elif isinstance(space, spaces.Box):
        tried, depth = Around(problem, base, most=candidates or 8), problem.horizon
    else:
        names = next((PROPOSERS[family] for family in type(problem).__mro__ if family in PROPOSERS), ())
        others = [_policy(problem, name) for name in names if name != policy]
        tried, depth = Proposed(problem, [base, *others], candidates or 8, near=True), 1
    return Sight(base, evaluator or _evaluator(problem, base, horizon), tried, depth)


def _policy(problem: Problem, policy: str | Policy | None) -> Policy:
    from ..registry import make_agent

    if isinstance(policy, Policy):
        return policy
    if policy is None:
        policy = next((POLICIES[family] for family in type(problem).__mro__ if family in POLICIES), None)
    if policy is None:
        raise ValueError(f"policy is None, and {type(problem).__name__} has no default; give one to look ahead with")
    return make_agent(policy, problem)


def _evaluator(problem: Problem, policy: Policy, horizon: int | None) -> Evaluator:
    if isinstance(problem, RealTimeBidding):
        return Value(MoneyLeft(problem))
    if isinstance(problem, Restless):
        return Value(RelaxationAhead(problem))
    if not isinstance(policy, KernelPolicy):
        raise ValueError(
            f"policy is {type(policy).__name__}, which is not compiled, so that it can't play the forks on; "
            "give an evaluator= of situations, or a compiled policy"
        )
    return Rollout(policy, horizon)


class MoneyLeft:
    """What the money left is worth in the auctions left, if every impression were an average one: RLB's value table."""

    def __init__(self, problem: RealTimeBidding) -> None:
        self._reading, self._value = problem.reading, rlb_values(problem, largest_budget(problem))

    def __call__(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, d) observations -> (n,)."""
        last = self._value.shape[1] - 1
        read = [(read_auctions_left(self._reading, row), min(read_remaining(self._reading, row), last)) for row in rows]
        t, b = np.array(read).T
        return self._value[t, b]


class RelaxationAhead:
    """What the arms earn until the end under the Lagrangian relaxation, an upper bound."""

    def __init__(self, problem: Restless) -> None:
        self._problem, self._base = problem, LagrangianBase(problem)

    def __call__(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, d) observations -> (n,)."""
        return self._base.ahead(*read_rows(self._problem, rows))
