"""The shape of every agent: Stable-Baselines3's `predict`; and policies whose decisions are compiled."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Generic, Literal, TypeVar, cast

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ...envs.core.batch import action_dtype
from ...envs.core.jit import jit
from ...envs.core.problem import Problem
from .oracle import check_settings

Information = Literal["observation", "model", "clairvoyant"]
"""What an agent may use: what it observes; also the law of the problem (or statistics of it); also the hidden truth."""

P = TypeVar("P", bound=Problem)
"""The problems that an agent serves."""

PolicyState = tuple[NDArray[Any], ...]


class Policy(ABC, Generic[P]):
    """An agent that decides; it may also learn. `stable_baselines3.common.evaluation.evaluate_policy` takes it.

    Attributes:
        name: for messages.
        serves: the problems that it decides on.
        needs_budget: it reads the budget from the observation.
        needs_law: it relies on the law of the problem as its family's oracle knows it.
        information: what it uses, recorded with every result.
        carries_over: its memory runs on from episode to episode, so an evaluation must play them one after another.
        takes_masks: `predict` is to be given the environment's `action_masks`.
        proofs: how many decisions it has taken by optimising, and how many of them are not proved to be the best by its own
            values. Recorded with every result.
    """

    name: ClassVar[str] = "the agent"
    serves: ClassVar[type[Problem]] = Problem
    needs_budget: ClassVar[bool] = False
    needs_law: ClassVar[bool] = False
    information: ClassVar[Information] = "observation"
    carries_over: ClassVar[bool] = False
    takes_masks: bool = False
    proofs: tuple[int, int] = (0, 0)
    problem: Problem

    @classmethod
    def check(cls, problem: Problem) -> None:
        """Check, without making it, that the agent can serve a problem as it is set.

        Lists of agents ask this, and constructors ask it first. What takes long to find out is left to the constructor.

        Raises:
            ValueError: it can't, and why.
        """
        if not isinstance(problem, cls.serves):
            raise ValueError(f"{cls.name} serves {cls.serves.__name__}, not {type(problem).__name__}")
        if cls.needs_budget and not problem.budget_aware:
            raise ValueError(f"{cls.name} reads the budget from the observation; expected budget_aware=True")
        if cls.needs_law:
            check_settings(problem)

    @classmethod
    def served(cls, problem: Problem) -> P:
        """The problem, one of those that the class `serves`, after `check`; constructors begin with it."""
        cls.check(problem)
        return cast(P, problem)

    @abstractmethod
    def predict(
        self,
        observation: Any,
        state: PolicyState | None = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[Any], PolicyState | None]:
        """Decide.

        Args:
            observation: one observation (d,) or a batch (n, d).
            state: what the previous call returned; None at first.
            episode_start: which observations begin an episode, a bool or (n,); their memory is cleared.
            deterministic: without chance, where the agent has a choice.

        Returns:
            The action or the batch of actions, and the state for the next call.
        """

    def check_problem(self, problem: Problem) -> None:
        """Check that an agent that was made for one problem can decide on another.

        Raises:
            ValueError: observations, actions or horizon differ, by which it would misread what it sees.
        """
        mine = self.problem
        for what in ("observation_names", "observation_space", "action_space", "horizon", "budget_scale"):
            if not np.array_equal(getattr(mine, what), getattr(problem, what)):
                raise ValueError(
                    f"{type(self).__name__} was made for {what} {getattr(mine, what)}, not {getattr(problem, what)}; "
                    "make the agent for this environment"
                )

    def set_random_seed(self, seed: int | None = None) -> None:
        """Seed the agent's own chance; most have none."""
        return


class KernelPolicy(Policy[P]):
    """A policy written as a kernel: the same compiled function decides in `predict` and in compiled rollouts.

    Args:
        problem: what it decides on; gives the spaces.
        act: compiled `act(parameters, observation (d,), memory (p,), action (m,))`, which writes the action and may change
            the memory.
        parameters: NamedTuple that `act` reads.
        memory: what every episode's memory starts with, (p,).
    """

    def __init__(
        self, problem: Problem, act: Callable[..., None], parameters: Any, memory: NDArray[np.float64] | None = None
    ) -> None:
        self.problem = problem
        self.act = act
        self.parameters = parameters
        self._memory = np.zeros(0) if memory is None else np.asarray(memory, float)

    def initial_memory(self, n: int) -> NDArray[np.float64]:
        """The memory of `n` episodes at their start, (n, p)."""
        return np.tile(self._memory, (n, 1))

    def predict(
        self,
        observation: Any,
        state: PolicyState | None = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[Any], PolicyState | None]:
        """Decide; see `Policy.predict`. `deterministic` makes no difference."""
        space = self.problem.action_space
        rows = observation_rows(self.problem, observation)
        single = np.ndim(observation) == 1
        memory = self._memory_of(len(rows), state, episode_start)
        actions = np.empty((len(rows), _components(space)), action_dtype(space))
        _act_on_all(self.act)(self.parameters, rows, memory, actions)
        actions = actions.reshape(len(rows), *(space.shape or ())).astype(space.dtype, copy=False)
        return (actions[0] if single else actions), (memory,)

    def _memory_of(self, n: int, state: PolicyState | None, episode_start: Any) -> NDArray[np.float64]:
        if state is None:
            return self.initial_memory(n)
        memory = np.array(state[0])
        if episode_start is not None and not self.carries_over:
            started = np.broadcast_to(np.asarray(episode_start, bool), (n,))
            memory[started] = self._memory
        return memory


def observation_rows(problem: Problem, observation: Any) -> NDArray[np.float64]:
    """One observation (d,) or a batch (n, d) as a batch of exact ones; otherwise a ValueError that names the shape."""
    rows = np.atleast_2d(np.asarray(observation))
    expected = len(problem.observation_names)
    if rows.ndim != 2 or rows.shape[1] != expected:
        raise ValueError(f"observation has shape {np.shape(observation)}; expected ({expected},) or (n, {expected})")
    return problem.widen(rows) if rows.dtype == np.float32 else np.ascontiguousarray(rows, np.float64)


def _components(space: spaces.Space[Any]) -> int:
    return int(np.prod(space.shape or ()))


_LOOPS: dict[Any, Callable[..., None]] = {}


def _act_on_all(act: Callable[..., None]) -> Callable[..., None]:
    """The compiled loop of `act` over a batch of observations."""
    if act not in _LOOPS:

        @jit
        def act_on_all(parameters, observations, memory, actions):
            for i in range(observations.shape[0]):
                act(parameters, observations[i], memory[i], actions[i])

        _LOOPS[act] = act_on_all
    return _LOOPS[act]
