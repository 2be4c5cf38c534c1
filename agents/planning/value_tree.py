"""BAVT: a value tree that narrows as its budget runs out (arXiv:2603.12634)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...baselines.core.policy import Policy
from ...envs.core.checks import positive_integer
from ...envs.core.problem import Problem
from ...envs.core.states import part_of
from .evaluators import Evaluator
from .lookahead import basis_of
from .world import Planner

LEAST = 1e-6
"""A node's value counts at least so much in the choice: values of zero would never be chosen."""


def node_probabilities(values: NDArray[np.float64], remaining: float) -> NDArray[np.float64]:
    """How likely each open node (n,) is expanded next: in proportion to value^(1 / remaining), with the remaining share of
    the budget in (0, 1]: at the beginning in proportion to value, at the end only the best."""
    if not 0.0 < remaining <= 1.0:
        raise ValueError(f"remaining is {remaining!r}; expected a share in (0, 1]")
    logs = np.log(np.maximum(values, LEAST)) / remaining
    weights = np.exp(logs - logs.max())
    return weights / weights.sum()


def reachable_within(steps: int, progress: float, failure: float) -> float:
    """A number of expansions with which `steps` steps of progress are made with probability at least 1 - failure, if each
    expansion makes one with probability `progress`: (K + sqrt(2 K ln(1/e)) + 2 ln(1/e)) / p."""
    if not (steps >= 1 and 0.0 < progress <= 1.0 and 0.0 < failure < 1.0):
        raise ValueError(f"steps {steps!r}, progress {progress!r}, failure {failure!r}; expected >= 1, in (0, 1], in (0, 1)")
    log = np.log(1.0 / failure)
    return float((steps + np.sqrt(2.0 * steps * log) + 2.0 * log) / progress)


class ValueTree(Planner):
    """Budget-aware value tree: expands one node after the other, the best the more surely the less budget is left.

    A node's value is its parent's plus the gain of the step between them, as the evaluator sees it. Steps without a gain are
    redundant, and not expanded further.

    Args:
        problem: with Discrete actions, or others of which some are tried; see `Flare`.
        expansions: per decision; the budget of the search.
        repeats: forks in which a new node is valued: the evaluator's mean.
        redundant: gains up to this are none.
        policy, evaluator, candidates: see `Flare`.
        seed, peek: see `Planner`.
    """

    def __init__(
        self,
        problem: Problem,
        expansions: int = 32,
        repeats: int = 16,
        redundant: float = 0.0,
        policy: str | Policy | None = None,
        evaluator: Evaluator | None = None,
        candidates: int | None = None,
        seed: int = 0,
        peek: bool = False,
    ) -> None:
        super().__init__(problem, seed, peek)
        self.expansions, self.repeats = positive_integer("expansions", expansions), positive_integer("repeats", repeats)
        self.redundant, self.basis = float(redundant), basis_of(problem, policy, evaluator, candidates)

    def plan(self, lane: int, observation: NDArray[np.float64]) -> NDArray[Any]:
        """See `Planner.plan`."""
        random, n = self.random(observation), self.repeats
        M = self.expansions
        # Node k stands in `repeats` lanes, which differ by hidden state and random numbers; the last block is for valuing.
        forks = self.forks((M + 2) * n, lane, random)
        for node in range(1, M + 2):  # every node begins in the same worlds as the root
            copy_block(forks, 0, node * n, n)
        rows = np.repeat(observation[None], (M + 2) * n, axis=0)
        untried = [list(self._candidates(forks, 0, rows, random))]
        if len(untried[0]) == 1:
            return untried[0][0]
        values, earned = [self._worth(forks, 0, rows)], [0.0]
        firsts: list[Any] = [None]
        for k in range(M):
            open_ = [node for node, left in enumerate(untried) if left]
            if not open_:
                break
            chances = node_probabilities(np.array([values[node] for node in open_]), (M - k) / M)
            parent, node = open_[int(random.choice(len(open_), p=chances))], len(values)
            action = untried[parent].pop(0)
            earned.append(earned[parent] + self._step(forks, parent, node, action, rows))
            gain = earned[node] + self._worth(forks, node, rows) - values[parent]
            values.append(values[parent] + gain)
            firsts.append(action if parent == 0 else firsts[parent])
            goes_on = gain > self.redundant and not forks.state.finished[node * n : (node + 1) * n].all()
            untried.append(list(self._candidates(forks, node, rows, random)) if goes_on else [])
        return firsts[1 + int(np.argmax(values[1:]))]

    def _candidates(self, forks: Any, node: int, rows: NDArray[np.float64], random: Any) -> NDArray[Any]:
        n = self.repeats
        lanes = np.arange(node * n, (node + 1) * n)
        going = lanes[~forks.state.finished[lanes]]
        lane = int(going[0]) if len(going) else int(lanes[0])
        masks = None
        if self.problem.kernels.mask is not None:
            masks = np.empty((1, int(self.problem.action_space.n)), np.int8)  # type: ignore[attr-defined]
            forks.loops.mask(forks.params, part_of(forks.state, lane, lane + 1), masks)
        return self.basis.candidates(rows[lane : lane + 1], masks, random)[0]

    def _step(self, forks: Any, parent: int, node: int, action: NDArray[Any], rows: NDArray[np.float64]) -> float:
        """Make a node from its parent by an action; returns what that earned on average."""
        n, here = self.repeats, slice(node * self.repeats, (node + 1) * self.repeats)
        copy_block(forks, parent * n, node * n, n)
        part, actions = part_of(forks.state, node * n, (node + 1) * n), np.repeat(action[None], n, axis=0)
        actions = np.ascontiguousarray(actions.astype(forks.action_dtype))
        observation, reward = np.empty((n, rows.shape[1])), np.empty(n)
        ended = np.empty((2, n), np.bool_)
        fault = forks.loops.step(
            forks.params, forks.rules, part, False, forks.stride, actions, observation, reward, ended[0], ended[1]
        )
        if fault != -1:
            forks.refuse(fault, actions)
        rows[here] = observation
        return float(reward.mean())

    def _worth(self, forks: Any, node: int, rows: NDArray[np.float64]) -> float:
        """The evaluator's mean over a node's lanes, played in the last ones: the node itself stays."""
        n, spare = self.repeats, self.expansions + 1
        copy_block(forks, node * n, spare * n, n)
        rows[spare * n : (spare + 1) * n] = rows[node * n : (node + 1) * n]
        return float(self.basis.evaluator(forks, spare * n, (spare + 1) * n, rows[spare * n : (spare + 1) * n]).mean())


def copy_block(batch: Any, source: int, target: int, n: int) -> None:
    """Copy the states of n lanes from `source` on over those from `target` on."""
    for array in batch.state:
        array[target : target + n] = array[source : source + n]
