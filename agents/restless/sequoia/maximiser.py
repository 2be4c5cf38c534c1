"""The best action by a network, exactly: by listing all actions, or by local search and a mixed-integer programme."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ....envs.core.checks import is_number, one_of
from ....envs.core.scaling import unit_of
from ....envs.restless.feasible.base import ENUMERABLE
from ....envs.restless.feasible.paths import PathSet
from .coding import Coding
from .embedding import Embedding
from .question import Layers, Question
from .search import Search
from .solvers import SOLVERS, Solver, make_solver

LARGEST_LIST = 1 << 24
"""Entries of the codes of all listed actions: 128 MiB."""

METHODS = ("auto", "enumerate", "search", "greedy", *SOLVERS)


class Decision(NamedTuple):
    """What was decided, and how sure that is."""

    state: NDArray[np.int64]
    """(J,) of the arms."""
    action: NDArray[np.int64]
    """(m,)"""
    objective: float
    """The network's own value of the action, in 64-bit numbers."""
    bound: float
    """Proved: no feasible action has a larger value. Infinite where nothing was proved."""
    gap: float
    """bound - objective; 0 if the action is proved to be the best."""
    status: str
    """"optimal", "time_limit" (the best so far, with its gap), or "heuristic" (nothing was proved)."""
    seconds: float


def check_proof(tolerance: Any, time_limit: Any) -> None:
    """Refuse limits of a proof that can't be meant.

    Raises:
        ValueError: not a number above 0.
    """
    for name, value in (("tolerance", tolerance), ("time_limit", time_limit)):
        if not is_number(value) or not value > 0.0:
            raise ValueError(f"{name} is {value!r}; expected a number > 0")


