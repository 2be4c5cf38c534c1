"""Agents that decide step by step in a `TrapTree`, and one that searches it."""

from __future__ import annotations

from typing import ClassVar, NamedTuple, cast

import numpy as np

from ...envs.core import jit, rng
from ...envs.core.checks import natural
from ...envs.core.problem import Problem
from ...envs.traptree.problem import TrapTree
from ...envs.traptree.reading import Reading, read_level, read_score
from ..core.policy import Information, KernelPolicy


class Walker(KernelPolicy[TrapTree]):
    """What agents share that walk in a `TrapTree`.

    Attributes:
        goes_back: it needs `backtrack=True`.
    """

    serves = TrapTree
    goes_back: ClassVar[bool] = False

    @classmethod
    def check(cls, problem: Problem) -> None:
        """See `Policy.check`."""
        super().check(problem)
        if cls.goes_back and not cast(TrapTree, problem).params.backtrack:
            raise ValueError(f"{cls.name} goes back; make the environment with backtrack=True")


@jit
def act_greedy(reading, observation, memory, action):
    """The child that looks best."""
    best = 0
    for child in range(1, reading.branching):
        if read_score(observation, child) > read_score(observation, best):
            best = child
    action[0] = best


class Greedy(Walker):
    """Goes to the child with the largest local score, the first one among equals.

    Args:
        problem: the tree.
    """

    name = "greedy"

    def __init__(self, problem: Problem) -> None:
        problem = self.served(problem)
        super().__init__(problem, act_greedy, problem.reading)


@jit
def act_contrarian(reading, observation, memory, action):
    """The child whose score is the odd one out."""
    total = 0.0
    for child in range(reading.branching):
        total += read_score(observation, child)
    odd = 1.0 if total == 1.0 else 0.0
    action[0] = 0
    for child in range(reading.branching - 1, -1, -1):
        if read_score(observation, child) == odd:
            action[0] = child


class Contrarian(Walker):
    """Goes to the child whose score differs from all others: reads the construction off, and always succeeds if b > 2.

    With two children there is no odd one out, and it goes to the one that looks best.

    Args:
        problem: the tree.
    """

    name = "contrarian"
    information: ClassVar[Information] = "model"

    def __init__(self, problem: Problem) -> None:
        problem = self.served(problem)
        super().__init__(problem, act_contrarian, problem.reading)


class RandomParameters(NamedTuple):
    """The tree, and the key of the random numbers."""

    reading: Reading
    key: np.uint64


@jit
def act_random(p, observation, memory, action):
    """A random child: by a hash of the key, the number of the move, and what was seen at the first move."""
    if memory[0] == 0.0:
        for child in range(p.reading.branching):
            memory[1] = 2.0 * memory[1] + read_score(observation, child)
    memory[0] += 1.0
    bits = rng.mix(rng.mix(p.key + np.uint64(memory[0])) + np.uint64(memory[1]))
    action[0] = np.int64(rng.unit(bits) * p.reading.branching)


class Random(Walker):
    """Goes to a random child, all equally likely.

    Solutions are drawn independently of these choices, so that the same choices in many episodes are as good as others.

    Args:
        problem: the tree.
        seed: of the choices.
    """

    name = "random"

    def __init__(self, problem: Problem, seed: int = 0) -> None:
        problem = self.served(problem)
        super().__init__(problem, act_random, RandomParameters(problem.reading, np.uint64(natural("seed", seed))), np.zeros(2))

    def set_random_seed(self, seed: int | None = None) -> None:
        """Choose another stream of choices."""
        self.parameters = self.parameters._replace(key=np.uint64(natural("seed", 0 if seed is None else seed)))


@jit
def act_systematic(reading, observation, memory, action):
    """Depth first, in the order of children. memory[level]: the child to try next at that level."""
    level = read_level(reading, observation)
    if level < reading.depth and memory[level] < reading.branching:
        action[0] = np.int64(memory[level])
        memory[level] += 1.0
        if level + 1 < reading.depth:
            memory[level + 1] = 0.0
    else:
        action[0] = reading.branching


class Systematic(Walker):
    """Searches the whole tree, depth first; the budget decides how far it gets. Needs `backtrack=True`.

    Args:
        problem: the tree.
    """

    name = "systematic"
    goes_back = True

    def __init__(self, problem: Problem) -> None:
        problem = self.served(problem)
        super().__init__(problem, act_systematic, problem.reading, np.zeros(problem.params.depth))
