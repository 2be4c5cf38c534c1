"""What is known about the best possible result of a problem: exact optima, and upper bounds for single episodes.

Every family has an `Oracle` of its own (`baselines/<family>/oracle.py`). It names the settings that it accounts for. Any other
setting that is not at its default makes optimum and bounds unknown: a ceiling that may be wrong is never shown.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...envs.core.batch import Batch
from ...envs.core.checks import same
from ...envs.core.problem import Problem
from ...envs.family import family_of, resolve


class Oracle(NamedTuple):
    """The answers that a family has. All speak of `problem.score`."""

    settings: frozenset[str] = frozenset()
    """Arguments of the problem that the answers account for, beside those that set the budget."""
    bounds: Callable[[Any, Batch], NDArray[np.float64]] | None = None
    """bounds(problem, batch) -> (n,): for every lane of a batch that was just reset, a bound that no policy exceeds in
    that very episode. Leaves the batch unplayed."""
    optimum: Callable[..., float] | None = None
    """optimum(problem, *amounts), an amount of each resource: expected score of the best policy that does not know the
    future, or a proved upper bound on it; ValueError if unknown."""
    null: Callable[[Any], float] | None = None
    """null(problem): expected score of doing nothing, from which shares of the optimum are measured; 0 without it;
    ValueError if unknown."""


def oracle_of(problem: Problem) -> Oracle:
    """The oracle of the problem's family; an empty one where nothing is known."""
    oracle = resolve(family_of(problem).oracle)
    if not (oracle is None or isinstance(oracle, Oracle)):
        raise TypeError(f"the oracle of the family {family_of(problem).name!r} is {oracle!r}; expected Oracle(...)")
    return Oracle() if oracle is None else oracle


def own_kernels(problem: Problem) -> bool:
    """Whether the problem's class replaces the kernels of the classes that its family's record names."""
    family = family_of(problem)
    known = {resolve(reference) for reference in (family.problem, *(e.problem for e in family.environments.values()))}
    own = itertools.takewhile(lambda cls: cls not in known, type(problem).__mro__)
    return any({"kernels", "state_class"} & vars(cls).keys() for cls in own)


def unaccounted_settings(problem: Problem) -> list[str]:
    """The settings of the problem that differ from their defaults and that its family's oracle does not account for."""
    known = {*oracle_of(problem).settings, *problem.budget_settings, *problem.limit_settings}
    defaults = problem.setting_defaults()
    return [name for name, value in problem.settings.items() if name not in known and not same(value, defaults.get(name))]


def why_unaccounted(problem: Problem) -> str | None:
    """What of the problem its family's oracle does not account for: kernels, settings or a limit of steps; None if it accounts
    for all."""
    if own_kernels(problem):
        return f"{type(problem).__name__} has kernels of its own, which its family's oracle does not account for"
    if problem.max_episode_steps is not None:
        cut = f"are truncated after {problem.max_episode_steps} steps"
        return f"episodes {cut}, which the oracle of {type(problem).__name__} does not account for"
    if unknown := unaccounted_settings(problem):
        return f"the oracle of {type(problem).__name__} does not account for {', '.join(unknown)}"
    return None


def check_settings(problem: Problem) -> None:
    """Check that the family's oracle accounts for all of the problem, as agents that rely on its law need.

    Raises:
        ValueError: it doesn't; the error names the settings.
    """
    if (reason := why_unaccounted(problem)) is not None:
        raise ValueError(reason)


def why_unknown(problem: Problem) -> str | None:
    """Why the optimum of the problem at its own budget is unknown; None if it is known."""
    return known_optimum(problem)[1]


def episode_bounds(problem: Problem, batch: Batch) -> NDArray[np.float64]:
    """An upper bound on the score of every episode of a batch that was just reset, (n,); NaN where none is known."""
    oracle = oracle_of(problem)
    if oracle.bounds is None or why_unaccounted(problem) is not None:
        return np.full(batch.n, math.nan)
    return oracle.bounds(problem, batch)


def exact_optimum(problem: Problem) -> float:
    """The best expected score of an episode at the problem's own budget; NaN if unknown or if budgets vary."""
    return known_optimum(problem)[0]


def known_optimum(problem: Problem) -> tuple[float, str | None]:
    """The best expected score of an episode at the problem's own budget, or NaN and why it is unknown."""
    oracle = oracle_of(problem)
    low, high = problem.budget.arrays(problem.resources)
    if oracle.optimum is None:
        return math.nan, f"no optimum is known of {type(problem).__name__}"
    if (low != high).any():
        return math.nan, "budgets vary"
    try:
        check_settings(problem)
        return oracle.optimum(problem, *low.tolist()), None
    except ValueError as error:
        return math.nan, str(error)


def null_score(problem: Problem) -> float:
    """The expected score of doing nothing, from which shares of the optimum are measured; NaN if unknown."""
    null = oracle_of(problem).null
    try:
        if null is None:
            return 0.0
        check_settings(problem)
        return null(problem)
    except ValueError:
        return math.nan