class Maximiser:
    """max over feasible actions of a network's value.

    Args:
        coding: of the actions; gives the feasible set.
        layers: of the network.
        method: "auto" (default) lists up to 100,000 actions and asks SCIP about larger sets; "enumerate", "scip", "highs",
            "gurobi" do that whatever the size; "search" is local search alone, without proof; "greedy" adds one component
            after the other, as published heuristics do.
        tolerance: an action counts as optimal within this share of what it is worth above doing nothing.
        time_limit: seconds of the solver for a question.
        kicks: of the local search, see `Search`.

    Raises:
        ValueError: an unknown method, or settings that can't be meant; "enumerate" for a set that is too large.
        ImportError: the solver's package is missing.
    """

    def __init__(
        self,
        coding: Coding,
        layers: Layers,
        method: str = "auto",
        tolerance: float = 1e-6,
        time_limit: float = 10.0,
        kicks: int = 20,
    ) -> None:
        self.coding, self.layers = coding, layers
        self.method = one_of("method", method, METHODS)
        check_proof(tolerance, time_limit)
        self.tolerance, self.time_limit = float(tolerance), float(time_limit)
        self.search = Search(coding, None if method == "greedy" else kicks)
        if method == "auto":
            self.method = "enumerate" if self._listed is not None else "scip"
        elif method == "enumerate" and self._listed is None:
            raise ValueError(f"method is 'enumerate', but there are more than {ENUMERABLE} actions; expected a smaller set")

    @cached_property
    def _listed(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]] | None:
        """All actions (k, m), their pulls (k,) and codes (k, X); None if there are too many."""
        feasible = self.coding.feasible
        if isinstance(feasible, PathSet) and not feasible.is_quick_to_list:
            return None
        actions = feasible.enumerate(min(ENUMERABLE, LARGEST_LIST // self.coding.width))
        return None if actions is None else (actions, actions.sum(axis=1), self.coding.encode(actions))

    @cached_property
    def _reached(self) -> NDArray[np.float64]:
        """(k, K) what the first layer gets from all listed actions."""
        assert self._listed is not None
        return self._listed[2] @ self.layers.first.T

    @cached_property
    def embedding(self) -> Embedding:
        """The network's programme."""
        return Embedding(self.coding, self.layers)

    def decide(
        self, question: Question, most: int, state: NDArray[np.int64], start: NDArray[np.int64] | None = None
    ) -> Decision:
        """The best action with up to `most` pulls.

        Args:
            question: what the state says to the network.
            most: pulls that are left.
            state: (J,) of the arms, for the record.
            start: (m,) a feasible action to begin with, such as another policy's.

        Raises:
            RuntimeError: the solver failed; its status is in the message.
        """
        began = time.perf_counter()
        if self.method == "enumerate":
            action, bound, status = self._best_listed(question, most), None, "optimal"
        else:
            action, bound, status = self._searched(question, most, start), np.inf, "heuristic"
            if self.method in SOLVERS:
                action, bound, status = self._solved(question, most, action)
        objective = self.value(question, action)
        bound = objective if bound is None else max(bound, objective)
        return Decision(state, action, objective, bound, bound - objective, status, time.perf_counter() - began)

    def value(self, question: Question, action: NDArray[np.int64]) -> float:
        """The network's value of an action (m,)."""
        return float(self.layers.values(question, self.coding.encode(action[None]))[0])

    def _best_listed(self, question: Question, most: int) -> NDArray[np.int64]:
        assert self._listed is not None
        actions, pulls, codes = self._listed
        values = self.layers.values_from(question, codes, self._reached)
        if most < self.coding.feasible.most:
            values[pulls > most] = -np.inf
        return actions[values.argmax()].copy()

    def _searched(self, question: Question, most: int, start: NDArray[np.int64] | None) -> NDArray[np.int64]:
        asked = self.layers, question.linear[None], question.bias[None], np.array([most])
        actions, values = self.search.maximise(*asked)
        if start is not None:
            others, their_values = self.search.maximise(*asked, start[None], kicks=0)
            if their_values[0] > values[0]:
                actions = others
        return actions[0]

    @cached_property
    def _solver(self) -> Solver:
        options = _scip_options(self.coding) if self.method == "scip" else {}
        return make_solver(self.method, self._first, **options)

    def _solved(self, question: Question, most: int, start: NDArray[np.int64]) -> tuple[NDArray[np.int64], float | None, str]:
        """The best action, what is proved (None if the action itself is the best), and the status."""
        mip = self.embedding.mip(question, most)
        unit = unit_of(mip.objective)  # the solver's tolerances are for numbers around 1
        mip = self._first = replace(mip, objective=mip.objective / unit, constant=mip.constant / unit)
        value = self.value(question, start)
        nothing = self.value(question, np.zeros(self.coding.m, np.int64))
        tolerance = self.tolerance * max(value - nothing, 1e-3 * unit)
        outcome = self._solver.solve(mip, start, value / unit, tolerance / unit, self.time_limit)
        found, bound = outcome.action, outcome.bound * unit
        if found is not None and self.value(question, found) > value:
            if not self.coding.feasible.contains(found):
                raise RuntimeError(f"{self.method} returned {found.tolist()}, which is not feasible")
            return found, (None if outcome.status == "optimal" else bound), outcome.status
        # What only the solver's rounding takes for better proves no more than its bound.
        proved = outcome.status == "optimal" and (found is None or bound <= value + tolerance)
        return start, (None if proved else bound), outcome.status


def _scip_options(coding: Coding) -> dict[str, bool]:
    """What SCIP needs besides branching, by what the set is like (measured: `benchmarks/sequoia.py latency`)."""
    if isinstance(coding.feasible, PathSet):
        return {"propagate": True}
    if not coding.has_levels:
        return {}
    # Where pulls exceed an arm's highest level, cuts cost more than they bring; where levels add up to it, they close the gap.
    exceeds = (coding.problem.coupling.sum(axis=1) >= coding.levels).any()
    return {"propagate": True, "presolve": True} if exceeds else {"separate": True}
