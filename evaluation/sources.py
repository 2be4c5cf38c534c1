"""Which source files a result depends on: to edit one family leaves the kept results of all others valid."""

from __future__ import annotations

import ast
import hashlib
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import budgetgym

from ..envs.core.problem import Problem
from ..envs.family import Family, Reference, agents_of, family_of

PLAYS = ("budgetgym.evaluation.evaluate", "budgetgym.evaluation.leaderboard_run")
"""What plays and condenses episodes; what only shows them is left out."""

SHOWS = ("budgetgym.evaluation.table",)
"""What hands results out, and has no say in them."""

PACKAGE = Path(budgetgym.__file__).parent


def sources_digest(problem: Problem, agent: type) -> bytes:
    """A digest of all files that can have a say in how the agent plays the problem.

    These are the files of the problem and its bases, of the agent, of everything that the family's record names, and of what
    plays, with all that they import: of this package, and of the packages and folders that the others stand in.

    Raises:
        ValueError: a class is defined at a prompt or in a notebook, so that a change of it could not be noticed.
    """
    classes = (*type(problem).__mro__, *agent.__mro__)
    names = {cls.__module__ for cls in classes} | set(_named(family_of(problem)))
    if "__main__" in names and getattr(sys.modules["__main__"], "__file__", None) is None:
        raise ValueError("results of classes that stand in no file can't be kept; put them into a module")
    digest = hashlib.sha256()
    for path in sorted(reachable({*PLAYS, *names})):
        digest.update(_digest(path))
    return digest.digest()


def reachable(modules: Iterable[str]) -> set[Path]:
    """The files of these modules, and of all that they import from this package or from the folders that they stand in."""
    found: dict[str, Path] = {}
    left = [module for module in modules if (path := _file(module)) is not None and not _is_library(path)]
    folders = {PACKAGE, *(path.parent for module in left if (path := _file(module)) is not None)}
    roots = set(left)
    while left:
        module = left.pop()
        path = _file(module)
        if (
            module in found
            or module in SHOWS
            or path is None
            or not (module in roots or any(_within(path, folder) for folder in folders))
        ):
            continue
        found[module] = path
        left += imports(module)
    return set(found.values())


@cache
def imports(module: str) -> tuple[str, ...]:
    """What a module imports, anywhere in it, and the packages that it lies in; names of objects may be among them."""
    path = _file(module)
    assert path is not None
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    found = {".".join(package[:k]) for k in range(1, len(package) + 1)}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            found |= {origin, *(f"{origin}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return tuple(found)


def _named(family: Family) -> Iterator[str]:
    """The modules that the family's record names."""
    references: list[Reference] = [getattr(family, name) for name in ("problem", "oracle", "learning", "lookahead", "masks")]
    references += [agent.path for agent in agents_of(family).values()]
    for reference in references:
        if reference is not None:
            yield reference.partition(":")[0] if isinstance(reference, str) else getattr(reference, "__module__", "")
    if isinstance(family.oracle, tuple):  # an object, whose functions know where they stand
        yield from (getattr(answer, "__module__", "") for answer in family.oracle if callable(answer))


@cache
def _file(module: str) -> Path | None:
    """The file of a module: of this package by its name, otherwise of one that is imported; None if there is none."""
    first, *rest = module.split(".")
    if first == "budgetgym":
        candidates = (PACKAGE.joinpath(*rest, "__init__.py"), PACKAGE.joinpath(*rest).with_suffix(".py"))
        return next((path for path in candidates if path.is_file()), None) if rest else None
    origin = getattr(sys.modules.get(module), "__file__", None)
    return Path(origin) if origin is not None and origin.endswith(".py") else None


def _is_library(path: Path) -> bool:
    """Whether a file is one of Python's own."""
    return any(Path(sysconfig.get_path(name)) in path.parents for name in ("stdlib", "platstdlib"))


def _within(path: Path, folder: Path) -> bool:
    """Whether a file stands in a folder, but not among libraries that are installed there."""
    return folder in path.parents and "site-packages" not in path.relative_to(folder).parts and folder.name != "site-packages"


@cache
def _digest(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()
