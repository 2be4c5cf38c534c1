"""Workflows: subtasks that depend on one another, and how well, how long and at what price models work on them.

A file is JSON::

    {
      "name": "report",
      "models": {"small": {"price": 0.4, "speed": 150}, "large": {"price": 8, "speed": 60}},
      "subtasks": {
        "plan":  {"success": {"small": 0.6, "large": 0.9}, "length": 400},
        "write": {"after": ["plan"],
                  "success": {"small": 0.3, "large": 0.8},
                  "length": {"small": [500, 900], "large": {"median": 800, "sigma": 0.5, "atoms": 8, "longest": 2000}}}
      },
      "dollars": 0.05,
      "seconds": 60
    }

`price` is in dollars per million generated tokens, `speed` in tokens per second. `success` gives, for every model, the
probability that one sample passes the subtask's verifier. `length` is what a sample generates, in tokens: a number (always
as long), a list (equally likely lengths) or a log-normal, `median` and `sigma` (of the logarithm), cut into `atoms` equally
likely lengths (by default 8) of at most `longest` tokens; one for all models, or one for each. `after`, `dollars` and
`seconds` (budget and deadline that are taken where none is asked for) may be left out.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.checks import is_number, non_negative, positive, probability
from ..core.tables import read_json

TOKENS_PER_PRICE = 1e6
"""Prices are for this many tokens."""

MOST_SUBTASKS = 62
"""The set of completed subtasks is kept in the bits of an int64."""


@dataclass(frozen=True)
class Model:
    """A model that generates.

    Args:
        name: not empty.
        price: dollars per million generated tokens, >= 0; 0 for a model of your own that is free.
        speed: generated tokens per second, > 0.
    """

    name: str
    price: float
    speed: float

    def __post_init__(self) -> None:
        _named("model", self.name)
        object.__setattr__(self, "price", non_negative(f"price of model {self.name!r}", self.price))
        object.__setattr__(self, "speed", positive(f"speed of model {self.name!r}", self.speed))


@dataclass(frozen=True)
class Subtask:
    """A piece of work whose result can be verified.

    Args:
        name: not empty.
        success: model -> probability in [0, 1] that one sample passes the verifier.
        length: model -> equally likely lengths of a sample in tokens, each > 0, or one length; they are kept sorted.
        after: names of the subtasks that must be completed before.
    """

    name: str
    success: Mapping[str, float]
    length: Mapping[str, float | Sequence[float]]
    after: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _named("subtask", self.name)
        if isinstance(self.after, str):
            raise ValueError(f"after of subtask {self.name!r} is {self.after!r}; expected a list of names")
        success = {model: probability(f"success of {model!r} on {self.name!r}", p) for model, p in self.success.items()}
        length = {model: _lengths(f"length of {model!r} on {self.name!r}", given) for model, given in self.length.items()}
        object.__setattr__(self, "after", tuple(self.after))
        object.__setattr__(self, "success", success)
        object.__setattr__(self, "length", length)


@dataclass(frozen=True)
class Workflow:
    """A directed acyclic graph of subtasks, and the models that can work on them.

    Args:
        name: for tables of results.
        models: at least one; their order numbers them.
        subtasks: at least one, at most 62; their order numbers them.
        dollars, seconds: budget and deadline where none is asked for, > 0; None for twice what a patient executor would
            need (see `typical_use`).

    Raises:
        ValueError: two of one name, an unknown name, a cycle, a subtask without success or length for some model, or one
            that no model ever solves.
    """

    name: str
    models: tuple[Model, ...]
    subtasks: tuple[Subtask, ...]
    dollars: float | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        _named("workflow", self.name)
        object.__setattr__(self, "models", tuple(self.models))
        object.__setattr__(self, "subtasks", tuple(self.subtasks))
        _distinct("model", [model.name for model in self.models])
        _distinct("subtask", [subtask.name for subtask in self.subtasks])
        if len(self.subtasks) > MOST_SUBTASKS:
            raise ValueError(f"the workflow has {len(self.subtasks)} subtasks; expected at most {MOST_SUBTASKS}")
        for amount in ("dollars", "seconds"):
            if getattr(self, amount) is not None:
                object.__setattr__(self, amount, positive(f"{amount} of workflow {self.name!r}", getattr(self, amount)))
        self._check_names()
        self.order()

    def _check_names(self) -> None:
        models = [model.name for model in self.models]
        subtasks = [subtask.name for subtask in self.subtasks]
        for subtask in self.subtasks:
            for name in subtask.after:
                if name not in subtasks:
                    known = ", ".join(map(repr, subtasks))
                    raise ValueError(f"after of subtask {subtask.name!r} names {name!r}; expected one of {known}")
            for what, given in (("success", subtask.success), ("length", subtask.length)):
                if set(given) != set(models):
                    raise ValueError(
                        f"{what} of subtask {subtask.name!r} is for the models {sorted(given)}; expected {sorted(models)}"
                    )
            if not any(p > 0 for p in subtask.success.values()):
                raise ValueError(f"success of subtask {subtask.name!r} is 0 with every model; expected one above 0")

    def order(self) -> list[int]:
        """The numbers of the subtasks, each after all that it depends on.

        Raises:
            ValueError: a cycle; the message walks around it.
        """
        number = {subtask.name: v for v, subtask in enumerate(self.subtasks)}
        order: list[int] = []
        path: list[str] = []  # from a subtask to what it depends on, as far as we have followed

        def visit(name: str) -> None:
            if name in path:
                cycle = [*path[path.index(name) :], name]
                raise ValueError(f"the workflow has a cycle: {' after '.join(map(repr, cycle))}; expected an acyclic graph")
            if number[name] in order:
                return
            path.append(name)
            for before in self.subtasks[number[name]].after:
                visit(before)
            path.pop()
            order.append(number[name])

        for subtask in self.subtasks:
            visit(subtask.name)
        return order

    def predecessors(self) -> NDArray[np.int64]:
        """For every subtask the set of those before it, as bits, (V,)."""
        number = {subtask.name: v for v, subtask in enumerate(self.subtasks)}
        return np.array([sum(1 << number[name] for name in set(subtask.after)) for subtask in self.subtasks], np.int64)

    def success(self) -> NDArray[np.float64]:
        """The probability that a sample passes, (V, M)."""
        return np.array([[subtask.success[model.name] for model in self.models] for subtask in self.subtasks])

    def lengths(self) -> list[list[tuple[float, ...]]]:
        """The equally likely lengths of a sample of subtask v by model m, ascending, as `[v][m]`."""
        return [[subtask.length[model.name] for model in self.models] for subtask in self.subtasks]  # type: ignore[misc]

    def mean_lengths(self) -> NDArray[np.float64]:
        """Expected tokens of a sample, (V, M)."""
        return np.array([[float(np.mean(atoms)) for atoms in row] for row in self.lengths()], np.float64)

    def typical_use(self) -> tuple[float, float]:
        """Dollars and seconds of a patient executor, in expectation.

        One sample at a time until it passes, of the model with the least dollars (seconds) per success; all subtasks count
        for the dollars, and the longest path for the seconds. Both are above 0: where all can be had for free, the dollars are
        those of the models that cost something, or 1 if none does.
        """
        price = np.array([model.price for model in self.models])
        speed = np.array([model.speed for model in self.models])
        with np.errstate(divide="ignore"):
            samples = 1.0 / self.success()  # expected, until one passes
        tokens = np.where(self.success() > 0.0, self.mean_lengths() * samples, np.inf)
        seconds = (self.mean_lengths() / speed * samples).min(axis=1)
        return _least_dollars(tokens, price), float(self.longest_path(seconds).max())

    def longest_path(self, weight: NDArray[np.float64]) -> NDArray[np.float64]:
        """For every subtask the largest sum of weights (V,) on a path that begins with it, (V,)."""
        longest = weight.copy()
        before = self.predecessors()
        for v in reversed(self.order()):
            after = [w for w in range(len(weight)) if before[w] >> v & 1]
            longest[v] = weight[v] + max((longest[w] for w in after), default=0.0)
        return longest

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Workflow:
        """Read a workflow from a JSON file; its form stands at the top of this module.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is not JSON, or not a workflow; the message names the file and the entry.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"the workflow {path} does not exist; expected a JSON file")
        table = read_json(path, str(path))
        try:
            return Workflow.from_dict(table, path.stem)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    @staticmethod
    def from_dict(table: Any, name: str = "workflow") -> Workflow:
        """A workflow from what its JSON file holds; `name` is taken if the table has none.

        Raises:
            ValueError: an entry is missing, unknown or malformed.
        """
        _mapping("the workflow", table, ("models", "subtasks"), ("name", "dollars", "seconds"))
        models, subtasks = _mapping("models", table["models"]), _mapping("subtasks", table["subtasks"])
        for model, given in models.items():
            _mapping(f"model {model!r}", given, ("price", "speed"))
        for subtask, given in subtasks.items():
            _mapping(f"subtask {subtask!r}", given, ("success", "length"), ("after",))
            _mapping(f"success of subtask {subtask!r}", given["success"])
            if not isinstance(given.get("after", []), list | tuple):
                raise ValueError(f"after of subtask {subtask!r} is {given['after']!r}; expected a list of names")
        return Workflow(
            name=table.get("name", name),
            models=tuple(Model(model, given["price"], given["speed"]) for model, given in models.items()),
            subtasks=tuple(
                Subtask(subtask, given["success"], _length_table(subtask, given["length"], models), given.get("after", ()))
                for subtask, given in subtasks.items()
            ),
            dollars=table.get("dollars"),
            seconds=table.get("seconds"),
        )


