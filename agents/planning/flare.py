"""FLARE: lookahead in forks of the present, with values propagated to all that was tried, and limited commitment."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import numpy as np
import pandas as pd
from gymnasium import spaces
from numpy.typing import NDArray

from ...baselines.core.policy import KernelPolicy, Policy
from ...envs.core.batch import Batch
from ...envs.core.checks import boolean, natural, non_negative, positive_integer
from ...envs.core.loops import OK
from ...envs.core.problem import Problem
from ...envs.core.states import part_of
from .evaluators import Evaluator
from .lookahead import basis_of
from .memory import Trajectories
from .tree import Tree, back_up, blank_tree, bytes_of, clear, compile_walk
from .world import Planner

WAVES = 16
"""Simulations are made in this many groups: those of a group do not know of each other's values."""

REMEMBERED = 100_000
"""Decisions that are kept for the report, the latest ones."""


class Plan(NamedTuple):
    """A decision and what it rests on."""

    t: int
    """Steps before it."""
    action: NDArray[Any]
    value: float
    """Mean return of the simulations that began with it."""
    simulations: int
    seconds: float


class Flare(Planner):
    """Future-aware lookahead with reward estimation (Why Reasoning Fails to Plan, arXiv:2601.22311).

    At every decision, simulations walk down a tree of actions and observations by upper confidence bounds, and where they
    leave it an evaluator says what the rest is worth, by default by playing a simple policy to the end. That value goes to
    every action on the way. The action with the largest mean is executed, all else is discarded, and the next decision
    planned anew. All simulations are lanes of one batch, made in waves.

    Args:
        problem: what to decide on.
        simulations: per decision. The paper has 16.
        milliseconds: per decision; at the deadline the best so far is the answer. None: no deadline.
        depth: steps of the tree; by default as many as an episode has. Of combinatorial actions only the first step is
            searched.
        policy: whose action comes first, and who plays on; a name or an agent; by default the family's, see `Lookahead`.
        evaluator: what the ends of simulations are worth; see `evaluators.py`.
        horizon: steps that the policy plays on at the ends, where that is the evaluator; by default to the end of the
            episode. The paper has 3.
        candidates: the most actions to try in a situation (pruning; the paper has 8); by default all of a list of actions,
            and 8 of other spaces.
        exploration: of the upper confidence bound, in units of the spread of values; the paper's is not known to us.
        widening, exponent: beyond the first step, after n walks the first widening * n^exponent candidates are looked at,
            the policy's own first.
        resolution: observations whose entries differ by less, in the tree, are taken for the same; 0 for none.
        propagation: values go to all actions on the way; otherwise to the first alone.
        commitment: how many actions of a plan are executed before the next one is made.
        memory: situations to remember, see `Trajectories`; 0 for none. The paper has 200.
        threshold, trust: see `Trajectories`.
        seed, peek: see `Planner`.

    Raises:
        ValueError: a setting that can't be meant, or a family that needs a policy or an evaluator to be given.
    """

    def __init__(
        self,
        problem: Problem,
        simulations: int = 256,
        milliseconds: float | None = None,
        depth: int | None = None,
        policy: str | Policy | None = None,
        evaluator: Evaluator | None = None,
        horizon: int | None = None,
        candidates: int | None = None,
        exploration: float = 2.0**0.5,
        widening: float = 1.0,
        exponent: float = 0.5,
        resolution: float = 0.1,
        propagation: bool = True,
        commitment: int = 1,
        memory: int = 0,
        threshold: float = 0.9,
        trust: int = 8,
        seed: int = 0,
        peek: bool = False,
    ) -> None:
        super().__init__(problem, seed, peek)
        self.simulations = positive_integer("simulations", simulations)
        self.milliseconds = np.inf if milliseconds is None else non_negative("milliseconds", milliseconds)
        self.basis = basis_of(problem, policy, evaluator, candidates, horizon)
        self.depth = min(self.basis.depth, problem.horizon if depth is None else positive_integer("depth", depth))
        self.exploration = non_negative("exploration", exploration)
        space, most = problem.action_space, self.basis.candidates.most
        # Compiled walks can list actions themselves.
        lists = isinstance(space, spaces.Discrete) and most == int(space.n) and isinstance(self.basis.policy, KernelPolicy)
        self._lister = cast(KernelPolicy, self.basis.policy) if lists else None
        self.widening = non_negative("widening", widening)
        self.exponent, self.propagation = non_negative("exponent", exponent), boolean("propagation", propagation)
        self._per = 1.0 / resolution if non_negative("resolution", resolution) else 0.0
        self.commitment = positive_integer("commitment", commitment)
        self._memory_settings = natural("memory", memory), threshold, trust
        if memory:
            self._new_memory()
        self._memories: dict[int, Trajectories] = {}
        self._promised: dict[int, list[NDArray[Any]]] = {}
        self.decisions: deque[Plan] = deque(maxlen=REMEMBERED)
        self._tree: Tree | None = None

    def plan(self, lane: int, observation: NDArray[np.float64]) -> NDArray[Any]:
        """See `Planner.plan`."""
        if promised := self._promised.get(lane):
            return promised.pop(0)
        started = time.perf_counter()
        random, S = self.random(observation), self.simulations
        forks, tree = self.forks(2 * S, lane, random), self._cleared()  # the walks', and the futures that they go into
        rows = np.repeat(observation[None], S, axis=0)
        self._expand(tree, np.zeros(1, np.int64), forks, np.zeros(1, np.int64), rows, random)
        if tree.candidates[0] == 1:
            return self._decided(tree, lane, 0, started)
        memory, arrays = self._memory(lane), bytes_of(forks.state)
        walk, scratch = self._walk(tree)
        lowest, highest, made = np.inf, -np.inf, 0
        wave = -(-S // WAVES)
        while made < S:
            last = min(made + wave, S)
            exploration = self.exploration * (highest - lowest if highest > lowest else 1.0)
            how = exploration, self.widening, self.exponent, self._per
            fault = walk(forks.params, forks.rules, forks.state, arrays, made, last, tree, how, scratch, rows)
            if fault != OK:
                raise RuntimeError(f"lane {fault} of the forks refused its action, which a candidate should never cause")
            if self._lister is None:
                self._open(tree, made, last, forks, rows, random)
            values = self._values(forks, made, last, rows, memory)
            back_up(tree, made, last, values, self.propagation)
            earned = np.where(np.arange(self.depth) < tree.length[made:last, None], tree.reward[made:last], 0.0)
            returns = values + earned.sum(axis=1)
            lowest, highest, made = min(lowest, returns.min()), max(highest, returns.max()), last
            if 1e3 * (time.perf_counter() - started) >= self.milliseconds:
                break
        return self._decided(tree, lane, made, started)

    def _walk(self, tree: Tree) -> tuple[Callable[..., int], tuple[Any, ...]]:
        """The compiled walk, and what it needs beside the tree."""
        mask, action = np.empty(tree.action.shape[1], np.int8), np.zeros(1, tree.action.dtype)
        lister = self._lister
        if lister is None:
            return compile_walk(self.problem.kernels), ((), np.zeros(0), mask, action)
        return compile_walk(self.problem.kernels, lister.act), (lister.parameters, lister.initial_memory(1)[0], mask, action)

    def _cleared(self) -> Tree:
        world, most = self.world, self.basis.candidates.most
        if self._tree is None:
            components = len(world.rules.action_low)
            self._tree = blank_tree(self.simulations, self.depth, most, components, world.action_dtype)
        clear(self._tree)
        return self._tree

    def _open(self, tree: Tree, first: int, last: int, forks: Batch, rows: NDArray[np.float64], random: Any) -> None:
        """Give candidates to the new nodes that walks have come to."""
        going = ~forks.state.finished[first:last] & (tree.length[first:last] < self.depth)
        going &= tree.candidates[tree.leaf[first:last]] == 0
        lanes = first + np.flatnonzero(going)
        nodes, which = np.unique(tree.leaf[lanes], return_index=True)
        if len(nodes):
            self._expand(tree, nodes, forks, lanes[which], rows, random)

    def _expand(
        self,
        tree: Tree,
        nodes: NDArray[np.int64],
        forks: Batch,
        lanes: NDArray[np.int64],
        rows: NDArray[np.float64],
        random: np.random.Generator,
    ) -> None:
        """Candidates for nodes (n,), by the situations of lanes (n,) that stand there."""
        masks = None
        if self.problem.kernels.mask is not None:
            masks = np.empty((len(lanes), int(self.problem.action_space.n)), np.int8)  # type: ignore[attr-defined]
            for row, lane in enumerate(lanes):
                forks.loops.mask(forks.params, part_of(forks.state, lane, lane + 1), masks[row : row + 1])
        for node, actions in zip(nodes, self.basis.candidates(rows[lanes], masks, random), strict=True):
            tree.candidates[node] = len(actions)
            tree.action[node, : len(actions)] = actions

    def _values(
        self, forks: Batch, first: int, last: int, rows: NDArray[np.float64], memory: Trajectories | None
    ) -> NDArray[np.float64]:
        """What the ends of walks are worth, (n,), as remembered or by the evaluator."""
        if memory is None:
            return self.basis.evaluator(forks, first, last, rows[first:last])
        ends, over = rows[first:last].copy(), forks.state.finished[first:last].copy()
        known = memory.recall(ends)
        forks.state.finished[first:last] |= ~np.isnan(known)  # these forks have served
        values = self.basis.evaluator(forks, first, last, rows[first:last])
        new = np.isnan(known) & ~over
        memory.remember(ends[new], values[new])
        return np.where(over, 0.0, np.where(np.isnan(known), values, known))

    def _decided(self, tree: Tree, lane: int, made: int, started: float) -> NDArray[Any]:
        """The action of the largest mean; those after it are promised, as far as commitment goes."""
        node, actions, value = 0, [], np.nan
        while len(actions) < self.commitment and node >= 0 and tree.candidates[node] > 0:
            done, count = tree.done[node], tree.candidates[node]
            if not done[:count].any():
                if not actions:
                    actions.append(tree.action[node, 0].copy())  # there is but one
                break
            means = np.where(done[:count] > 0, tree.total[node, :count] / np.maximum(done[:count], 1), -np.inf)
            k = int(means.argmax())
            value = float(means[k]) if not actions else value
            actions.append(tree.action[node, k].copy())
            node = likeliest(tree, node, k)
        self._promised[lane] = actions[1:]
        t = int(self.world.state.t[lane])
        self.decisions.append(Plan(t, actions[0], value, made, time.perf_counter() - started))
        return actions[0]

    def forget(self, lane: int) -> None:
        """An episode begins: nothing is promised or remembered."""
        self._promised.pop(lane, None)
        self._memories.pop(lane, None)

    def _memory(self, lane: int) -> Trajectories | None:
        if not self._memory_settings[0]:
            return None
        return self._memories.setdefault(lane, self._new_memory())

    def _new_memory(self) -> Trajectories:
        size, threshold, trust = self._memory_settings
        return Trajectories(self.problem.observation_space, size, threshold, trust)

    def report(self) -> pd.DataFrame:
        """The latest decisions: t, action, value, simulations, seconds."""
        return pd.DataFrame(list(self.decisions), columns=list(Plan._fields))


def likeliest(tree: Tree, node: int, k: int) -> int:
    """The node that most walks came to by an action, or -1."""
    child, best, most = int(tree.child[node, k]), -1, -1
    while child >= 0:
        walks = int(tree.begun[child].sum())
        if walks > most:
            best, most = child, walks
        child = int(tree.sibling[child])
    return best


class OneStep(Flare):
    """Looks one step ahead: every action is tried in the same number of forks, and the evaluator says what comes after.

    Args:
        problem: what to decide on.
        simulations: per decision.
        settings: of `Flare`.
    """

    def __init__(self, problem: Problem, simulations: int = 256, **settings: Any) -> None:
        # With boundless exploration the bound tries everything alike.
        super().__init__(problem, simulations, **{"depth": 1, "exploration": 1e9, **settings})
