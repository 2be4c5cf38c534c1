"""`evaluate`: one agent on one environment."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import gymnasium as gym
import numpy as np
import pandas as pd
from gymnasium.wrappers import OrderEnforcing, PassiveEnvChecker, RecordEpisodeStatistics

from ..agents.planning.world import Planner
from ..agents.registry import as_problem
from ..baselines.oracles import exact_optimum, null_score
from ..baselines.policy import Policy
from ..envs.core.batch import Batch, episode_keys
from ..envs.core.problem import Problem
from .play import Predicts, play
from .provenance import training_seed
from .summary import summarise

DEFAULT_EPISODES = 200


@dataclass(frozen=True)
class Result:
    """How an agent did.

    Attributes:
        summary: means with 95 % intervals (`_low`, `_high`), shares of bound and optimum, spend, latency; see `summarise`.
        episodes: one row per episode: return, bound, spent, length, blocked, and the problem's metrics.
        curves: the share of the budget spent, at points of time, per episode.
        cell: facts of the whole evaluation: optimum, null (what doing nothing earns), latency, information, the seed that a
            learner has learned with, seconds.
    """

    summary: dict[str, Any]
    episodes: pd.DataFrame
    curves: pd.DataFrame
    cell: dict[str, Any]


def evaluate(
    agent: Predicts,
    env: Any,
    episodes: int | Literal["all"] | None = None,
    seed: int = 0,
    *,
    budget: Any = None,
    advanced: Callable[[int], None] = lambda episodes: None,
) -> Result:
    """Play an agent on episodes that depend on `seed` and their number alone.

    Args:
        agent: a policy of the suite, a Stable-Baselines3 model, or anything with its `predict`.
        env: an environment of the suite (any face), its id, or a problem. It is not stepped: the evaluation plays the
            same problem on a batch of its own.
        episodes: how many; "all" for every episode of a log; by default all of a log, or 200.
        seed: of the episodes.
        budget: play with this budget instead of the environment's own.
        advanced: called with the number of episodes that were just finished, to show progress.

    Raises:
        ValueError: an agent that was made for another problem; episodes below 1, more than the log has, or "all" where
            there is no end.
        TypeError: something that is not an agent or not an environment of the suite.
        RuntimeError: an episode spent more than it had, which the ledger must never let through.
    """
    if not callable(getattr(agent, "predict", None)):
        raise TypeError(f"agent is {agent!r}; expected something with predict(); make_agent makes one from a name")
    problem = played_problem(env)
    if budget is not None:
        problem = problem.replace(**_other_budget(problem, budget))
    if isinstance(agent, Policy):
        agent.check_problem(problem)
    numbers = range(count_episodes(problem, episodes))
    started = time.perf_counter()
    played = play(agent, problem, numbers, seed, advanced)
    check_ledger(played.episodes)
    cell = {
        "optimum": exact_optimum(problem),
        "null": null_score(problem),
        "latency_us": decision_latency(agent, problem),
        "information": getattr(agent, "information", "observation"),
        "training_seed": training_seed(agent),
        "seconds": time.perf_counter() - started,
    }
    names = {"agent": type(agent).__name__, "budget": "own", "budget_value": 0.0}
    table = summarise(
        played.episodes.assign(**names), pd.DataFrame([{**names, **cell}]), score=problem.score, metrics=problem.metrics
    )
    left_out = {*names, "difference", "difference_low", "difference_high"}  # one agent alone has no difference
    summary = {str(name): _plain(value) for name, value in table.iloc[0].items() if name not in left_out}
    return Result(summary, played.episodes, played.curves, cell)


def check_ledger(episodes: pd.DataFrame) -> None:
    """Budgets are hard: an episode that overspent is a defect of the suite, and all results are in doubt.

    Raises:
        RuntimeError: see above; names the first such episode.
    """
    if (overspent := episodes["overspent"].to_numpy(bool)).any():
        first = episodes["episode"].to_numpy()[overspent][0]
        raise RuntimeError(f"{overspent.sum()} episodes spent more than their budget, the first is number {first}")


def played_problem(env: Any) -> Problem:
    """The problem of an environment that is to be played on batches of our own.

    Raises:
        ValueError: a wrapper changes what agents see, do or earn: it would be left out.
    """
    problem = as_problem(env)
    harmless = (PassiveEnvChecker, OrderEnforcing, RecordEpisodeStatistics)
    wrapper = env
    while isinstance(wrapper, gym.Wrapper):
        if not isinstance(wrapper, harmless) and type(wrapper).__name__ != "Monitor":
            raise ValueError(
                f"env has the wrapper {type(wrapper).__name__}, which an evaluation would leave out; "
                "pass the environment without it, or have the agent do what it does"
            )
        wrapper = wrapper.env
    return problem


def count_episodes(problem: Problem, episodes: int | Literal["all"] | None) -> int:
    """How many episodes are asked for.

    Raises:
        ValueError: see `evaluate`.
    """
    available = problem.num_episodes
    if episodes is None:
        return available or DEFAULT_EPISODES
    if episodes == "all":
        if available is None:
            raise ValueError(f"episodes='all': {problem.instance} draws episodes without end; expected a number")
        return available
    if isinstance(episodes, bool) or not isinstance(episodes, int | np.integer) or episodes < 1:
        raise ValueError(f"episodes is {episodes!r}; expected an integer >= 1, or 'all'")
    if available is not None and episodes > available:
        raise ValueError(f"episodes is {episodes}; {problem.instance} has {available} of {problem.horizon} steps")
    return int(episodes)


def decision_latency(agent: Predicts, problem: Problem, decisions: int = 200, seconds: float = 2.0) -> float:
    """The median time of `predict` on one observation, the first one of an episode, in microseconds.

    Of so many decisions, or as many as begin within so many seconds.
    """
    batch, keys = Batch(problem, 1), episode_keys(0, decisions)
    if isinstance(agent, Planner):
        agent.attach(batch)
    state: Any = None
    taken = []
    for k in range(decisions):
        batch.seed(keys[k : k + 1])
        batch.reset()
        observation = batch.observe()[0]
        started = time.perf_counter()
        _, state = agent.predict(observation, state=state, episode_start=np.array([k == 0]), deterministic=True)
        taken.append(time.perf_counter() - started)
        if sum(taken) > seconds:
            break
    return 1e6 * float(np.median(taken))


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _other_budget(problem: Problem, budget: Any) -> dict[str, Any]:
    first, *others = problem.budget_settings
    return {first: budget, **{name: None for name in others if name in problem.settings}}
