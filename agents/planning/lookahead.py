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
from .candidates import Around, Candidates, Listed, Neighbours, Proposed, changed_components
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
    """Further actions near one; see `Proposed`. By default random changes, where nobody else proposes."""
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
    if not (lookahead is None or isinstance(lookahead, Lookahead)):
        raise TypeError(f"the lookahead of the family {family_of(problem).name!r} is {lookahead!r}; expected Lookahead(...)")
    return Lookahead() if lookahead is None else lookahead


def check_lookahead(problem: Problem) -> None:
    """Check that there is a policy to improve on, which can be made without learning or planning.

    Raises:
        ValueError: there is none.
    """
    from ..registry import PLANNERS, find_agent, why_not

    name = lookahead_of(problem).policy
    if name is None:
        if problem.refuses_actions:
            raise ValueError(
                f"{type(problem).__name__} has no policy to improve on, and refuses some of the actions that a random one "
                "takes; give policy="
            )
        return
    if name in PLANNERS or find_agent(name, problem).learns:
        raise ValueError(f"the policy to improve on is {name!r}; expected an agent that neither learns nor plans")
    if (reason := why_not(name, problem)) is not None:
        raise ValueError(f"the policy to improve on is {name!r}: {reason}")


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
        neighbours = family.neighbours
        if neighbours is None and not others and not problem.refuses_actions:
            neighbours = changed_components
        tried, depth = Proposed(problem, [base, *others], candidates or 8, neighbours), 1
    return Basis(base, evaluator or _evaluator(problem, family, base, horizon), tried, depth)


def _policy(problem: Problem, family: Lookahead, policy: str | Policy | None) -> Policy:
    from ..registry import make_agent

    if isinstance(policy, Policy):
        return policy
    if policy is None:
        check_lookahead(problem)
        policy = family.policy
    return RandomAction(problem) if policy is None else make_agent(policy, problem)


def _evaluator(problem: Problem, family: Lookahead, policy: Policy, horizon: int | None) -> Evaluator:
    if family.evaluator is not None:
        return family.evaluator(problem)
    if not isinstance(policy, KernelPolicy):
        raise ValueError(
            f"policy is {type(policy).__name__}, which is not compiled, so that it can't play the forks on; "
            "give an evaluator= of situations, or a compiled policy"
        )
    return Rollout(policy, horizon)