def _least_dollars(tokens: NDArray[np.float64], price: NDArray[np.float64]) -> float:
    """The dollars of `Workflow.typical_use`. tokens: (V, M) expected until a subtask is completed, inf without hope."""
    with np.errstate(invalid="ignore"):  # inf * 0
        dollars = np.where(tokens < np.inf, tokens * price / TOKENS_PER_PRICE, np.inf)
    if total := float(dollars.min(axis=1).sum()):
        return total
    least = np.where(dollars > 0.0, dollars, np.inf).min(axis=1)
    return float(least[least < np.inf].sum()) or 1.0


def log_normal(median: float, sigma: float, atoms: int = 8, longest: float = math.inf) -> tuple[float, ...]:
    """Equally likely lengths that stand for a log-normal: the middle quantiles of `atoms` equal parts, whole tokens.

    Args:
        median: in tokens, > 0.
        sigma: standard deviation of the logarithm, >= 0.
        atoms: how many lengths, >= 1.
        longest: what the caller allows a sample to generate ("max_tokens"); longer ones are cut there.
    """
    median = positive("median", median)
    if not (is_number(sigma) and 0 <= sigma < math.inf):
        raise ValueError(f"sigma is {sigma!r}; expected a number >= 0")
    if isinstance(atoms, bool) or not isinstance(atoms, int | np.integer) or atoms < 1:
        raise ValueError(f"atoms is {atoms!r}; expected an integer >= 1")
    if not (is_number(longest) and longest >= 1):
        raise ValueError(f"longest is {longest!r}; expected tokens >= 1")
    normal = NormalDist()
    quantiles = (median * math.exp(sigma * normal.inv_cdf((k + 0.5) / atoms)) for k in range(atoms))
    return tuple(float(min(max(1, round(tokens)), longest)) for tokens in quantiles)


