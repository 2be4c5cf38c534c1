"""`compare`: several agents at several budgets on the same episodes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pandas as pd

from ..agents.registry import check_agent, make_agent, split_name
from ..baselines.oracles import exact_optimum
from ..envs.core.metrics import Metric
from ..envs.core.problem import Problem
from .budgets import BudgetCase, budget_cases
from .evaluate import count_episodes, evaluate, played_problem
from .play import Predicts
from .provenance import agent_settings, problem_settings, versions
from .store import Store, cell_key, write_whole
from .summary import summarise

CURVES = 500
"""Episodes whose spending is kept for the plot."""


class Comparison(NamedTuple):
    """What a comparison found so far."""

    episodes: pd.DataFrame
    """A row per agent, budget and episode."""
    cells: pd.DataFrame
    """A row per agent and budget: optimum, null (what doing nothing earns), latency, information, seconds."""
    curves: pd.DataFrame
    score: str
    metrics: tuple[Metric, ...]
    settings: dict[str, Any]
    versions: dict[str, str]

    def summary(self) -> pd.DataFrame:
        """A row per budget and agent, with intervals."""
        return summarise(self.episodes, self.cells, score=self.score, metrics=self.metrics)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a comparison; `finished` holds what was done, or None if nothing was."""

    def __init__(self, finished: Comparison | None) -> None:
        super().__init__("the comparison was interrupted")
        self.finished = finished


class Progress:
    """What a comparison tells while it runs; the base class is silent."""

    def begin(self, label: str, episodes: int) -> None:
        """A part begins."""

    def advance(self, episodes: int) -> None:
        """So many of its episodes were just finished."""

    def end(self, loaded: bool) -> None:
        """The part is done; `loaded` if it had been played before."""


