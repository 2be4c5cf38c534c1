"""What all checks use: the error they raise, and random play."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..envs.core.batch import Batch, Transition, episode_keys
from ..envs.core.problem import Problem


class ContractError(AssertionError):
    """A rule of the contract is broken."""


def require(holds: Any, problem: Problem | type | str, message: str) -> None:
    """Raise a `ContractError` about the problem unless `holds`."""
    if not holds:
        name = problem if isinstance(problem, str) else getattr(problem, "__name__", type(problem).__name__)
        raise ContractError(f"{name}: {message}")


def started(problem: Problem, keys: NDArray[np.uint64], episodes: NDArray[np.int64] | None = None) -> Batch:
    """A batch whose lanes begin the episodes of these keys (n,); of a log, the ones with these numbers."""
    batch = Batch(problem, len(keys))
    batch.seed(keys)
    if episodes is not None:
        batch.choose(batch.read_options({"episode": episodes}))
    batch.reset()
    return batch


def first_episodes(problem: Problem, lanes: int, seed: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Keys and numbers of the first `lanes` episodes, (lanes,) each; of a short log, some of them several times."""
    numbers = np.arange(lanes)
    if problem.num_episodes is not None:
        numbers = numbers % problem.num_episodes
    return episode_keys(seed, lanes), numbers


class RandomActions:
    """Random valid actions; the same ones for the same seed.

    Args:
        problem: whose action space is sampled.
        seed: of the actions.
    """

    def __init__(self, problem: Problem, seed: int) -> None:
        self._space = copy.deepcopy(problem.action_space)
        self._space.seed(seed)

    def draw(self, lanes: int) -> NDArray[Any]:
        """Actions for all lanes, (lanes, ...)."""
        return np.stack([self._space.sample() for _ in range(lanes)])


def play(batch: Batch, actions: RandomActions, steps: int, restart: bool = False) -> Iterator[tuple[NDArray[Any], Transition]]:
    """Actions (n, ...) and transition of every step until all lanes have finished, `steps` at most."""
    for _ in range(steps):
        if batch.state.finished.all() and not restart:
            return
        drawn = actions.draw(batch.n)
        yield drawn, batch.step(batch.read_actions(drawn), restart)


def same(a: Any, b: Any) -> bool:
    """Whether two tuples of arrays are equal to the last bit; NaN equals NaN."""
    return all(x.dtype == y.dtype and np.array_equal(x, y, equal_nan=x.dtype.kind == "f") for x, y in zip(a, b, strict=True))
