"""From a name to a problem."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from typing import Any

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
    if isinstance(problem, str):
        module, _, name = problem.partition(":")
        problem = getattr(importlib.import_module(module), name)
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


def unknown_instance(name: Any, known: Iterable[str]) -> ValueError:
    """The error for an instance that there is not: near matches first, then all there are."""
    names = list(known)
    close = difflib.get_close_matches(str(name), names, n=2)
    hint = f"did you mean {' or '.join(map(repr, close))}? " if close else ""
    return ValueError(f"unknown instance {name!r}; {hint}the instances are {', '.join(map(repr, names))}")


def near(word: str, known: list[str]) -> str:
    """A hint for an error message: the known words that look like `word`, or all of them."""
    matches = difflib.get_close_matches(word, known, n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(map(repr, matches))}?" if matches else f"; expected one of {', '.join(known)}"