def _length_table(subtask: str, given: Any, models: Iterable[str]) -> dict[str, Any]:
    """model -> lengths, from one entry for all models or from one for each."""
    if not isinstance(given, Mapping) or "median" in given:
        return {model: _read_length(f"length of subtask {subtask!r}", given) for model in models}
    return {model: _read_length(f"length of {model!r} on {subtask!r}", entry) for model, entry in given.items()}


def _read_length(what: str, given: Any) -> Any:
    if not isinstance(given, Mapping):
        return given
    _mapping(what, given, ("median", "sigma"), ("atoms", "longest"))
    try:
        return log_normal(**given)
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from None


def _mapping(what: str, given: Any, needed: Sequence[str] = (), optional: Sequence[str] | None = None) -> Mapping[str, Any]:
    """`given`, if it is a mapping with the needed keys and no others than the optional ones (None without `needed`: any)."""
    if not isinstance(given, Mapping):
        raise ValueError(f"{what} is {given!r}; expected a mapping")
    if missing := [key for key in needed if key not in given]:
        raise ValueError(f"{what} lacks {missing}; it has {sorted(given)}")
    if needed and (unknown := [key for key in given if key not in (*needed, *(optional or ()))]):
        raise ValueError(f"{what} has {unknown}; expected only {sorted((*needed, *(optional or ())))}")
    return given


def _named(what: str, name: Any) -> None:
    if not isinstance(name, str) or not name:
        raise ValueError(f"the name of a {what} is {name!r}; expected text")


def _distinct(what: str, names: list[str]) -> None:
    if not names:
        raise ValueError(f"the workflow has no {what}; expected at least one")
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"the workflow has {what}s of the same name: {repeated}; expected every name once")


def _lengths(what: str, given: Any) -> tuple[float, ...]:
    atoms = [given] if is_number(given) else given
    if isinstance(atoms, str) or not isinstance(atoms, Sequence | np.ndarray) or len(atoms) == 0:
        raise ValueError(f"{what} is {given!r}; expected tokens > 0, or equally likely ones")
    return tuple(sorted(positive(what, tokens) for tokens in atoms))
