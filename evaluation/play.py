"""Playing whole episodes: the same ones for every agent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..agents.planning.world import Planner
from ..baselines.core.oracle import episode_bounds
from ..baselines.core.policy import KernelPolicy
from ..envs.core.batch import Batch, episode_keys
from ..envs.core.loops import OK, compile_rollout
from ..envs.core.metrics import Metric
from ..envs.core.problem import Problem, State
from .models import Asked

CHECKPOINTS = 20
"""The spend of an episode is noted this many times."""

LANES = 1024
"""Episodes side by side, at most."""

STEPS_IN_MEMORY = 4_000_000
"""Steps of all lanes together, at most: bounds look at whole episodes at once."""


class Predicts(Protocol):
    """Anything with Stable-Baselines3's `predict`."""

    def predict(self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = True) -> Any:
        """The action or batch of actions, and the state."""
        ...


class Played(NamedTuple):
    """What was seen."""

    episodes: pd.DataFrame
    """A row per episode: episode, initial, return, bound, spent, length, blocked, overspent (more than there was, of any
    resource), and the problem's metrics, NaN where an episode has no value. With several resources, initial and spent are the
    first one's, and `spent_NAME` those of the others."""
    curves: pd.DataFrame
    """episode, time (share of the horizon), spent_share: how the budget was spent."""


def play(
    agent: Predicts,
    problem: Problem,
    numbers: Sequence[int],
    seed: int,
    advanced: Callable[[int], None] = lambda episodes: None,
) -> Played:
    """Play the episodes with these numbers.

    The randomness of an episode depends on `seed` and its number alone: every agent meets the same episodes, in whatever
    order and batch they are played. Agents whose memory carries over play them one after another.

    Args:
        agent: a policy of the suite, a Stable-Baselines3 model, or anything that predicts.
        problem: what to play.
        numbers: of the episodes, ascending.
        seed: of all episodes.
        advanced: called with the number of episodes that were just finished.
    """
    return Session(Asked(agent, problem), problem, seed).play(numbers, advanced)


class Session:
    """Plays now some episodes and later more: a memory that carries over is kept in between. See `play`."""

    def __init__(self, asked: Asked, problem: Problem, seed: int) -> None:
        agent = asked.agent
        self.carries_over = bool(getattr(agent, "carries_over", False))
        self._problem = problem
        self._seed = seed
        self._lanes = 1 if self.carries_over else max(1, min(LANES, STEPS_IN_MEMORY // problem.horizon))
        self._player = _Compiled(agent) if isinstance(agent, KernelPolicy) else _Predicting(asked)

    def play(self, numbers: Sequence[int], advanced: Callable[[int], None] = lambda episodes: None) -> Played:
        """Play the episodes with these numbers, ascending."""
        keys = episode_keys(self._seed, numbers[-1] + 1)
        parts = []
        for first in range(0, len(numbers), self._lanes):
            chosen = np.asarray(numbers[first : first + self._lanes])
            parts.append(_play_side_by_side(self._player, self._problem, chosen, keys[chosen]))
            advanced(len(chosen))
        return Played(*(pd.concat(frames, ignore_index=True) for frames in zip(*parts, strict=True)))


def _play_side_by_side(
    player: _Compiled | _Predicting, problem: Problem, numbers: NDArray[np.int64], keys: NDArray[np.uint64]
) -> Played:
    batch = Batch(problem, len(numbers))
    batch.seed(keys)
    batch.choose(batch.read_options({"episode": numbers}))
    batch.reset()
    bounds = episode_bounds(problem, batch)
    player.start(batch)
    state = batch.state
    spent = np.zeros((len(numbers), CHECKPOINTS + 1))
    reached = np.linspace(0, problem.horizon, CHECKPOINTS + 1).round().astype(int)
    for checkpoint in range(1, CHECKPOINTS + 1):
        player.advance(int(reached[checkpoint] - reached[checkpoint - 1]))
        spent[:, checkpoint] = state.spent[:, 0]
    while not state.finished.all():  # a problem may outlast its horizon
        player.advance(problem.horizon)
    others = list(enumerate(problem.resources))[1:]
    episodes = pd.DataFrame(
        {
            "episode": numbers,
            "initial": state.initial[:, 0],
            "return": player.returns,
            "bound": bounds,
            "spent": state.spent[:, 0],
            "length": state.t,
            "blocked": state.blocked,
            "overspent": ((state.remaining < 0.0) | (state.spent > state.initial)).any(axis=1),
            **{f"spent_{name}": state.spent[:, k] for k, name in others},
            **{metric.name: _values(metric, state) for metric in problem.metrics},
        }
    )
    shares = np.divide(spent, state.initial[:, :1], out=np.zeros_like(spent), where=state.initial[:, :1] > 0)
    curves = pd.DataFrame(
        {
            "episode": np.repeat(numbers, CHECKPOINTS + 1),
            "time": np.tile(reached / problem.horizon, len(numbers)),
            "spent_share": shares.ravel(),
        }
    )
    return Played(episodes, curves)


def _values(metric: Metric, state: State) -> NDArray[Any]:
    """What a metric came to in every episode, (n,); NaN where it has no value."""
    values = getattr(state, metric.name)
    return values if metric.among is None else np.where(getattr(state, metric.among) > 0, values, np.nan)


class _Compiled:
    """Plays a kernel policy without leaving compiled code."""

    def __init__(self, agent: KernelPolicy) -> None:
        self._agent = agent
        self._memory: NDArray[np.float64] | None = None

    def start(self, batch: Batch) -> None:
        """Take over a batch that was just reset."""
        self._batch = batch
        self._rollout = compile_rollout(batch.problem.kernels, self._agent.act)
        if self._memory is None or not self._agent.carries_over:
            self._memory = self._agent.initial_memory(batch.n)
        self._observation = batch.observe()
        self._actions = np.zeros((batch.n, len(batch.rules.action_low)), batch.action_dtype)
        self.returns = np.zeros(batch.n)

    def advance(self, steps: int) -> None:
        """Play `steps` steps in every lane that has not finished."""
        batch = self._batch
        fault = self._rollout(
            batch.params,
            batch.rules,
            batch.state,
            self._agent.parameters,
            self._memory,
            self._observation,
            self._actions,
            steps,
            self.returns,
        )
        if fault != OK:
            batch.refuse(fault, self._actions)


class _Predicting:
    """Plays anything that predicts, a step at a time."""

    def __init__(self, asked: Asked) -> None:
        self._asked, self._agent = asked, asked.agent
        self._memory: Any = None

    def start(self, batch: Batch) -> None:
        """Take over a batch that was just reset."""
        self._batch = batch
        if isinstance(self._agent, Planner):
            self._agent.attach(batch)
        self._observation = batch.observe()
        if not getattr(self._agent, "carries_over", False):
            self._memory = None
        self._episode_start = np.ones(batch.n, np.bool_)
        self.returns = np.zeros(batch.n)

    def advance(self, steps: int) -> None:
        """Play `steps` steps in every lane that has not finished."""
        batch = self._batch
        for _ in range(steps):
            if batch.state.finished.all():
                return
            actions, self._memory = self._asked(batch, self._observation, self._memory, self._episode_start)
            self._episode_start = np.zeros(batch.n, np.bool_)
            self._observation, reward, _, _ = batch.step(batch.read_actions(actions))
            self.returns += reward
