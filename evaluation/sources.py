"""Which source files a result depends on: to edit one family leaves the kept results of all others valid."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import budgetgym

from ..envs.core.problem import Problem
from ..envs.family import Family, Reference, agents_of, family_of

PLAYS = ("budgetgym.evaluation.evaluate", "budgetgym.evaluation.leaderboard_run")
"""What plays and condenses episodes; what only shows them is left out."""

PACKAGE = Path(budgetgym.__file__).parent


def sources_digest(problem: Problem, agent: type) -> bytes:
    """A digest of all files of this package that can have a say in how the agent plays the problem.

    These are the files of the problem and its bases, of the agent, of everything that the family's record names, and of what
    plays, with all that they import.
    """
    names = {cls.__module__ for cls in (*type(problem).__mro__, *agent.__mro__)}
    digest = hashlib.sha256()
    for path in sorted(reachable({*PLAYS, *names, *_named(family_of(problem))})):
        digest.update(path.encode() + _digest(path))
    return digest.digest()


def reachable(modules: Iterable[str]) -> set[str]:
    """The files of this package's modules among these, and of all that they import, as paths within the package."""
    found: dict[str, str] = {}
    left = [module for module in modules if _file(module) is not None]
    while left:
        module = left.pop()
        path = _file(module)
        if module in found or path is None:
            continue
        found[module] = path
        left += imports(module)
    return set(found.values())


@cache
def imports(module: str) -> tuple[str, ...]:
    """The modules of this package that a module imports, anywhere in it, and the packages that it lies in."""
    path = _file(module)
    assert path is not None
    package = module.split(".") if path.endswith("__init__.py") else module.split(".")[:-1]
    found = {".".join(package[:k]) for k in range(1, len(package) + 1)}
    for node in ast.walk(ast.parse((PACKAGE / path).read_text())):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            found |= {origin, *(f"{origin}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return tuple(name for name in found if _file(name) is not None)


def _named(family: Family) -> Iterator[str]:
    """The modules that the family's record names."""
    references: list[Reference] = [getattr(family, name) for name in ("problem", "oracle", "learning", "lookahead", "masks")]
    references += [agent.path for agent in agents_of(family).values()]
    for reference in references:
        yield reference.partition(":")[0] if isinstance(reference, str) else getattr(reference, "__module__", "")


@cache
def _file(module: str) -> str | None:
    """The file of a module of this package, as a path within it; None for other modules, and for the front door."""
    first, *rest = module.split(".")
    if first == "budgetgym" and rest:
        for path in (Path(*rest, "__init__.py"), Path(*rest).with_suffix(".py")):
            if (PACKAGE / path).is_file():
                return path.as_posix()
    return None


@cache
def _digest(path: str) -> bytes:
    return hashlib.sha256((PACKAGE / path).read_bytes()).digest()
