"""Beam search: the few best-looking continuations are kept at every depth."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...baselines.core.policy import Policy
from ...envs.core.batch import Batch
from ...envs.core.checks import positive_integer
from ...envs.core.problem import Problem
from ...envs.core.states import part_of
from .evaluators import Evaluator
from .lookahead import Score, basis_of, lookahead_of
from .world import Planner


def earned_so_far(
    before: NDArray[np.float64], action: NDArray[Any], after: NDArray[np.float64], earned: NDArray[np.float64]
) -> NDArray[np.float64]:
    """A continuation looks as good as what it has earned."""
    return earned


class BeamSearch(Planner):
    """Keeps the `width` best-scored continuations at every depth, then plays the first action of the best one, and plans anew.

    Every continuation is tried once, so where outcomes are random it plans for one future of many.

    Args:
        problem: with Discrete actions, or others of which some are tried; see `Flare`.
        width: of the beam.
        depth: steps; by default to the end of the episode.
        score: see `Score`; by default the family's, see `Lookahead`.
        policy, candidates: see `Flare`; the policy's own action wins among equals.
        evaluator: what the ends are worth beside what was earned; by default nothing.
        seed, peek: see `Planner`.
    """

    def __init__(
        self,
        problem: Problem,
        width: int = 3,
        depth: int | None = None,
        score: Score | None = None,
        policy: str | Policy | None = None,
        evaluator: Evaluator | None = None,
        candidates: int | None = None,
        seed: int = 0,
        peek: bool = False,
    ) -> None:
        super().__init__(problem, seed, peek)
        self.width, self.evaluator = positive_integer("width", width), evaluator
        self.score = score or lookahead_of(problem).score or earned_so_far
        self.basis = basis_of(problem, policy, evaluator or _nothing, candidates)
        self.depth = min(self.basis.depth, problem.horizon if depth is None else positive_integer("depth", depth))

    def plan(self, lane: int, observation: NDArray[np.float64]) -> NDArray[Any]:
        """See `Planner.plan`."""
        random, most = self.random(observation), self.basis.candidates.most
        present = self.forks(self.width, lane, random)
        next_ = self.forks(self.width * most, lane, random)
        rows = np.repeat(observation[None], self.width, axis=0)
        beam = np.zeros(1, np.int64)  # lanes of `present`
        firsts: list[NDArray[Any]] = []
        earned, over = np.zeros(1), np.zeros(1, bool)
        for depth in range(self.depth):
            masks = self._masks(present, beam)
            tried = self.basis.candidates(rows[beam], masks, random)
            pairs = [
                (place, action)
                for place, actions in enumerate(tried)
                for action in (actions[:1] if over[place] else actions)  # what has ended stays as it is
            ]
            place = np.array([place for place, _ in pairs])
            actions = np.stack([action for _, action in pairs])
            n = len(pairs)
            for here, there in zip(next_.state, present.state, strict=True):
                here[:n] = there[beam[place]]
                here[n:] = there[beam[place[0]]]
            full = np.concatenate([actions, np.repeat(actions[:1], next_.n - n, axis=0)])
            after = next_.step(next_.read_actions(full.reshape(next_.n, *(self.problem.action_space.shape or ()))))
            total = earned[place] + after.reward[:n]
            looks = self.score(rows[beam[place]], actions, after.observation[:n], total)
            kept = np.argsort(-looks, kind="stable")[: self.width]
            firsts = [pairs[k][1] if depth == 0 else firsts[place[k]] for k in kept]
            beam, earned, over = np.arange(len(kept)), total[kept], next_.state.finished[kept].copy()
            for here, there in zip(present.state, next_.state, strict=True):
                here[beam] = there[kept]
            rows[beam] = after.observation[kept]
            if over.all():
                break
        worth = earned.copy()
        if self.evaluator is not None:
            worth += self.evaluator(present, 0, len(beam), rows[: len(beam)])
        return firsts[int(worth.argmax())]

    def _masks(self, present: Batch, lanes: NDArray[np.int64]) -> Any:
        if self.problem.kernels.mask is None:
            return None
        masks = np.empty((len(lanes), int(self.problem.action_space.n)), np.int8)  # type: ignore[attr-defined]
        present.loops.mask(present.params, part_of(present.state, 0, len(lanes)), masks)
        return masks


def _nothing(forks: Batch, first: int, last: int, observation: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.zeros(last - first)
