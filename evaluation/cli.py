"""The command line: `budgetgym list`, `demo`, `compare`, `dataset`, `train`, `leaderboard` and `frontier`."""

from __future__ import annotations

import importlib
import json
import shlex
import signal
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import budgetgym
import gymnasium as gym
import typer

from ..agents.registry import (
    find_agent,
    known_agents,
    list_agents,
    make_agent,
    read_values,
    split_name,
    split_settings,
    taken_by,
)
from ..envs.core.checks import MOST_TIMESTEPS, positive_integer
from ..envs.core.files import check_folder, check_writable
from ..envs.core.problem import Problem
from ..envs.core.resolve import as_problem, make_problem
from ..envs.family import environments, families, find_family, resolve
from ..envs.hints import near
from .progress import BarProgress, RunsProgress, console

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)

Settings = Annotated[
    list[str],
    typer.Option("--set", metavar="KEY=VALUE", help="A setting of the environment, such as log=PATH; repeatable."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines, and nothing else, on standard output.")]


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"budgetgym {budgetgym.__version__}")
        raise typer.Exit


@app.callback()
def before_any_command(
    context: typer.Context,
    imports: Annotated[
        list[str],
        typer.Option("--import", metavar="MODULE", help="A module that registers families or agents of yours; repeatable."),
    ] = [],  # noqa: B006  typer reads it
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Environments, exact answers and reference agents for sequential budgeted decisions."""
    if imports:
        sys.path.insert(0, "")  # as `python -m` has it
    for module in imports:
        try:
            importlib.import_module(module)
        except (Exception, SystemExit) as error:  # whatever happens in somebody else's module
            kind = "" if isinstance(error, ImportError) else f"{type(error).__name__}: "
            raise ValueError(f"--import {module}: {kind}{error}") from None
    context.obj = imports


def main() -> None:
    """Run the command line; mistakes of the user end with one line and exit code 2, SIGTERM as Ctrl-C."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app()
    except (ValueError, TypeError, OSError, ImportError, MemoryError) as error:
        console.print(
            f"budgetgym: {error or type(error).__name__}", style="red", markup=False, highlight=False, soft_wrap=True
        )
        sys.exit(2)


def _interrupt(number: int, frame: Any) -> None:
    """Slurm and Kubernetes end a run by SIGTERM; a second one must not disturb the saving."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


@app.command("list")
def list_command(as_json: Json = False) -> None:
    """The environments, and the agents that serve each."""
    described: dict[str, dict[str, str]] = {}
    for id in environments():
        problem = as_problem(id)
        described[id] = {name: find_agent(name, problem).description for name in list_agents(problem)}
    if as_json:
        typer.echo(json.dumps(described))
        return
    alike: dict[tuple[tuple[str, str], ...], list[str]] = {}  # ids with the same agents stand together, with one list
    for id, agents in described.items():
        alike.setdefault(tuple(agents.items()), []).append(id)
    for listed, ids in alike.items():
        typer.echo("\n".join(ids))
        for name, description in listed:
            typer.echo(f"  {name:<17} {description}")


@app.command()
def demo(
    names: Annotated[list[str] | None, typer.Argument(metavar="[FAMILY]...", help="By default all that have a demo.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for a report of each.")] = Path("runs/demo"),
) -> None:
    """Play each family's own demo: `compare` on instances that come with the package."""
    chosen = [find_family(name) for name in names] if names else list(families())
    lines = [(family.name, line) for family in chosen for line in family.demo]
    if not lines:
        raise ValueError(
            f"{', '.join(names or [])}: no demo; expected one of {', '.join(f.name for f in families() if f.demo)}"
        )
    for number, (family, line) in enumerate(lines):
        earlier = sum(family == other for other, _ in lines[:number])
        folder = out / (f"{family}-{earlier + 1}" if earlier else family)
        arguments = ["compare", *shlex.split(line), "--out", str(folder)]
        typer.echo(f"$ {shlex.join(['budgetgym', *arguments])}")
        app(arguments, standalone_mode=False)


@app.command()
def compare(
    env: Annotated[str, typer.Argument(help="Id of the environment; see `budgetgym list`.")],
    agents: Annotated[str, typer.Option(help="Names with commas; with settings: lin:b0=10,dmd:mirror=euclidean.")],
    settings: Settings = [],  # noqa: B006  typer reads it
    budgets: Annotated[
        str | None, typer.Option(help="Such as c0=1/32,1/8 or 2000,4000; by default the environment's own.")
    ] = None,
    episodes: Annotated[str | None, typer.Option(help="A number, or all of a log. By default all of a log, or 200.")] = None,
    precision: Annotated[
        float | None, typer.Option(help="In place of episodes: until intervals are +- this share of the optimum.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the episodes, which are the same for all agents.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for results.parquet and report.html; run again to continue.")
    ] = None,
    columns: Annotated[
        str, typer.Option(metavar="[compact|all]", help="Those that fit the terminal, the most telling first; or all of them.")
    ] = "compact",
    as_json: Json = False,
) -> None:
    """Evaluate agents on the same episodes and print a table per budget, the best first."""
    from .compare import Comparison, Interrupted, run_comparison, write_results
    from .table import print_table

    if columns not in ("compact", "all"):
        raise ValueError(f"columns is {columns!r}; expected compact or all")
    problem = problem_from(env, settings)
    command = shlex.join(["budgetgym", *sys.argv[1:]])

    def show(comparison: Comparison) -> None:
        summary = comparison.summary()
        paths = None if out is None else write_results(comparison, out, command)
        if precision is not None:
            console.print(precision_reached(comparison.settings), markup=False, highlight=False, soft_wrap=True)
        if as_json:
            typer.echo(summary.to_json(orient="records", indent=1))
            return
        print_table(summary, comparison.metrics, comparison.score, show=columns)
        if "tuned_on" in comparison.settings:
            typer.echo(f"tuned on: {comparison.settings['tuned_on']}")
        if paths is not None:
            typer.echo(f"results: {paths[0]}")
            typer.echo(f"report:  {paths[1] or NO_REPORT}")

    names = names_between_commas(agents)
    count: Any = int(episodes) if episodes is not None and episodes.lstrip("-").isdecimal() else episodes
    try:
        with BarProgress() as progress:
            comparison = run_comparison(
                problem, names, count, seed, precision=precision, budgets=budgets, out=out, progress=progress
            )
    except Interrupted as interrupted:
        if interrupted.finished is not None:
            show(interrupted.finished)
        kept = f"; what is finished is in {out}, run the same command to continue" if out is not None else ""
        console.print(f"interrupted{kept}", markup=False, soft_wrap=True)
        sys.exit(130)
    show(comparison)


@app.command()
def dataset(
    env: Annotated[str, typer.Argument(help="Id of the environment; see `budgetgym list`.")],
    agents: Annotated[str, typer.Option(help="Names with commas; with settings: lin:b0=10,random:seed=3.")],
    minari: Annotated[str, typer.Option(metavar="NAME", help="Of the Minari data set, such as bidding/mixed-v0.")],
    settings: Settings = [],  # noqa: B006  typer reads it
    episodes: Annotated[int, typer.Option(help="That each agent plays.")] = 100,
    seed: Annotated[int, typer.Option(help="Of the episodes, which are the same for all agents.")] = 0,
) -> None:
    """Record episodes for offline learning: observations, actions, rewards and the ledger, as a Minari data set."""
    from .dataset import write_minari

    problem = problem_from(env, settings)
    names = names_between_commas(agents)
    with BarProgress() as progress:
        progress.begin(minari, episodes * len(names))
        steps = write_minari(minari, env, problem.settings, names, episodes, seed, progress.advance)
    typer.echo(f"{steps:,} steps of {episodes * len(names):,} episodes in the Minari data set {minari}")


@app.command()
def train(
    env: Annotated[str, typer.Argument(help="Id of the environment; see `budgetgym list`.")],
    agent: Annotated[str, typer.Option(help="A learner, such as ppo, sac or sequoia.")] = "ppo",
    settings: Settings = [],  # noqa: B006  typer reads it
    timesteps: Annotated[
        int | None, typer.Option(help="Decisions to learn from; by default what the configuration says.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the learner and its environments.")] = 0,
    out: Annotated[Path, typer.Option(help="Where to save the trained agent.")] = Path("runs/agent.zip"),
    checkpoint_every: Annotated[
        int | None, typer.Option(metavar="N", help="Save OUT-DECISIONS.zip every N decisions; go on with NAME:path=that.")
    ] = None,
    evaluate_every: Annotated[
        int | None,
        typer.Option(metavar="N", help="Evaluate every N decisions: OUT-evaluations.csv, and the best agent in OUT-best.zip."),
    ] = None,
    episodes: Annotated[
        int | None, typer.Option(help="Of an evaluation, always the same; by default all of a log, or 200.")
    ] = None,
    tensorboard: Annotated[Path | None, typer.Option(help="Folder for TensorBoard's events.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what an earlier run left at OUT.")] = False,
) -> None:
    """Train a learner and save it; compare it as NAME:path=OUT, such as ppo:path=OUT. Ctrl-C and SIGTERM save it too."""
    from .training import checkpoint_every as checkpoints
    from .training import evaluate_every as evaluations
    from .training import files_of, save_last

    problem = problem_from(env, settings)
    name, written = split_name(agent)
    if not find_agent(name, problem).learns:
        learners = [known for known, agent in known_agents(problem).items() if agent.learns]
        raise ValueError(f"agent {name!r} does not learn; expected one of {', '.join(learners)}")
    given: dict[str, Any] = {} if "seed" in written else {"seed": seed}
    if tensorboard is not None:
        given["tensorboard_log"] = str(tensorboard)
    if timesteps is not None:
        positive_integer("timesteps", timesteps, MOST_TIMESTEPS)
    out = out.with_name(f"{out.name.removesuffix('.zip')}.zip")  # what SB3 would call it
    check_writable(out)
    if tensorboard is not None:
        check_folder(tensorboard)
    before = [] if "path" in written else files_of(out)
    if before and not overwrite:
        raise ValueError(
            f"{before[0]} is there already, from an earlier run; go on from its agent (--agent {name}:path=FILE.zip), "
            "choose another --out, or --overwrite it"
        )
    learner: Any = make_agent(agent, problem, **given)
    for path in before:
        path.unlink()
    callbacks = [] if checkpoint_every is None else [checkpoints(checkpoint_every, learner, out)]
    if evaluate_every is not None:
        callbacks.append(evaluations(evaluate_every, learner, out, episodes))
    elif episodes is not None:
        raise ValueError(f"episodes is {episodes} without --evaluate-every; expected both, or neither")
    try:
        learner.learn(timesteps, callbacks, progress_bar=True)
    except KeyboardInterrupt:
        begun = getattr(learner, "model", learner) is not None
        kept = f"what was learned so far is in {save_last(learner, out)}" if begun else "nothing was learned yet"
        console.print(f"interrupted; {kept}", markup=False, soft_wrap=True)
        sys.exit(130)
    out = save_last(learner, out)
    typer.echo(f"saved {out}; compare it with --agents {name}:path={out}")


@app.command()
def leaderboard(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder for tables, plot and finished runs; run again to continue.")] = Path(
        "runs/leaderboard"
    ),
    envs: Annotated[str | None, typer.Option(help="Ids of environments, with commas; by default all.")] = None,
    agents: Annotated[str | None, typer.Option(help="Names of agents, with commas; by default all that serve.")] = None,
    seeds: Annotated[int, typer.Option(help="Times that every learner is trained.")] = 5,
    episodes: Annotated[int | None, typer.Option(help="Episodes to play; by default so that intervals are small.")] = None,
    effort: Annotated[float, typer.Option(help="Share of the decisions that every learner learns from.")] = 1.0,
    workers: Annotated[int, typer.Option(help="Processes side by side.")] = 1,
    render: Annotated[
        Path | None,
        typer.Option(metavar="FILE.parquet", help="Run nothing; write the page of this file to OUT."),
    ] = None,
) -> None:
    """Train, play and rank all agents on all environments."""
    from . import leaderboard as board
    from .leaderboard_page import write_page

    command = shlex.join(["budgetgym", *sys.argv[1:]])
    if render is not None:
        show_pages(*write_page(board.read_table(render), out))
        return
    try:
        with RunsProgress() as progress:
            table: Any = board.run_leaderboard(
                out, names_in(envs), names_in(agents), seeds, episodes=episodes, effort=effort, workers=workers,
                imports=context.obj, command=command, progress=progress,
            )  # fmt: skip
    except board.Interrupted:
        console.print(
            f"interrupted; what is finished is in {out}, run the same command to continue", markup=False, soft_wrap=True
        )
        sys.exit(130)
    for row in table[table["status"] != "finished"].to_dict("records"):
        console.print(
            f"{row['status']}: {row['agent']} on {row['environment']}: {row['reason']}", markup=False, soft_wrap=True
        )
    typer.echo(f"rows:    {out / 'leaderboard.parquet'}")
    show_pages(*board.write_leaderboard(table, out))
    sys.exit(int((table["status"] == "failed").any()))


@app.command()
def frontier(
    log: Annotated[Path, typer.Option(help="A routing log, CSV or Parquet; see load_routing_log for its columns.")],
    routers: Annotated[str, typer.Option(help="Of knn, mf, length and random, with commas.")] = "knn,mf,length,random",
    models: Annotated[str | None, typer.Option(help="Which models of the log to keep, with commas.")] = None,
    weak: Annotated[str | None, typer.Option(help="The model at the cheap end; by default the cheapest.")] = None,
    strong: Annotated[str | None, typer.Option(help="The expensive model; by default the best of the others.")] = None,
    split: Annotated[
        str | None, typer.Option(help="The part to measure: test, train or all. By default a log's own test part, or all.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the random router and of the intervals.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder for frontier.csv and frontier.png.")] = None,
    as_json: Json = False,
) -> None:
    """Measure routers on a log: APGR and CPT as RouteLLM defines them, and the oracle."""
    from .frontier import frontier, print_frontier, write_frontier

    names, kept = names_between_commas(routers), names_in(models)
    part: Any = split
    found = frontier(log, names, models=kept, weak=weak, strong=strong, split=part, seed=seed)
    paths = None if out is None else write_frontier(found, out)
    if as_json:
        tables = {name: json.loads(str(table.to_json(orient="records"))) for name, table in found.tables()}
        typer.echo(json.dumps({**found.facts, **tables}, indent=1))
        return
    print_frontier(found)
    if paths is not None:
        typer.echo(f"points: {paths[0]}")
        typer.echo(f"plot:   {paths[1] or NO_REPORT}")


def precision_reached(settings: dict[str, Any]) -> str:
    """How many episodes it took, and which intervals are still wider."""
    count = f"{settings['number_of_episodes']:,} episodes"
    if not settings.get("wider_than_precision", "interrupted"):
        return f"precision {settings['precision']:g} after {count}"
    if "precision" not in settings:
        return f"interrupted after {count}"
    return f"precision {settings['precision']:g} not reached after {count}; wider are {settings['wider_than_precision']}"


def names_in(text: str | None) -> list[str] | None:
    """What stands between commas; None if nothing was asked for."""
    return None if text is None else names_between_commas(text)


def names_between_commas(text: str) -> list[str]:
    """The names, without blanks."""
    return [name.strip() for name in text.split(",") if name.strip()]


def show_pages(page: Path, profiles: Path | None) -> None:
    """Say where the leaderboard is."""
    typer.echo(f"page:    {page}")
    nothing = "not written; there are no two groups of agents to compare" if find_spec("matplotlib") else NO_REPORT
    typer.echo(f"profile: {profiles or nothing}")


NO_REPORT = 'not written; pip install "budgetgym[report]"'


def problem_from(id: str, settings: list[str]) -> Problem:
    """The problem of an id, with settings from the command line.

    Raises:
        ValueError: an unknown id or setting, with near matches.
    """
    module, colon, name = id.partition(":")
    if colon:  # as Gymnasium takes it: "module:id"
        importlib.import_module(module)
        id = name
    if id not in gym.registry:
        raise ValueError(f"no environment {id!r}{near(id, list(environments()))}")
    spec = gym.spec(id)
    registered = dict(spec.kwargs)
    if "problem" not in registered:
        raise ValueError(f"{id} is not an environment of this suite{near(id, list(environments()))}")
    written, known = split_settings(settings, "--set"), registered.pop("problem")
    problem = make_problem(known, {**registered, **read_values(written, _annotations(known, written))})
    return problem.truncated(spec.max_episode_steps)


def _annotations(problem: Any, settings: dict[str, str]) -> dict[str, str]:
    """What the arguments of a registered problem take, those of its base classes included."""
    cls = resolve(problem)
    if not (isinstance(cls, type) and issubclass(cls, Problem)):
        return {}
    cls = cls.variant(settings)
    return taken_by(*(base.__init__ for base in reversed(cls.__mro__) if issubclass(base, Problem)))
