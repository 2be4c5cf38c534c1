"""Which actions a lookahead tries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ...baselines.core.policy import Policy
from ...envs.core.batch import action_dtype
from ...envs.core.checks import positive_integer
from ...envs.core.problem import Problem, action_bounds


class Candidates(Protocol):
    """Proposes actions, the most promising first."""

    most: int
    """Of a situation."""

    def __call__(self, rows: NDArray[np.float64], masks: Any, random: np.random.Generator) -> list[NDArray[Any]]:
        """For every observation (n, d), with its mask of possible actions (n, A) or None: actions (k, m), 1 <= k <= most."""
        ...


class Listed:
    """All possible actions of a Discrete space; of more than `most`, the policy's own and random others (pruning).

    Args:
        problem: with Discrete actions.
        policy: whose action comes first, so that it wins among equals.
        most: by default all.
    """

    def __init__(self, problem: Problem, policy: Policy | None = None, most: int | None = None) -> None:
        assert isinstance(problem.action_space, spaces.Discrete)
        self._first, self._count = int(problem.action_space.start), int(problem.action_space.n)
        self.policy, self.most = policy, self._count if most is None else positive_integer("most", most)

    def __call__(self, rows: NDArray[np.float64], masks: Any, random: np.random.Generator) -> list[NDArray[Any]]:
        """See `Candidates`."""
        own = [None] * len(rows) if self.policy is None else self.policy.predict(rows)[0] - self._first
        found = []
        for row in range(len(rows)):
            possible = np.arange(self._count) if masks is None else np.flatnonzero(masks[row])
            first = np.array([own[row]], int) if own[row] is not None and (possible == own[row]).any() else possible[:0]
            others = possible[possible != first[0]] if len(first) else possible
            if len(first) + len(others) > self.most:
                others = random.permutation(others)[: self.most - len(first)]
            found.append((np.concatenate([first, others]) + self._first)[:, None])
        return found


class Around:
    """Actions of a Box around a policy's own, from near to far; with progressive widening the far ones come late.

    Args:
        problem: with actions in a Box.
        policy: whose action comes first.
        spread: of the others: they differ by up to so much, as shares of the policy's own action and 1 % of the range.
        most: of a situation.
    """

    def __init__(self, problem: Problem, policy: Policy, spread: float = 0.8, most: int = 8) -> None:
        space = problem.action_space
        assert isinstance(space, spaces.Box)
        self._low, self._high = space.low.ravel().astype(float), space.high.ravel().astype(float)
        self.policy, self.spread, self.most = policy, spread, positive_integer("most", most)

    def __call__(self, rows: NDArray[np.float64], masks: Any, random: np.random.Generator) -> list[NDArray[Any]]:
        """See `Candidates`."""
        own = np.asarray(self.policy.predict(rows)[0], float).reshape(len(rows), -1)
        reach = self.spread * (np.abs(own) + 0.01 * (self._high - self._low))
        # -1/n, 1/n, -2/n, 2/n, ...: both sides alike, the near ones first.
        order = np.arange(1, self.most) // 2 + np.arange(1, self.most) % 2
        shifts = np.concatenate(
            [[0.0], np.where(np.arange(1, self.most) % 2, -1.0, 1.0) * order / max(order.max(initial=1), 1)]
        )
        actions = own[:, None, :] + shifts[None, :, None] * reach[:, None, :]
        return list(np.clip(actions, self._low, self._high))


Neighbours = Callable[[Any, NDArray[Any], int, np.random.Generator], list[NDArray[Any]]]
"""neighbours(problem, action (m,), most, random) -> up to `most` actions that differ a little from this one."""


class Proposed:
    """What several policies would do, and perhaps near misses of it.

    Args:
        problem: any.
        policies: the first one's action wins among equals.
        most: of a situation.
        neighbours: fills up with actions near the first one.
    """

    def __init__(
        self, problem: Problem, policies: Sequence[Policy], most: int = 8, neighbours: Neighbours | None = None
    ) -> None:
        if not policies:
            raise ValueError("policies is empty; expected at least one policy that proposes actions")
        self.problem, self.policies, self.most = problem, list(policies), positive_integer("most", most)
        self.neighbours = neighbours

    def __call__(self, rows: NDArray[np.float64], masks: Any, random: np.random.Generator) -> list[NDArray[Any]]:
        """See `Candidates`."""
        dtype = action_dtype(self.problem.action_space)
        proposals = [np.asarray(policy.predict(rows)[0], dtype).reshape(len(rows), -1) for policy in self.policies]
        found = []
        for row in range(len(rows)):
            actions = [proposal[row] for proposal in proposals]
            if self.neighbours is not None:
                actions += self.neighbours(self.problem, actions[0], self.most, random)
            different = {action.tobytes(): action for action in reversed(actions)}
            ordered = [different.pop(a.tobytes()) for a in actions if a.tobytes() in different]
            found.append(np.stack(ordered[: self.most]))
        return found


def changed_components(
    problem: Problem, action: NDArray[np.int64], most: int, random: np.random.Generator
) -> list[NDArray[np.int64]]:
    """Actions that differ from this one (m,) in one component or, every other one, in about half of them, at random."""
    low, high = action_bounds(problem.action_space)
    found = []
    for k in range(most):
        other = random.integers(low.astype(np.int64), high.astype(np.int64) + 1)
        changes = np.arange(len(action)) == random.integers(len(action)) if k % 2 == 0 else random.random(len(action)) < 0.5
        found.append(np.where(changes, other, action))
    return found
