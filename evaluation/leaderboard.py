"""The leaderboard: all agents on all environments, from one command that can be interrupted at any moment."""

from __future__ import annotations

import importlib
import json
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import pandas as pd

from ..agents.registry import check_agent, known_agents, list_agents, split_name, tuned_agents
from ..envs.core.checks import MOST_EPISODES, positive, positive_integer
from ..envs.core.files import check_folder, write_whole
from ..envs.family import Episodes, defining_modules, environments
from ..envs.hints import near
from .evaluate import DEFAULT_EPISODES
from .leaderboard_page import write_page
from .leaderboard_run import Run, carry_out, facts, problem_of_id
from .store import Store
from .workers import Failure, each_in_processes

MOST_EFFORT = MOST_SEEDS = MOST_WORKERS = 1000
"""Shares of trainings, trainings of one learner, and processes, that anyone can mean."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C; the runs that were finished are kept."""


class Progress:
    """What the leaderboard reports while it runs; the base class is silent."""

    def plan(self, runs: Sequence[Run], kept: int) -> None:
        """These runs are to be carried out; `kept` more were kept from before."""

    def begin(self, run: Run) -> None:
        """A run begins."""

    def end(self, run: Run, row: dict[str, Any]) -> None:
        """A run has ended, in whatever way."""