def compare(
    env: Any,
    agents: Sequence[str | Predicts] | Mapping[str, Predicts],
    episodes: int | Literal["all"] | None = None,
    seed: int = 0,
    *,
    budgets: str | Mapping[str, Sequence[Any]] | Sequence[Any] | None = None,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Evaluate agents on the same episodes and put them side by side.

    Args:
        env: an environment of the suite, its id, or a problem.
        agents: names, see `list_agents`, which may carry settings ("lin:b0=10"); or agents, or name -> agent.
        episodes, seed: see `evaluate`.
        budgets: None for the environment's own, or several, such as "c0=1/32,1/8"; agents given by name are made anew for
            each of them.
        out: folder for `results.parquet` and `report.html`, and for what is finished: run again after an interruption,
            it continues.
        progress: told how far it is.

    Returns:
        One row per budget and agent, see `summarise`; the differences are to the first agent.

    Raises:
        Interrupted: Ctrl-C; what was finished is kept in `out`.
        ValueError: an unknown agent or setting; before anything is played.
    """
    folder = None if out is None else Path(out)
    try:
        comparison = run_comparison(env, agents, episodes, seed, budgets=budgets, out=folder, progress=progress)
    except Interrupted as interrupted:
        if folder is not None and interrupted.finished is not None:
            write_results(interrupted.finished, folder)
        raise
    if folder is not None:
        write_results(comparison, folder)
    return comparison.summary()


def run_comparison(
    env: Any,
    agents: Sequence[str | Predicts] | Mapping[str, Predicts],
    episodes: int | Literal["all"] | None = None,
    seed: int = 0,
    *,
    budgets: str | Mapping[str, Sequence[Any]] | Sequence[Any] | None = None,
    out: Path | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """The work of `compare`, without writing results."""
    problem = played_problem(env)
    named = _named(agents, problem)
    cases = budget_cases(problem, budgets)
    count = count_episodes(problem, episodes)
    progress = progress or Progress()
    store = Store(out)
    done: list[tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]] = []

    def finish() -> Comparison:
        frames = list(zip(*done, strict=True))
        return Comparison(
            pd.concat(frames[0], ignore_index=True),
            pd.DataFrame(frames[2]),
            pd.concat(frames[1], ignore_index=True),
            problem.score,
            problem.metrics,
            _settings(problem, cases, count, seed),
            versions(),
        )

    try:
        for case in cases:
            progress.begin(f"optimum at {case.label}", 0)
            exact_optimum(case.problem)  # may take minutes; kept, so that the evaluations find it
            for name, agent in named.items():
                progress.begin(f"{name} at {case.label}", count)
                part, loaded = _cell(name, agent, case, count, seed, store, progress.advance)
                done.append(part)
                progress.end(loaded)
    except KeyboardInterrupt:
        raise Interrupted(finish() if done else None) from None
    return finish()


def write_results(comparison: Comparison, folder: Path, command: str = "budgetgym.compare(...)") -> tuple[Path, Path | None]:
    """Write `results.parquet` (a row per episode, with all that it takes to repeat it) and `report.html`.

    Returns:
        Their paths; None for the report if its extra is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    constants = {**comparison.settings, "command": command, "versions": json.dumps(comparison.versions)}
    facts = comparison.cells.drop(columns=["budget_value"])
    results = comparison.episodes.merge(facts, on=["agent", "budget"]).assign(**constants)
    write_whole(folder / "results.parquet", lambda path: results.to_parquet(path, index=False))
    return folder / "results.parquet", _write_report(comparison, folder, command)


def _write_report(comparison: Comparison, folder: Path, command: str) -> Path | None:
    try:
        from .report import write_report

        return write_report(
            folder / "report.html",
            title=f"{comparison.settings['problem']}: {comparison.settings['instance']}",
            summary=comparison.summary(),
            episodes=comparison.episodes,
            cells=comparison.cells,
            curves=comparison.curves,
            score=comparison.score,
            metrics=comparison.metrics,
            command=command,
            settings=comparison.settings,
            versions=comparison.versions,
        )
    except ImportError:  # the table and the results do not need the extra
        return None


def _cell(
    name: str,
    agent: Predicts | None,
    case: BudgetCase,
    count: int,
    seed: int,
    store: Store,
    advanced: Callable[[int], None],
) -> tuple[tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]], bool]:
    """One agent at one budget, from the store if it was played before. Agents given as objects have no name to keep."""
    labels = {"agent": name, "budget": case.label, "budget_value": case.value}
    key = "" if agent is not None else cell_key(case.problem, name, count, seed)
    if agent is None and (kept := store.load(key)) is not None:
        episodes, curves, facts = kept  # under whatever names they were played
        curves = curves.assign(agent=name, budget=case.label)
        return (episodes.assign(**labels), curves, {**facts, **labels}), True
    result = evaluate(make_agent(name, case.problem) if agent is None else agent, case.problem, count, seed, advanced=advanced)
    episodes = result.episodes.assign(**labels)
    curves = result.curves[result.curves["episode"] < CURVES].assign(agent=name, budget=case.label)
    facts = {**labels, **result.cell, "agent_settings": agent_settings(name)}
    part = (episodes, curves, facts)
    if agent is None:
        store.save(key, *part)
    return part, False


def _named(agents: Sequence[str | Predicts] | Mapping[str, Predicts], problem: Problem) -> dict[str, Predicts | None]:
    """Name -> agent; None for those that are made from their name. Unknown names are found before anything is played."""
    if isinstance(agents, str):
        raise TypeError(f"agents is {agents!r}; expected a list of agents, such as [{agents!r}]")
    named: dict[str, Predicts | None] = {}
    items = agents.items() if isinstance(agents, Mapping) else ((a if isinstance(a, str) else _own_name(a), a) for a in agents)
    for name, agent in items:
        if name in named:
            raise ValueError(f"agent {name!r} is named twice; give agents as a mapping to name them yourself")
        if isinstance(agents, Mapping) and not callable(getattr(agent, "predict", None)):
            raise TypeError(f"agent {name!r} is {agent!r}; expected something with predict() in a mapping")
        if isinstance(agent, str):
            head, settings = split_name(name)
            check_agent(head, problem, list(settings))
            named[name] = None
        else:
            named[name] = agent
    if not named:
        raise ValueError("agents is empty; expected at least one")
    return named


def _own_name(agent: Any) -> str:
    return type(agent).__name__.lower()


def _settings(problem: Problem, cases: list[BudgetCase], count: int, seed: int) -> dict[str, Any]:
    statistics = getattr(problem, "statistics", None)
    return {
        "problem": type(problem).__name__,
        "instance": problem.instance,
        **({"tuned_on": statistics.source} if statistics is not None else {}),
        "settings": problem_settings(problem),
        "budgets": ", ".join(case.label for case in cases),
        "number_of_episodes": count,
        "seed": seed,
    }
