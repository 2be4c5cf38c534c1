"""How a planner gets at the present: it is attached to the environment that it decides in, and forks it."""

from __future__ import annotations

from abc import abstractmethod
from hashlib import blake2b
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ...baselines.core.policy import Information, Policy, PolicyState
from ...envs.core.batch import Batch
from ...envs.core.checks import boolean, natural
from ...envs.core.problem import Problem
from ...envs.core.resolve import as_problem
from .lookahead import check_lookahead


class Planner(Policy):
    """An agent that looks ahead in forks of the environment that it is attached to.

    `attach(env)` comes first, for an environment, a vector environment or a batch of the same problem; `evaluate` and
    `compare` do it. What is asked about must be the present: the observations of all lanes.

    Args:
        problem: what to decide on.
        seed: of the forks' random numbers; the same situation has the same forks.
        peek: plan with the true hidden state and the true future, instead of draws from what can be known. That is
            clairvoyance, and results say so.
    """

    information: ClassVar[Information] = "model"

    def __init__(self, problem: Problem, seed: int = 0, peek: bool = False) -> None:
        self.problem = problem
        self._seed, self.peek = natural("seed", seed), boolean("peek", peek)
        if self.peek:
            self.information = "clairvoyant"  # type: ignore[misc]  # of this one agent
        self._world: Batch | None = None
        self._looked_ahead_in = problem
        self._forks: dict[int, Batch] = {}

    @classmethod
    def check(cls, problem: Problem) -> None:
        """See `Policy.check`: there must be a policy to improve on."""
        check_lookahead(problem)

    def attach(self, env: Any) -> Self:
        """Plan for this environment from now on.

        Raises:
            ValueError: it is of another problem, or in a wrapper that forks would leave out.
        """
        batch = env if isinstance(env, Batch) else getattr(getattr(env, "unwrapped", env), "_batch", None)
        if not isinstance(batch, Batch):
            raise ValueError(f"env is {env!r}; expected an environment of this suite, or a batch")
        problem = env.problem if isinstance(env, Batch) else as_problem(env)
        self.check_problem(problem)
        self._world, self._looked_ahead_in = batch, problem
        self._forks.clear()
        return self

    @property
    def world(self) -> Batch:
        """The batch that it decides in.

        Raises:
            ValueError: not attached.
        """
        if self._world is None:
            raise ValueError(f"{type(self).__name__} looks ahead in the environment: call attach(env) before predict")
        return self._world

    def predict(
        self,
        observation: Any,
        state: PolicyState | None = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[Any], PolicyState | None]:
        """Decide in every lane of the world; `deterministic` makes no difference.

        Raises:
            ValueError: not attached, or the observation is not the present one.
        """
        rows = np.atleast_2d(np.asarray(observation, float))
        world, space = self.world, self.problem.action_space
        if len(rows) != world.n:
            raise ValueError(f"observation has {len(rows)} rows; the environment that is planned for has {world.n} lanes")
        present = world.observe()
        if not np.allclose(rows, present, rtol=0.0, atol=1e-6):  # SB3's learners see 32-bit numbers
            raise ValueError("observation is not the present one of the environment that is planned for; attach that one")
        starts = np.zeros(world.n, bool) if episode_start is None else np.broadcast_to(np.asarray(episode_start), world.n)
        actions = np.zeros((world.n, len(world.rules.action_low)), world.action_dtype)
        actions[:] = world.rules.action_low
        for lane in np.flatnonzero(~world.state.finished):
            if starts[lane] or world.state.t[lane] == 0:
                self.forget(int(lane))
            actions[lane] = self.plan(int(lane), present[lane])
        shaped = actions.reshape(world.n, *(space.shape or ())).astype(space.dtype)
        return (shaped[0] if np.ndim(observation) == 1 else shaped), state

    @abstractmethod
    def plan(self, lane: int, observation: NDArray[np.float64]) -> NDArray[Any]:
        """The action (m,) for a lane with this observation (d,)."""

    def forget(self, lane: int) -> None:
        """An episode begins in this lane."""
        return

    def random(self, observation: NDArray[np.float64]) -> np.random.Generator:
        """Random choices in a situation: the same one makes the same, alone and in a batch."""
        digest = blake2b(observation.tobytes(), digest_size=8, key=self._seed.to_bytes(8, "little")).digest()
        return np.random.default_rng(int.from_bytes(digest, "little"))

    def forks(self, count: int, lane: int, random: np.random.Generator) -> Batch:
        """`count` copies of a lane's present, each with a hidden state and a future of its own, unless it may peek.

        The batch is used again by the next call of the same size.
        """
        world = self.world
        if count not in self._forks:
            self._forks[count] = world.fork(count, lane, self._looked_ahead_in)
        forks = self._forks[count]
        for here, there in zip(forks.state, world.state, strict=True):
            here[...] = there[lane]
        if not self.peek:
            forks.resample(random.integers(2**64, size=count, dtype=np.uint64))
        return forks

    def set_random_seed(self, seed: int | None = None) -> None:
        """Seed the forks' random numbers."""
        self._seed = 0 if seed is None else natural("seed", seed)
