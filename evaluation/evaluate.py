"""`evaluate`: one agent on one environment."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from ..agents.planning.world import Planner
from ..baselines.core.oracle import known_optimum, null_score
from ..baselines.core.policy import Policy
from ..envs.core.batch import Batch, episode_keys
from ..envs.core.checks import MOST_EPISODES, at_most, natural, plain
from ..envs.core.problem import Problem
from ..envs.core.resolve import Normalise, unwrap
from .models import Asked
from .play import Played, Predicts, Session
from .precision import check_precision, episode_counts, half_width
from .provenance import training_seed
from .summary import summarise
from .table import Table

DEFAULT_EPISODES = 200


@dataclass(frozen=True, repr=False)
class Result:
    """How an agent did. It prints as a compact table.

    Attributes:
        summary: means with 95 % intervals (`_low`, `_high`), shares of bound and optimum, spend, latency; see `summarise`.
        episodes: one row per episode: return, bound, spent, length, blocked, and the problem's metrics.
        curves: the share of the budget spent, at points of time, per episode.
        cell: facts of the whole evaluation: optimum, null (what doing nothing earns), latency, information, remarks (what
            must be said beside the numbers, a line each), the seed that a learner has learned with, seconds, and how many
            decisions were proved to be the best by the agent's own values, or were not, of those that it took by optimising.
        table: `summary` as a table of one row.
    """

    summary: dict[str, Any]
    episodes: pd.DataFrame
    curves: pd.DataFrame
    cell: dict[str, Any]
    table: Table

    def __repr__(self) -> str:
        return repr(self.table)

    def _repr_html_(self) -> str:
        return self.table._repr_html_()

    @property
    def remarks(self) -> list[str]:
        """What must be said beside the numbers, such as which of them rest on assumptions; a sentence each."""
        return self.cell["remarks"].splitlines()


def evaluate(
    agent: Predicts,
    env: Any,
    episodes: int | Literal["all"] | None = None,
    seed: int = 0,
    *,
    precision: float | None = None,
    budget: Any = None,
    advanced: Callable[[int], None] = lambda episodes: None,
) -> Result:
    """Play an agent on episodes that depend on `seed` and their number alone.

    Args:
        agent: a policy of the suite, a Stable-Baselines3 model, or anything with its `predict`.
        env: an environment of the suite (any face), its id, or a problem. It is not stepped: the evaluation plays the
            same problem on a batch of its own. A limit of steps holds there too. A `VecNormalize` is applied for models
            that are not policies of the suite; without one, a model is played under that of the environment it is set to.
        episodes: how many; "all" for every episode of a log; by default all of a log, or 200.
        seed: of the episodes.
        precision: play as many episodes as it takes, up to `precision.MOST` or the end of a log, until half the width of the
            95 % interval of the share of the optimum is at most this (else of the bound; else of the mean score, in units of
            the standard deviation of an episode's). `summary` reports how many there were and how wide the interval is.
        budget: play with this budget instead of the environment's own.
        advanced: called with the number of episodes that were just finished, to show progress.

    Raises:
        ValueError: an agent that was made for another problem; a model that lacks the `VecNormalize` it was trained under; a
            wrapper that would be left out; both episodes and a precision; episodes below 1, more than the log has, or "all"
            where there is no end.
        TypeError: something that is not an agent or not an environment of the suite.
        RuntimeError: an episode spent more than it had, which the ledger must never let through.
    """
    problem, normalise = unwrap(env)
    if budget is not None:
        problem = problem.replace(**_other_budget(problem, budget))
    evaluation = Evaluation(agent, problem, seed, normalise)
    if precision is None:
        evaluation.grow(count_episodes(problem, episodes), advanced)
        return evaluation.result()
    check_precision(precision, episodes)
    first, *others = episode_counts(problem)
    evaluation.grow(first, advanced)
    result = evaluation.result()
    for count in others:
        if half_width(result.summary, result.episodes[problem.score], problem.score) <= precision:
            break
        evaluation.grow(count, advanced)
        result = evaluation.result()
    return result


class Evaluation:
    """One agent on one problem, which can go on: episodes that were played are kept, and more are appended.

    Args:
        agent, problem, seed: see `evaluate`.
        normalise: what models are shown in place of observations.

    Raises:
        ValueError, TypeError: see `evaluate`.
    """

    def __init__(self, agent: Predicts, problem: Problem, seed: int, normalise: Normalise | None = None) -> None:
        if not callable(getattr(agent, "predict", None)):
            raise TypeError(f"agent is {agent!r}; expected something with predict(); make_agent makes one from a name")
        if isinstance(agent, Policy):
            agent.check_problem(problem)
        self._agent = agent
        self._problem = problem
        self._asked = Asked(agent, problem, normalise)
        self._session = Session(self._asked, problem, natural("seed", seed))
        self._begun = False
        self._parts: list[Played] = []
        self.cell: dict[str, Any] = {}

    @property
    def played(self) -> Played:
        """All episodes so far."""
        return Played(*(pd.concat(frames, ignore_index=True) for frames in zip(*self._parts, strict=True)))

    def restore(self, played: Played, cell: dict[str, Any]) -> None:
        """Go on from episodes that an evaluation like this one has played before."""
        self._parts, self.cell = [played], cell

    def grow(self, count: int, advanced: Callable[[int], None] = lambda episodes: None) -> None:
        """Play until there are the episodes 0 .. count - 1.

        Raises:
            RuntimeError: see `check_ledger`.
        """
        if self._session.carries_over and not self._begun:
            self._parts = []  # what was restored came without the memory that it led to
        first = sum(len(part.episodes) for part in self._parts)
        started = time.perf_counter()
        before = _proofs(self._agent)
        if first < count:
            self._parts.append(self._session.play(range(first, count), advanced))
            check_ledger(self._parts[-1].episodes)
            self._begun = True
        taken, unproved = (now - then for now, then in zip(_proofs(self._agent), before, strict=True))
        if not self.cell:
            optimum, reason = known_optimum(self._problem)
            self.cell = {
                "optimum": optimum,
                "optimum_unknown": reason,
                "null": null_score(self._problem),
                "latency_us": decision_latency(self._asked, self._problem),
                "information": getattr(self._agent, "information", "observation"),
                "remarks": "\n".join(self._problem.remarks),
                "training_seed": training_seed(self._agent),
                "seconds": 0.0,
                "proved_decisions": 0,
                "unproved_decisions": 0,
            }
        self.cell = {
            **self.cell,
            "seconds": self.cell["seconds"] + time.perf_counter() - started,
            "proved_decisions": self.cell["proved_decisions"] + taken - unproved,
            "unproved_decisions": self.cell["unproved_decisions"] + unproved,
        }

    def result(self) -> Result:
        """How the agent did so far."""
        names = {"agent": type(self._agent).__name__, "budget": "own", "budget_value": 0.0}
        played, problem = self.played, self._problem
        cells = pd.DataFrame([{**names, **self.cell}])
        table = summarise(played.episodes.assign(**names), cells, score=problem.score, metrics=problem.metrics)
        # One agent alone has no difference; why an optimum is unknown, and remarks, are among the facts of the cell.
        left_out = {*names, "optimum_unknown", "remarks", *(name for name in table if name.startswith("difference"))}
        summary = {str(name): plain(value) for name, value in table.iloc[0].items() if name not in left_out}
        return Result(summary, played.episodes, played.curves, self.cell, Table(table, problem.metrics, problem.score))


def check_ledger(episodes: pd.DataFrame) -> None:
    """Budgets are hard: an episode that overspent is a defect of the suite, and all results are in doubt.

    Raises:
        RuntimeError: see above; names the first such episode.
    """
    if (overspent := episodes["overspent"].to_numpy(bool)).any():
        first = episodes["episode"].to_numpy()[overspent][0]
        raise RuntimeError(f"{overspent.sum()} episodes spent more than their budget, the first is number {first}")


def count_episodes(problem: Problem, episodes: int | Literal["all"] | None) -> int:
    """How many episodes are asked for.

    Raises:
        ValueError: see `evaluate`; more than `MOST_EPISODES`.
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
    return at_most("episodes", episodes, MOST_EPISODES)


def decision_latency(asked: Asked, problem: Problem, decisions: int = 200, seconds: float = 2.0) -> float:
    """The median time of `predict` on one observation, the first one of an episode, in microseconds.

    Of `decisions` decisions, or as many as begin within `seconds`; one before them, which may compile, does not count.
    """
    batch, keys = Batch(problem, 1), episode_keys(0, decisions + 1)
    if isinstance(asked.agent, Planner):
        asked.agent.attach(batch)
    state: Any = None
    taken = []
    for k in range(decisions + 1):
        batch.seed(keys[k : k + 1])
        batch.reset()
        observation = batch.observe()[0]
        started = time.perf_counter()
        _, state = asked(batch, observation, state, np.array([k == 0]))
        if k > 0:
            taken.append(time.perf_counter() - started)
        if sum(taken) > seconds:
            break
    return 1e6 * float(np.median(taken))


def _proofs(agent: Any) -> tuple[int, int]:
    """How many decisions an agent has taken by optimising, and how many of them are not proved to be the best."""
    return getattr(agent, "proofs", (0, 0))


def _other_budget(problem: Problem, budget: Any) -> dict[str, Any]:
    first, *others = problem.budget_settings
    return {first: budget, **{name: None for name in others if name in problem.settings}}
