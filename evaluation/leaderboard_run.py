"""One run of the leaderboard: an agent on an environment, trained with one seed if it learns."""

from __future__ import annotations

import time
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ..agents.registry import make_agent
from ..envs.core.problem import Problem
from ..envs.core.resolve import as_problem
from ..envs.core.versions import versions
from .budgets import budget_cases
from .evaluate import Result, evaluate
from .provenance import agent_settings, problem_settings
from .store import Store, cell_key
from .summary import Floats

RESAMPLES = 500
"""Of the episodes, with which the leaderboard combines the resamples of the training seeds."""


@lru_cache
def problem_of_id(id: str) -> Problem:
    """The problem of a registered id at its own settings; some take a tenth of a second to make."""
    return as_problem(id)


class Run(NamedTuple):
    """What a run's result depends on, apart from the code."""

    environment: str
    agent: str
    training_seed: int | None
    """None for agents that don't learn."""
    effort: float | None
    """The share of the decisions that the learner's configuration finds enough to learn from."""
    episodes: int
    seed: int
    """Of the episodes."""

    @property
    def key(self) -> str:
        """The name of its file; see `cell_key`."""
        problem = problem_of_id(self.environment)
        return cell_key(problem, self.agent, self.episodes, self.seed, self.environment, self.training_seed, self.effort)


def carry_out(run: Run, folder: Path) -> dict[str, Any]:
    """Train, if it learns, and play; the result is kept in the folder.

    Returns:
        The run's row. Where the agent can't serve the environment as it is, the row gives the reason.
    """
    problem = problem_of_id(run.environment)
    row = {**facts(run, problem), **_result(run, problem)}
    Store(folder).save_row(run.key, row)
    return row


def facts(run: Run, problem: Problem) -> dict[str, Any]:
    """What is known of a run before it is carried out."""
    return {
        "environment": run.environment,
        "agent": run.agent,
        "training_seed": run.training_seed,
        "learns": run.training_seed is not None,
        "instance": problem.instance,
        "budget": budget_cases(problem, None)[0].label,
        "settings": problem_settings(problem),
        "agent_settings": agent_settings(run.agent),
        "episodes": run.episodes,
        "evaluation_seed": run.seed,
        "effort": run.effort,
        "versions": versions(),
    }


def _result(run: Run, problem: Problem) -> dict[str, Any]:
    settings = {} if run.training_seed is None else {"seed": run.training_seed}
    try:
        agent: Any = make_agent(run.agent, problem, **settings)
    except ValueError as error:
        return {"status": "left out", "reason": str(error)}
    training = _train(agent, run.effort) if run.effort is not None else {}
    started = time.perf_counter()
    result = evaluate(agent, problem, run.episodes, run.seed)
    playing = time.perf_counter() - started
    return {"status": "finished", **_scores(result, problem.score), **training, "playing_seconds": playing}


def _train(agent: Any, effort: float) -> dict[str, float]:
    """Let it learn; learners that are not Stable-Baselines3's have taken as many decisions as they were asked to."""
    asked = max(1, round(effort * agent.configuration.timesteps))
    started = time.perf_counter()
    agent.learn(asked)
    seconds = time.perf_counter() - started
    taken = getattr(getattr(agent, "model", None), "num_timesteps", asked)
    return {"training_decisions": taken, "training_seconds": seconds}


def _scores(result: Result, score: str) -> dict[str, Any]:
    summary, cell = result.summary, result.cell
    share_of = "optimum" if np.isfinite(cell["optimum"]) else "bound"
    share = {f"share{end}": summary[f"share_of_{share_of}{end}"] for end in ("", "_low", "_high")}
    scores = {f"score{end}": summary[f"{score}{end}"] for end in ("", "_low", "_high")}
    names = ("cvar", "cvar_low", "cvar_high", "spent_share", "violations", "blocked", "unproved", "latency_us", "information")
    return {
        **share,
        "share_of": share_of,
        **scores,
        "score_name": score,
        "null": cell["null"],
        "optimum": cell["optimum"],
        **{name: summary[name] for name in names},
        "resampled_shares": resampled_shares(result.episodes, score, cell, share_of).tolist(),
    }


def resampled_shares(episodes: pd.DataFrame, score: str, cell: dict[str, Any], share_of: str) -> Floats:
    """The run's share in resamples of its episodes, (RESAMPLES,).

    Runs of equal numbers of episodes share the draws, so that an interval over training seeds and episodes can pair them.
    """
    n = len(episodes)
    rng = np.random.default_rng(0)
    counts = (np.bincount(rng.integers(n, size=n), minlength=n) for _ in range(RESAMPLES))
    columns = episodes[[score, "bound"]].to_numpy(float)
    scores, bounds = np.stack([count @ columns / n for count in counts]).T
    if share_of == "bound":
        return scores / bounds
    gain = cell["optimum"] - cell["null"]
    return (scores - cell["null"]) / gain if gain > 0 else np.full(RESAMPLES, np.nan)