def run_leaderboard(
    out: str | Path,
    envs: Sequence[str] | None = None,
    agents: Sequence[str] | None = None,
    seeds: int = 5,
    *,
    episodes: int | None = None,
    effort: float = 1.0,
    workers: int = 1,
    imports: Sequence[str] = (),
    command: str = "budgetgym.evaluation.leaderboard.run_leaderboard(...)",
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Train and play agents; every run is independent of the others, and kept as soon as it is finished.

    Args:
        out: folder for the finished runs: called again after an interruption, it continues.
        envs: ids; by default those of all registered families.
        agents: names, which may carry settings; by default those that the environment's family has set up.
        seeds: learners are trained with each of the seeds 0, 1, ...; agents that don't learn are one run.
        episodes: how many of the common episodes are played; by default see `Episodes`. Slow agents play at most as many as
            stand there for them.
        effort: the share of every learner's configured timesteps.
        workers: processes side by side.
        imports: modules that register agents when they are imported; those that define other families are added.
        command: recorded with every row.
        progress: is notified of progress.

    Returns:
        A row per run, in the order of environments and agents. `status` is "finished", "left out" (the agent can't serve the
        environment as it is) or "failed"; `reason` says why.

    Raises:
        Interrupted: Ctrl-C; what was finished is kept.
        ValueError: an unknown environment, agent or setting, or a number that can't be meant; before anything is run.
    """
    for module in imports:
        importlib.import_module(module)
    if positive("effort", effort) > MOST_EFFORT:
        raise ValueError(f"effort is {effort}; expected a share of at most {MOST_EFFORT}")
    imports = [*imports, *defining_modules()]
    runs = plan_runs(envs, agents, positive_integer("seeds", seeds, MOST_SEEDS), episodes, effort)
    folder = Path(out)
    check_folder(folder)
    _check_grows(folder / "leaderboard.parquet", runs)
    rows = _carry_out_all(runs, folder, positive_integer("workers", workers, MOST_WORKERS), imports, progress or Progress())
    return as_table([rows[run] for run in runs], command)


def _check_grows(path: Path, runs: Sequence[Run]) -> None:
    """The table that is there may grow by runs.

    Raises:
        ValueError: some of its runs are left out, or have other episodes.
    """
    if not path.exists():
        return
    there, planned = read_table(path), {(run.environment, run.agent, run.training_seed): run for run in runs}
    for row in there.to_dict("records"):
        seed = None if pd.isna(row["training_seed"]) else int(row["training_seed"])
        run = planned.get((row["environment"], row["agent"], seed))
        effort = None if pd.isna(row["effort"]) else float(row["effort"])
        if run is None or (run.episodes, run.effort) != (row["episodes"], effort):
            what = "leaves it out" if run is None else f"has it with {run.episodes} episodes and effort {run.effort}"
            raise ValueError(
                f"{path} has {row['agent']} on {row['environment']}, training seed {seed}, {row['episodes']} episodes, effort "
                f"{effort}; this leaderboard {what}: ask for all of it, or choose another folder (--out)"
            )


def read_table(path: Path) -> pd.DataFrame:
    """The rows that `write_leaderboard` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a leaderboard's.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is no file; expected a leaderboard.parquet")
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is not the Parquet file of a leaderboard: {error}") from None
    if missing := [name for name in COLUMNS if name not in table]:
        raise ValueError(f"{path} is not a leaderboard's: it has no column {missing[0]!r}")
    if not len(table):
        raise ValueError(f"{path} has no rows; expected the runs of a leaderboard")
    return table


def write_leaderboard(table: pd.DataFrame, folder: Path) -> tuple[Path, Path | None]:
    """Write `leaderboard.parquet`, a row per run, and the page with its plot; see `write_page`."""
    write_whole(folder / "leaderboard.parquet", lambda file: table.to_parquet(file, index=False))
    return write_page(table, folder)


def plan_runs(
    envs: Sequence[str] | None, agents: Sequence[str] | None, seeds: int, episodes: int | None, effort: float
) -> list[Run]:
    """The runs, in the order of the table.

    Raises:
        ValueError: see `run_leaderboard`.
    """
    if episodes is not None:
        positive_integer("episodes", episodes, MOST_EPISODES)
    runs = []
    served = set()
    for id in list(environments()) if envs is None else envs:
        if id not in gym.registry:
            raise ValueError(f"no environment {id!r}{near(id, list(environments()))}")
        problem = problem_of_id(id)
        known = known_agents(problem)
        for name in tuned_agents(problem) if agents is None else agents:
            head, settings = split_name(name)
            if head not in known:
                continue
            check_agent(head, problem, list(settings))
            served.add(name)
            agent = known[head]
            count = number_of_episodes(id, head, agent.slow, episodes)
            ours = [(seed, effort) for seed in range(seeds)] if agent.learns else [(None, None)]
            runs += [Run(id, name, seed, share, count, 0) for seed, share in ours]
    if unserved := [name for name in agents or () if name not in served]:
        head = split_name(unserved[0])[0]
        hint = "" if head in list_agents() else near(head, list_agents())
        raise ValueError(f"agent {head!r} serves none of these environments{hint}")
    if not runs:
        raise ValueError(f"envs is {envs!r} and agents {agents!r}; expected at least one of each")
    if len(set(runs)) < len(runs):
        raise ValueError(f"envs is {envs!r} and agents {agents!r}; expected each of them once")
    return runs


def number_of_episodes(id: str, agent: str, slow: bool, asked: int | None) -> int:
    """How many of the common episodes an agent plays."""
    environment = environments().get(id)
    default = Episodes(DEFAULT_EPISODES, DEFAULT_EPISODES) if environment is None else environment.episodes
    usual = default.usual if asked is None else asked
    return min(usual, default.of.get(agent, default.slow if slow else usual))


def _carry_out_all(
    runs: list[Run], folder: Path, workers: int, imports: Sequence[str], progress: Progress
) -> dict[Run, dict[str, Any]]:
    """The row of every run. Agents that don't learn come first, then one seed after the other: what is there is balanced."""
    store = Store(folder)
    rows = {run: row for run in runs if (row := store.load_row(run.key)) is not None}
    left = sorted(
        (run for run in runs if run not in rows), key=lambda run: -1 if run.training_seed is None else run.training_seed
    )
    progress.plan(left, len(rows))
    work = each_in_processes(partial(carry_out, folder=folder), left, workers, imports, progress.begin)
    try:
        with closing(work):
            for run, result in work:
                rows[run] = _failed(run, result) if isinstance(result, Failure) else result
                progress.end(run, rows[run])
    except KeyboardInterrupt:
        raise Interrupted from None
    return rows


def _failed(run: Run, failure: Failure) -> dict[str, Any]:
    """The row of a run that broke; it isn't kept, so that the same command tries it again."""
    known = facts(run, problem_of_id(run.environment))
    return {**known, "status": "failed", "reason": failure.error, "traceback": failure.traceback}


COLUMNS = (
    ["environment", "agent", "training_seed", "status", "reason", "share", "share_low", "share_high", "share_of", "score",
     "score_low", "score_high", "score_name", "cvar", "cvar_low", "cvar_high", "null", "optimum", "spent_share", "violations",
     "blocked", "unproved", "latency_us", "training_seconds", "training_decisions", "playing_seconds", "effort", "information",
     "learns", "episodes", "evaluation_seed", "instance", "budget", "settings", "agent_settings", "versions", "command",
     "traceback", "resampled_shares"]
)  # fmt: skip
"""Of leaderboard.parquet."""

TIMES = ("latency_us", "training_seconds", "playing_seconds")
"""Columns that differ each time; all others come out the same from the same command on the same machine."""


def as_table(rows: list[dict[str, Any]], command: str) -> pd.DataFrame:
    """The rows of the runs as a table with all columns."""
    table = pd.DataFrame([{**row, "versions": json.dumps(row["versions"]), "command": command} for row in rows])
    whole = dict.fromkeys(("training_seed", "violations", "blocked", "training_decisions"), "Int64")
    text = dict.fromkeys(("reason", "share_of", "score_name", "information", "traceback"), "string")
    table = table.reindex(columns=COLUMNS)
    return table.astype({**whole, **text})
