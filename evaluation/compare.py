"""`compare`: several agents at several budgets on the same episodes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import pandas as pd

from ..agents.registry import check_agent, make_agent, split_name
from ..baselines.core.oracle import exact_optimum
from ..envs.core.checks import natural
from ..envs.core.files import check_folder, write_whole
from ..envs.core.metrics import Metric
from ..envs.core.problem import Problem
from ..envs.core.resolve import Normalise, unwrap
from ..envs.core.versions import versions
from .budgets import BudgetCase, budget_cases
from .evaluate import Evaluation, count_episodes
from .play import Played, Predicts
from .precision import check_precision, episode_counts, half_widths
from .provenance import agent_settings, problem_settings
from .store import Store, cell_key
from .summary import summarise
from .table import Table

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

    def summary(self) -> Table:
        """A row per budget and agent, with intervals."""
        summary = summarise(self.episodes, self.cells, score=self.score, metrics=self.metrics)
        return Table(summary, self.metrics, self.score)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a comparison; `finished` holds what was done, or None if nothing was."""

    def __init__(self, finished: Comparison | None) -> None:
        super().__init__("the comparison was interrupted")
        self.finished = finished


class Progress:
    """What a comparison reports while it runs; the base class is silent."""

    def begin(self, label: str, episodes: int) -> None:
        """A part begins."""

    def advance(self, episodes: int) -> None:
        """`episodes` of its episodes were just finished."""

    def end(self, loaded: bool) -> None:
        """The part is done; `loaded` if it had been played before."""


def compare(
    env: Any,
    agents: Sequence[str | Predicts] | Mapping[str, Predicts],
    episodes: int | Literal["all"] | None = None,
    seed: int = 0,
    *,
    precision: float | None = None,
    budgets: str | Mapping[str, Sequence[Any]] | Sequence[Any] | None = None,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> Table:
    """Evaluate agents on the same episodes and put them side by side.

    Args:
        env: an environment of the suite, its id, or a problem; see `evaluate`.
        agents: names, see `list_agents`, which may carry settings ("lin:b0=10"); or agents, or name -> agent.
        episodes, seed: see `evaluate`.
        precision: play as many episodes as it takes until the intervals of all agents at all budgets are as narrow; see
            `evaluate`.
        budgets: None for the environment's own, or several, such as "c0=1/32,1/8"; agents given by name are made anew for
            each of them.
        out: folder for `results.parquet` and `report.html`, and for what is finished: run again after an interruption,
            it continues; run again with more agents, budgets or episodes, it adds them.
        progress: is notified of progress.

    Returns:
        A DataFrame with one row per budget and agent, see `summarise`; the differences are to the first agent. It prints as a
        compact table, the best agent of each budget first; its `summary` prints as pandas does.

    Raises:
        Interrupted: Ctrl-C; what was finished is kept in `out`.
        ValueError: an unknown agent or setting, or `out` has results that this comparison would not only add to; before
            anything is played.
        OSError: nothing can be written to `out`; before anything is played.
    """
    folder = None if out is None else Path(out)
    try:
        comparison = run_comparison(
            env, agents, episodes, seed, precision=precision, budgets=budgets, out=folder, progress=progress
        )
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
    precision: float | None = None,
    budgets: str | Mapping[str, Sequence[Any]] | Sequence[Any] | None = None,
    out: Path | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """The work of `compare`, without writing results."""
    problem, normalise = unwrap(env)
    named = _named(agents, problem)
    cases = budget_cases(problem, budgets)
    natural("seed", seed)
    if precision is not None:
        check_precision(precision, episodes)
    counts = [count_episodes(problem, episodes)] if precision is None else episode_counts(problem)
    progress = progress or Progress()
    if out is not None:
        check_folder(out)
        _check_grows(out / "results.parquet", list(named), _settings(problem, cases, counts[-1], seed), precision, counts)
    cells = [_Cell(name, agent, case, seed, Store(out), normalise) for case in cases for name, agent in named.items()]
    finished: Comparison | None = None
    done: list[_Part] = []

    def finish(count: int) -> Comparison:
        episodes, curves, facts = zip(*done, strict=True)
        return Comparison(
            pd.concat(episodes, ignore_index=True),
            pd.DataFrame(facts),
            pd.concat(curves, ignore_index=True),
            problem.score,
            problem.metrics,
            _settings(problem, cases, count, seed),
            versions(),
        )

    for count in counts:
        done.clear()
        try:
            for cell in cells:
                if cell.case.label not in {part[2]["budget"] for part in done}:
                    progress.begin(f"optimum at {cell.case.label}", 0)
                    exact_optimum(cell.case.problem)  # may take minutes; kept, so that the evaluations find it
                progress.begin(f"{cell.name} at {cell.case.label}", count - cell.played)
                part, loaded = cell.play(count, progress.advance)
                done.append(part)
                progress.end(loaded)
        except KeyboardInterrupt:
            # Of a round that is not finished the agents have different episodes.
            raise Interrupted(finished or (finish(count) if done else None)) from None
        finished = finish(count)
        if precision is None:
            break
        finished = _with_precision(finished, precision)
        if not finished.settings["wider_than_precision"]:
            break
    assert finished is not None
    return finished


def _check_grows(path: Path, agents: list[str], settings: Mapping[str, Any], precision: float | None, counts: Any) -> None:
    """Results that are there may grow by agents, budgets and episodes, and otherwise stay as they are.

    Raises:
        ValueError: what is to be found leaves out some of them, or answers another question.
    """
    if not path.exists():
        return
    advice = "choose another folder (--out)"
    try:
        there = pd.read_parquet(path)
        facts = there.iloc[0].to_dict()
        before = {name: list(there[name].unique()) for name in ("agent", "budget")}
        count, asked = int(facts["number_of_episodes"]), float(facts.get("precision", math.nan))
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise ValueError(f"{path} is not the result of a comparison ({error}); {advice}") from None
    for name in ("problem", "instance", "settings", "seed"):
        if facts.get(name) != settings[name]:
            raise ValueError(f"{path} has results for {name} {facts.get(name)}, and here {name} is {settings[name]}; {advice}")
    for name, now in (("agent", agents), ("budget", settings["budgets"].split(", "))):
        if left_out := [value for value in before[name] if value not in now]:
            raise ValueError(
                f"{path} has results of {name} {', '.join(left_out)}, which this comparison leaves out; "
                f"name all of them together (what is finished is not played again), or {advice}"
            )
    fewer = count > counts[-1] if precision is None else precision > asked or (math.isnan(asked) and count not in counts)
    if fewer:
        than = "" if math.isnan(asked) else f", for a precision of {asked:g}"
        raise ValueError(f"{path} has {count} episodes{than}, and this comparison may have fewer; {advice}")


def _with_precision(comparison: Comparison, precision: float) -> Comparison:
    """The same, and in its settings which intervals are still wider than asked for."""
    widths = half_widths(comparison.summary(), comparison.episodes, comparison.score)
    wider = [f"{agent} at {budget}: {width:.2g}" for (agent, budget), width in widths.items() if width > precision]
    settings = {**comparison.settings, "precision": precision, "wider_than_precision": "; ".join(wider)}
    return comparison._replace(settings=settings)


def write_results(comparison: Comparison, folder: Path, command: str = "budgetgym.compare(...)") -> tuple[Path, Path | None]:
    """Write `results.parquet` (a row per episode, with all that it takes to repeat it) and `report.html`.

    Returns:
        Their paths; None for the report if its extra is not installed.
    """
    constants = {**comparison.settings, "command": command, "versions": json.dumps(comparison.versions)}
    facts = comparison.cells.drop(columns=["budget_value"])
    results = comparison.episodes.merge(facts, on=["agent", "budget"]).assign(**constants)
    write_whole(folder / "results.parquet", lambda file: results.to_parquet(file, index=False))
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


_Part: TypeAlias = tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]
"""Episodes, curves and facts of one agent at one budget."""


