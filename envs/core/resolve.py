"""From a name to a problem."""

from __future__ import annotations

from typing import Any

import gymnasium as gym

from ..family import check_reference, resolve
from ..hints import near
from .problem import Problem


def make_problem(problem: str | type[Problem] | Problem, settings: dict[str, Any]) -> Problem:
    """A problem from an instance, a class, or the class's path "module:Class", made with `settings`.

    Raises:
        TypeError: a setting that the class does not take; the error names near matches.
    """
    if isinstance(problem, Problem):
        if settings:
            raise TypeError(f"settings {sorted(settings)} came with a problem that is already made")
        return problem
    check_reference("problem", problem)
    problem = resolve(problem)
    if not (isinstance(problem, type) and issubclass(problem, Problem)):
        raise TypeError(f"problem is {problem!r}; expected a Problem, its class, or 'module:Class'")
    problem = problem.variant(settings)
    known = problem.setting_names()
    for name in settings:
        if name not in known:
            # In Python's own words, which scripts that try out arguments look for (TorchRL's GymEnv with "frameskip").
            raise TypeError(f"{problem.__name__} got an unexpected keyword argument {name!r}{near(name, known)}")
    return problem(**settings)


def problem_of(env: Any) -> Problem:
    """The problem behind any face of the suite, through wrappers.

    Raises:
        TypeError: it is not an environment of the suite.
    """
    problem = getattr(getattr(env, "unwrapped", env), "problem", None)
    if not isinstance(problem, Problem):
        raise TypeError(f"{env!r} is not an environment of this suite")
    return problem


def as_problem(env: Any) -> Problem:
    """The problem of an environment, a face, a registered id, or a problem itself.

    Raises:
        TypeError: it is not an environment of the suite.
    """
    if isinstance(env, Problem):
        return env
    return problem_of(gym.make(env) if isinstance(env, str) else env)
