"""Fit a profile to a pair of models of which success rates and trace lengths are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.optimize import brentq

from .boundary import boundary
from .profile import Profile

SKILLS = (-12.0, 12.0)
GAPS = (0.0, 12.0)


def fit_profile(
    profile: Profile, small: float, large: float, *, large_calls: float | None = None, correlation: float | None = None
) -> Profile:
    """A profile whose first and last model reach the given success rates when they make all moves.

    Solves one equation after another, each monotone: the common skill for `large`, whose tier suffices for every subgoal;
    then the gap for `small`. Intermediate models are predictions to check. If `small` beats `large`, prices are inverted
    and no gap between tiers can explain it: both get a skill of their own, and the gap becomes 0.

    Two rates say nothing of criticality, silent failures and recovery, and these decide what routing can gain. The fitted
    profile says which of its numbers were data (`Profile.remarks`), and results of comparisons repeat it.

    Args:
        profile: what is known besides: limits, subgoals, criticality, silent failures, tokens and prices. Its skills,
            and its gap, are what is solved for.
        small, large: published success rates of always calling the first or the last model, in (0, 1).
        large_calls: mean number of calls of always-large; solved for with `give_up`.
        correlation: intra-task correlation of always-large's success, Var(success of a task) / (p (1 - p)); solved for
            with `spread`. tau2-bench's cells have .35 to .62.

    Raises:
        ValueError: a rate outside (0, 1), or a target that the profile cannot reach; the error gives the reachable range.
    """
    for name, rate in (("small", small), ("large", large), ("correlation", correlation)):
        if rate is not None and (isinstance(rate, bool | str) or not 0.0 < rate < 1.0):
            raise ValueError(f"{name} is {rate!r}; expected a number in (0, 1)")
    given = {"small": small, "large": large, "large_calls": large_calls, "correlation": correlation}
    profile = replace(profile, fitted_to=tuple((name, float(value)) for name, value in given.items() if value is not None))
    if small > large:
        profile = replace(profile, gap_weight=0.0)

    def fit_large(trial: Profile) -> Profile:
        return _solve("large", trial, _with_skill, SKILLS, lambda p: success_rates(p)[-1], large)

    def fit_length(trial: Profile) -> Profile:
        if large_calls is None:
            return fit_large(trial)
        change = _then(fit_large, lambda p, hazard: replace(p, give_up=hazard))
        return _solve("large_calls", trial, change, (0.0, 0.9), lambda p: mean_calls(p)[-1], large_calls)

    def fit_spread(trial: Profile) -> Profile:
        if correlation is None:
            return fit_length(trial)
        change = _then(fit_length, lambda p, spread: replace(p, spread=spread))
        return _solve("correlation", trial, change, (0.05, 6.0), lambda p: task_correlation(p)[-1], correlation)

    fitted = fit_spread(profile)
    if small > large:
        return _solve("small", fitted, _with_first_skill, SKILLS, lambda p: success_rates(p)[0], small)
    return _solve("small", fitted, lambda p, gap: replace(p, gap_weight=gap), GAPS, lambda p: success_rates(p)[0], small)


def success_rates(profile: Profile) -> np.ndarray:
    """Success of always calling a model, for each of them, (N,)."""
    bounds = boundary(profile)
    return bounds.mean(bounds.success, profile)


def mean_calls(profile: Profile) -> np.ndarray:
    """Mean calls of always calling a model, for each of them, (N,)."""
    bounds = boundary(profile)
    return bounds.mean(bounds.calls, profile)


def mean_dollars(profile: Profile) -> np.ndarray:
    """Mean cost per task of always calling a model, for each of them, (N,), in dollars."""
    bounds = boundary(profile)
    return bounds.mean(bounds.dollars, profile)


def task_correlation(profile: Profile) -> np.ndarray:
    """Intra-task correlation of success under always calling a model, (N,)."""
    bounds = boundary(profile)
    mean = bounds.mean(bounds.success, profile)
    return (bounds.mean(bounds.success**2, profile) - mean**2) / (mean * (1.0 - mean))


def _with_skill(profile: Profile, skill: float) -> Profile:
    return replace(profile, models=tuple(replace(model, skill=skill) for model in profile.models))


def _with_first_skill(profile: Profile, skill: float) -> Profile:
    first, *others = profile.models
    return replace(profile, models=(replace(first, skill=skill), *others))


def _then(
    solve: Callable[[Profile], Profile], change: Callable[[Profile, float], Profile]
) -> Callable[[Profile, float], Profile]:
    return lambda profile, value: solve(change(profile, value))


def _solve(
    name: str,
    profile: Profile,
    change: Callable[[Profile, float], Profile],
    bracket: tuple[float, float],
    reached: Callable[[Profile], float],
    target: float,
) -> Profile:
    """The changed profile that reaches the target, a monotone function of what is changed."""
    ends = sorted(float(reached(change(profile, end))) for end in bracket)
    if not ends[0] <= target <= ends[1]:
        raise ValueError(f"{name} is {target!r}; with this profile it can be from {ends[0]:.4g} to {ends[1]:.4g}")
    value = brentq(lambda x: float(reached(change(profile, x))) - target, *bracket, xtol=1e-7)
    return change(profile, float(np.round(value, 6)))  # type: ignore[arg-type]
