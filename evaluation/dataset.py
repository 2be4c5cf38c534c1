"""Episodes of agents as data for offline learning: observations, actions, rewards and the ledger, kept by Minari."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import budgetgym
import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ..agents.planning.world import Planner
from ..agents.registry import make_agent
from ..envs.core.batch import Batch, episode_keys
from ..envs.core.checks import natural
from ..envs.core.presentation import Presentation
from ..envs.core.problem import Problem
from ..envs.core.resolve import as_problem
from .evaluate import count_episodes
from .models import Asked
from .play import LANES, STEPS_IN_MEMORY

INSTALL = 'data sets need Minari: pip install "budgetgym[minari]"'

LEDGER = ("cost", "spent", "remaining", "blocked")
"""What is kept of `info`."""


class Episode(NamedTuple):
    """One episode of T steps, in the form of the environment's spaces."""

    observations: NDArray[Any]
    """(T + 1, d)"""
    actions: NDArray[Any]
    """(T, ...)"""
    rewards: NDArray[np.float64]
    """(T,)"""
    terminations: NDArray[np.bool_]
    """(T,)"""
    truncations: NDArray[np.bool_]
    """(T,)"""
    infos: dict[str, NDArray[Any]]
    """`LEDGER`, each (T + 1, ...): after the reset, and after every step."""


def record(
    agent: Any, env: Any, episodes: int, seed: int = 0, advanced: Callable[[int], None] = lambda episodes: None
) -> list[Episode]:
    """Play an agent and keep everything. The episodes are those of `evaluate` with the same seed.

    Args:
        agent: a policy of the suite, a model, or anything with its `predict`.
        env: an environment of the suite, its id, or a problem.
        episodes: how many.
        seed: of the episodes.
        advanced: called with the number of episodes that were just finished.

    Raises:
        ValueError: see `evaluate`.
    """
    problem = as_problem(env)
    keys = episode_keys(natural("seed", seed), count_episodes(problem, episodes))
    asked, kept = Asked(agent, problem), []
    lanes = 1 if getattr(agent, "carries_over", False) else max(1, min(LANES, STEPS_IN_MEMORY // problem.horizon))
    memory: Any = None
    for first in range(0, episodes, lanes):
        numbers = np.arange(first, min(first + lanes, episodes))
        part, memory = _side_by_side(asked, problem, numbers, keys[numbers], memory if lanes == 1 else None)
        kept += part
        advanced(len(part))
    return kept


def _side_by_side(
    asked: Asked, problem: Problem, numbers: NDArray[np.int64], keys: NDArray[np.uint64], memory: Any
) -> tuple[list[Episode], Any]:
    batch, shown = Batch(problem, len(numbers)), Presentation(problem)
    batch.seed(keys)
    batch.choose(batch.read_options({"episode": numbers}))
    batch.reset()
    if isinstance(asked.agent, Planner):
        asked.agent.attach(batch)
    observation, start = batch.observe(), np.ones(batch.n, np.bool_)
    observations, ledgers = [shown.show(observation, None)], [_ledger(batch)]
    actions, rewards, ends = [], [], []
    while not batch.state.finished.all():
        chosen, memory = asked(batch, observation, memory, start)
        start = np.zeros(batch.n, np.bool_)
        observation, *rest = batch.step(batch.read_actions(chosen))
        actions.append(_within(shown.action_space, np.asarray(chosen)))
        rewards.append(rest[0])
        ends.append(rest[1:])
        observations.append(shown.show(observation, None))
        ledgers.append(_ledger(batch))
    lengths = batch.state.t
    return [
        Episode(
            np.stack([rows[lane] for rows in observations[: steps + 1]]),
            np.stack([rows[lane] for rows in actions[:steps]]),
            np.array([rows[lane] for rows in rewards[:steps]]),
            np.array([terminated[lane] for terminated, _ in ends[:steps]]),
            np.array([truncated[lane] for _, truncated in ends[:steps]]),
            {name: np.stack([ledger[name][lane] for ledger in ledgers[: steps + 1]]) for name in LEDGER},
        )
        for lane, steps in enumerate(lengths.tolist())
    ], memory


def _ledger(batch: Batch) -> dict[str, NDArray[Any]]:
    info = batch.info()
    return {name: info[name] for name in LEDGER}


def _within(space: spaces.Space[Any], actions: NDArray[Any]) -> NDArray[Any]:
    """Actions in the space's own dtype and range: what was out of range was clipped when it was executed."""
    inside = np.clip(actions, space.low, space.high) if isinstance(space, spaces.Box) else actions
    return inside.astype(space.dtype)


def write_minari(
    name: str,
    env_id: str,
    settings: Mapping[str, Any],
    agents: Sequence[str],
    episodes: int,
    seed: int = 0,
    advanced: Callable[[int], None] = lambda episodes: None,
) -> int:
    """Have agents play, and write a Minari data set: one part after the other, `episodes` of each agent.

    Args:
        name: of the data set, such as "bidding/mixed-v0".
        env_id: the environment, which Minari can make again from the data set.
        settings: of the environment.
        agents: names with settings, as `make_agent` takes them.
        episodes: of each agent; all play the same ones.
        seed: of the episodes.
        advanced: called with the number of episodes that were just finished.

    Returns:
        The number of steps.

    Raises:
        ImportError: Minari is not installed.
        ValueError: the data set is there already, or an agent does not serve the environment.
    """
    try:
        import minari
        from minari.data_collector import EpisodeBuffer
    except ImportError as error:
        raise ImportError(INSTALL) from error
    if name in minari.list_local_datasets():
        raise ValueError(f"the data set {name!r} is there already; choose another name, or minari.delete_dataset({name!r})")
    env = gym.make(env_id, **settings)
    buffers = []
    for written in agents:
        for episode in record(make_agent(written, env), env, episodes, seed, advanced):
            buffers.append(EpisodeBuffer(id=len(buffers), seed=seed, **{**episode._asdict(), "options": {"agent": written}}))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`(code_permalink|author|author_email)` is set to None")  # the user's to add
        minari.create_dataset_from_buffers(
            name,
            buffer=buffers,
            env=env,
            eval_env=env,
            algorithm_name=", ".join(agents),
            description=f"{episodes} episodes of each agent, with the ledger in infos; settings: {dict(settings)}",
            requirements=[f"budgetgym=={budgetgym.__version__}"],
        )
    return sum(len(buffer.rewards) for buffer in buffers)
