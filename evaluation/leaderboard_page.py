"""The leaderboard as Markdown."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ..envs.core.files import write_text
from .columns import INFORMATION
from .formatting import UNKNOWN, count, duration, estimate, number, percent, percent_estimate
from .leaderboard_plot import plot_profiles
from .leaderboard_table import (
    GROUPS,
    REFERENCE,
    Standing,
    common_environments,
    groups,
    learners,
    ranked,
    standing,
)
from .summary import Frame

PAGE, PROFILES = "leaderboard.md", "profiles.png"


def write_page(table: pd.DataFrame, folder: Path) -> tuple[Path, Path | None]:
    """Write `leaderboard.md` and `profiles.png`.

    Args:
        table: a row per run, as in `leaderboard.parquet`.
        folder: where to; made if it does not exist.

    Returns:
        Their paths; None for the plot if matplotlib is not installed or there are no two groups to compare.
    """
    ranks = ranked(table)
    compared = groups(ranks) if len(ranks) else {}
    plot = None
    if len(compared) > 1 and common_environments(compared):
        plot = plot_profiles(table, compared, folder / PROFILES)
    sections = [_head(table), *_across(table, ranks, compared, plot)]
    for environment, runs in table.groupby("environment", sort=False):
        own = ranks[ranks["environment"] == environment] if len(ranks) else ranks
        sections.append(_environment(str(environment), runs, own))
    sections.append(COLUMNS)
    text = "\n\n".join(section for section in sections if section) + "\n"
    write_text(folder / PAGE, text)
    return folder / PAGE, plot


def _head(table: Frame) -> str:
    commands = "\n".join(table["command"].unique())
    used = [
        ", ".join(f"{name} {version}" for name, version in json.loads(text).items()) for text in table["versions"].unique()
    ]
    failed = int((table["status"] == "failed").sum())
    efforts = [f"{100 * effort:g} %" for effort in sorted(table["effort"].dropna().unique())]
    lines = [
        "# Leaderboard",
        f"```sh shown: plays for hours; `make` targets and CI play parts of it\n{commands}\n```",
        f"{len(table)} runs: every agent on every environment, learners once for each training seed. All agents of an "
        "environment play the same episodes; slow ones play the first of them. Made with " + "; ".join(used) + ".",
    ]
    if efforts:
        lines.append(f"Learners learned from {', '.join(efforts)} of the decisions that their configurations find enough.")
    if failed:
        lines.append(f"**{failed} of the runs failed**; see below.")
    return "\n\n".join(lines)


def _across(table: Frame, ranks: Frame, compared: dict[str, dict[str, str]], plot: Path | None) -> list[str]:
    """The sections on all environments together."""
    if not compared:
        return []
    common = common_environments(compared)
    reference = compared.get(REFERENCE, {})
    shared = {name: {environment: agents[environment] for environment in common} for name, agents in compared.items()}
    rows = [standing(table, name, agents, shared.get(REFERENCE, {})) for name, agents in shared.items() if agents]
    every = "all environments" if len(common) == table["environment"].nunique() else ", ".join(map(_short, common)) or "none"
    lines = [
        "## Across environments",
        "Scores are shares of the optimum, as below. Interquartile mean, mean, median and optimality gap (what is missing to "
        "1) as rliable defines them ([Agarwal et al. 2021](https://arxiv.org/abs/2108.13264)), each environment counting "
        "alike; brackets are 95 % percentile bootstrap intervals over training seeds and episodes. No single agent serves all "
        "environments, so groups are compared: "
        + "; ".join(f"*{name}* is {GROUPS[name]}" for name in compared)
        + f". They are compared over the environments that all of these groups serve: {every}. The best are chosen on the "
        "episodes on which they are shown, which flatters them by a part of their intervals.",
        _standings(rows, table["environment"].nunique()) if rows else "",
    ]
    if plot is not None:
        lines += [
            f"Performance profiles over {every}: the runs that reach more than a share of the optimum; higher is better.",
            f"![Performance profiles]({plot.name})",
        ]
    if own := learners(ranks):
        rows = [standing(table, name, agents, reference) for name, agents in own.items()]
        lines += [
            "### Learners",
            "Each over the environments that it serves, so rows with other environments can't be compared with one another; "
            f"the probability of improvement over the {REFERENCE} is on the same environments.",
            _standings(rows, table["environment"].nunique()),
        ]
    return ["\n\n".join(lines)]


def _standings(rows: Sequence[Standing], environments: int) -> str:
    """A row for each, of `environments` environments in all."""

    def cell(row: Standing, what: str, text: Callable[..., str]) -> str:
        return text(*map(float, row.statistics[what])) if what in row.statistics else UNKNOWN

    head = ["", "environments", "runs", "IQM", "mean", "median", "optimality gap", f"P(better than {REFERENCE})"]
    body = [
        [
            row.name,
            "all" if len(row.agents) == environments else ", ".join(map(_short, row.agents)),
            str(row.runs),
            *(cell(row, what, percent_estimate) for what in ("interquartile mean", "mean", "median")),
            cell(row, "optimality gap", lambda *values: estimate(*(100 * value for value in values)) + " %"),
            cell(row, "improvement", percent_estimate),
        ]
        for row in rows
    ]
    return _table(head, body, left=2)


def _environment(environment: str, runs: Frame, ranks: Frame) -> str:
    first = runs.iloc[0]
    lines = [f"## {_short(environment)}"]
    finished = runs[runs["status"] == "finished"]
    if len(finished):
        facts = finished.iloc[0]
        scale = f"the optimum, or a proved upper bound on it, is {number(facts['optimum'])}"
        if facts["share_of"] == "bound":
            scale = "no optimum is known, so shares are of a proved upper bound on every episode"
        nothing = f"; doing nothing earns {number(facts['null'])}, from where shares are measured" if facts["null"] else ""
        lines.append(
            f"`{environment}`, {first['instance']}, budget {first['budget']}. Score: mean "
            f"{facts['score_name'].replace('_', ' ')} of an episode; {scale}{nothing}."
        )
        lines.append(_ranks(ranks))
    for status, word in (("left out", "Left out"), ("failed", "Failed")):
        reasons = runs[runs["status"] == status].groupby(["agent", "reason"], sort=False).size()
        items = [f"- `{agent}`: {reason}" for (agent, reason), _ in reasons.items()]
        if items:
            lines.append(f"{word}:\n\n" + "\n".join(items))
    return "\n\n".join(lines)


def _ranks(ranks: Frame) -> str:
    columns: dict[str, Callable[[Any], str]] = {
        "agent": lambda row: f"`{row['agent']}`",
        "share": lambda row: percent_estimate(row["share"], row["share_low"], row["share_high"]),
        "score": lambda row: number(row["score"]),
        "CVaR 10 %": lambda row: number(row["cvar"]),
        "spent": lambda row: percent(row["spent_share"]),
        "violations": lambda row: count(row["violations"]),
        "blocked": lambda row: number(row["blocked"]),
        **({"unproved": lambda row: percent(row["unproved"])} if ranks["unproved"].notna().any() else {}),
        "latency": lambda row: duration(row["latency_us"]),
        "training": _training,
        "episodes": lambda row: count(row["episodes"]),
        "sees": lambda row: str(row["information"]),
    }
    rows = ranks.to_dict("records")
    return _table(list(columns), [[text(row) for text in columns.values()] for row in rows], left=1)


def _training(row: Any) -> str:
    """ "5 x 12 min, 6M decisions"; nothing for agents that don't learn."""
    if not row["learns"]:
        return ""
    decisions = row["training_decisions"]
    amount = f"{decisions / 1e6:.3g}M" if decisions >= 1e6 else f"{decisions:,.0f}"
    return f"{row['runs']} x {duration(1e6 * row['training_seconds'])}, {amount} decisions"


def _table(head: Sequence[str], body: Sequence[Sequence[str]], left: int) -> str:
    """A Markdown table; the first `left` columns are text, the others stand to the right."""
    rule = ["---" if k < left else "---:" for k in range(len(head))]
    rows = [head, rule, *body]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)


def _short(environment: str) -> str:
    return environment.rpartition("/")[2]


_SEES = "; ".join(f"{name}: {meaning}" for name, meaning in INFORMATION.items())

COLUMNS = f"""## Columns

- **share**: mean score as a share of the optimum (or of the bound, where the section says so), with a 95 % interval over
  training seeds (Student's) and episodes (bootstrap). Noise on a finite number of episodes can lift it above 100 %.
- **CVaR 10 %**: mean score of the worst tenth of the episodes.
- **spent**: what was spent, as a share of the budgets. **violations**: episodes that spent more than their budget.
- **blocked**: actions per episode that were not executed as asked for, because the budget could not pay for them.
- **unproved**: decisions taken by optimising that are not proved to be the best by the agent's own values.
- **latency**: median time of one decision. **training**: training seeds x mean time of one training, and its decisions.
- **sees**: what the agent was allowed to see. {_SEES}."""