class _Cell:
    """One agent at one budget, from the store if it was played before. Agents given as objects have no name to keep."""

    def __init__(
        self, name: str, agent: Predicts | None, case: BudgetCase, seed: int, store: Store, normalise: Normalise | None
    ) -> None:
        self.name = name
        self.case = case
        self.played = 0
        self._agent = agent
        self._seed = seed
        self._store = store
        self._normalise = normalise
        self._evaluation: Evaluation | None = None
        self._kept: _Part | None = None

    def play(self, count: int, advanced: Callable[[int], None]) -> tuple[_Part, bool]:
        """The episodes 0 .. count - 1, and whether all of them were played before."""
        name, case = self.name, self.case
        labels = {"agent": name, "budget": case.label, "budget_value": case.value}
        kept_by_key = self._agent is None and self._store.keeps
        key = cell_key(case.problem, name, count, self._seed) if kept_by_key else ""
        if kept_by_key and (kept := self._store.load(key)) is not None:
            self._kept, self.played = kept, count
            episodes, curves, facts = kept  # under whatever names they were played
            curves = curves.assign(agent=name, budget=case.label)
            return (episodes.assign(**labels), curves, {**facts, **labels}), True
        evaluation = self._evaluation_to_grow()
        evaluation.grow(count, advanced)
        self.played = count
        episodes, curves = evaluation.played
        curves = curves[curves["episode"] < CURVES].assign(agent=name, budget=case.label)
        facts = {**labels, **evaluation.cell, "agent_settings": agent_settings(name) if self._agent is None else "{}"}
        part = (episodes.assign(**labels), curves, facts)
        if self._agent is None:
            self._store.save(key, *part)
        return part, False

    def _evaluation_to_grow(self) -> Evaluation:
        if self._evaluation is None:
            agent = make_agent(self.name, self.case.problem) if self._agent is None else self._agent
            self._evaluation = Evaluation(agent, self.case.problem, self._seed, self._normalise)
            if self._kept is not None:
                labels = ["agent", "budget", "budget_value"]
                episodes, curves, facts = self._kept
                played = Played(episodes.drop(columns=labels), curves.drop(columns=labels[:2]))
                own = {key: value for key, value in facts.items() if key not in (*labels, "agent_settings")}
                self._evaluation.restore(played, own)
        return self._evaluation


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
