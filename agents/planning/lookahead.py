"""What planners look ahead with: who plays on, what ends are worth, and which actions are tried."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ...baselines.core.policy import KernelPolicy, Policy
from ...baselines.core.random import RandomAction
from ...envs.core.problem import Problem
from ...envs.family import family_of, resolve
from .candidates import Around, Candidates, Listed, Neighbours, Proposed
from .evaluators import Evaluator, Rollout

Score = Callable[[NDArray[np.float64], NDArray[Any], NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
"""score(before (n, d), action (n, m), after (n, d), earned (n,)) -> (n,): how good a continuation looks, by the observations
before and after its latest action and by all it has earned."""


class Lookahead(NamedTuple):
    """What a family says of planners (`agents/<family>/lookahead.py`); everything has a default."""

    policy: str | None = None
    """Name of the agent to improve on; by default random actions, where any can be stepped."""
    proposers: tuple[str, ...] = ()
    """Names of agents that propose actions, where these can't be listed."""
    neighbours: Neighbours | None = None
    """Further actions near one; see `Proposed`."""
    evaluator: Callable[[Any], Evaluator] | None = None
    """evaluator(problem): what ends are worth; by default what the policy earns from there on."""
    score: Score | None = None
    """How good a continuation looks to `beam`; by default as good as what it has earned."""


class Basis(NamedTuple):
    """What a planner looks ahead with in one problem."""

    policy: Policy
    """Its action is the first candidate, and it plays on if it is compiled."""
    evaluator: Evaluator
    candidates: Candidates
    depth: int
    """Steps of the tree; more can't be searched with the candidates."""


def lookahead_of(problem: Problem) -> Lookahead:
    """What the problem's family says of planners; nothing by default."""
    lookahead = resolve(family_of(problem).lookahead)
    return Lookahead() if lookahead is None else lookahead


def check_lookahead(problem: Problem) -> None:
    """Check that there is a policy to improve on, and that it can serve the problem.

    Raises:
        ValueError: there is none, or it can't.
    """
    from ..registry import find_class, split_name

    name = lookahead_of(problem).policy
    if name is not None:
        find_class(split_name(name)[0], problem).check(problem)  # pyright: ignore[reportFunctionMemberAccess]
    elif problem.refuses_actions:
        raise ValueError(
            f"{type(problem).__name__} has no policy to improve on, and refuses some of the actions that a random one takes; "
            "give policy="
        )


def basis_of(
    problem: Problem,
    policy: str | Policy | None,
    evaluator: Evaluator | None,
    candidates: int | None,
    horizon: int | None = None,
) -> Basis:
    """The family's own, where nothing else is given.

    Args:
        problem: what to decide on.
        policy: a name or an agent.
        evaluator: what ends of the lookahead are worth.
        candidates: the most actions to try in a situation.
        horizon: steps that the policy plays on, where it does; None: to the end.

    Raises:
        ValueError: there is no policy to improve on, or what is given can't be looked ahead with.
    """
    family = lookahead_of(problem)
    base = _policy(problem, family, policy)
    space = problem.action_space
    if isinstance(space, spaces.Discrete):
        tried: Candidates = Listed(problem, base, candidates)
        depth = problem.horizon
    elif isinstance(space, spaces.Box):
        tried, depth = Around(problem, base, most=candidates or 8), problem.horizon
    else:
        others = [_policy(problem, family, name) for name in family.proposers if name != policy]
        tried, depth = Proposed(problem, [base, *others], candidates or 8, family.neighbours), 1
    return Basis(base, evaluator or _evaluator(problem, family, base, horizon), tried, depth)


def _policy(problem: Problem, family: Lookahead, policy: str | Policy | None) -> Policy:
    from ..registry import make_agent

    if isinstance(policy, Policy):
        return policy
    name = family.policy if policy is None else policy
    if name is not None:
        return make_agent(name, problem)
    check_lookahead(problem)
    return RandomAction(problem)


def _evaluator(problem: Problem, family: Lookahead, policy: Policy, horizon: int | None) -> Evaluator:
    if family.evaluator is not None:
        return family.evaluator(problem)
    if not isinstance(policy, KernelPolicy):
        raise ValueError(
            f"policy is {type(policy).__name__}, which is not compiled, so that it can't play the forks on; "
            "give an evaluator= of situations, or a compiled policy"
        )
    return Rollout(policy, horizon)
