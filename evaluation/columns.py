"""The columns of a summary as a reader sees them: heading, text of a cell and definition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ..envs.core.metrics import Metric
from .formatting import count, duration, estimate, number, percent, percent_estimate
from .summary import ROUGH, TAIL_NEEDS, metric_column, shown_metrics

INFORMATION = {
    "observation": "only what the environment shows it",
    "model": "also the environment's probabilities, from which it computes or plans",
    "clairvoyant": "also the future of the very episode, an advantage that no agent in use can have",
}


class Column(NamedTuple):
    """One column: `text` turns a row of the summary into a cell."""

    name: str
    heading: str
    text: Callable[[Any], str]
    definition: str
    numeric: bool = True


def main_columns(summary: pd.DataFrame, score: str) -> list[Column]:
    """The columns of a compact table, in reading order: who, how good, against the best, of what is possible, for how much.

    The score has an interval where no share of a ceiling, which would have the same one, stands beside it.
    """
    table: Any = summary  # pandas' annotations take columns for frames
    ceilings = [c for c in (_optimum(score, bool((table["null"] != 0).any())), _bound(score)) if table[c.name].notna().any()]
    columns = [_agent(), _score(score, known_as_score=True, interval=not ceilings)]
    if table["agent"].nunique() > 1:
        columns.append(_to_best(score))
    return [*columns, *ceilings[:1], _spent_share(), _latency()]


def visible_columns(summary: pd.DataFrame, metrics: Sequence[Metric], score: str) -> list[Column]:
    """All columns worth showing, in reading order; what is unknown throughout, or nowhere happened, is left out."""
    table: Any = summary
    first, mean, *others, spent, latency = main_columns(summary, score)
    columns = [first, mean]
    if score != "return" and not np.allclose(table["return"], table[score]):
        columns.append(_score("return", known_as_score=False))
    columns += others
    if table["share_of_bound"].notna().any() and _bound(score).name not in {c.name for c in others}:
        columns.append(_bound(score))
    reference = str(summary.attrs.get("reference", table["agent"].iloc[0]))
    if table["agent"].nunique() > 1:
        columns.append(_difference(score, reference))
    columns += [_cvar(score), *(_metric(m) for m in shown_metrics(metrics, score)), spent, _spent(), _violations()]
    if (table["blocked"] > 0).any():
        columns.append(_blocked())
    if table["unproved"].notna().any():
        columns.append(_unproved())
    return [*columns, latency, _information()]


def ordered(rows: pd.DataFrame, score: str) -> pd.DataFrame:
    """The rows of one budget with the highest score first."""
    return rows.sort_values(score, ascending=False, kind="stable")


def caution(episodes: int) -> str:
    """What to keep in mind of intervals from this many episodes; nothing if there are enough."""
    rough = f" With fewer than {ROUGH} episodes they are rough." if episodes < ROUGH else ""
    tail = f" The worst tenth has an interval from {TAIL_NEEDS} episodes on." if ROUGH <= episodes < TAIL_NEEDS else ""
    return rough or tail


def readable(name: str) -> str:
    """A column name as words."""
    return name.replace("_", " ")


def _agent() -> Column:
    return Column("agent", "agent", lambda row: str(row["agent"]), "The policy that was evaluated.", numeric=False)


def _score(name: str, *, known_as_score: bool, interval: bool = False) -> Column:
    meaning = f"Mean {readable(name)} per episode"
    meaning += ", the score that bound and optimum refer to." if known_as_score else ": the undiscounted sum of rewards."

    def text(row: Any) -> str:
        return estimate(*_triple(row, name)) if interval else number(row[name])

    return Column(name, readable(name), text, meaning)


def _bound(score: str) -> Column:
    return Column(
        "share_of_bound",
        "of bound",
        lambda row: percent_estimate(*_triple(row, "share_of_bound")),
        f"Sum of {readable(score)} over all episodes divided by the sum of a proved upper bound on it, with interval. "
        "No policy can exceed 100 %, and the best possible one may be below.",
    )


def _optimum(score: str, null: bool) -> Column:
    share = f"Mean {readable(score)} divided by"
    if null:
        share = f"Mean {readable(score)}, less what doing nothing is expected to earn, as a share of (also less that)"
    return Column(
        "share_of_optimum",
        "of optimum",
        lambda row: percent_estimate(*_triple(row, "share_of_optimum")),
        f"{share} the exact expectation under the best policy that does not know the future, or "
        "a proved upper bound on it (the environment's documentation says which), with interval. Noise on a finite number of "
        "episodes, or clairvoyance, can lift it above 100 %.",
    )


def _cvar(score: str) -> Column:
    meaning = (
        f"Mean {readable(score)} of the worst tenth of the episodes (the conditional value at risk at 10 %), with a "
        f"studentised interval from {TAIL_NEEDS} episodes on."
    )
    return Column("cvar", "worst tenth", lambda row: estimate(*_triple(row, "cvar")), meaning)


def _violations() -> Column:
    meaning = "Number of episodes that spent more than their budget of any resource; budgets are hard, so it is 0."
    return Column("violations", "violations", lambda row: count(row["violations"]), meaning)


def _metric(metric: Metric) -> Column:
    name = metric_column(metric)
    how = {"total": "over all episodes", "mean": "per episode, on average", "per step": "per step, over all episodes"}
    condensed = {"total": count, "mean": number, "per step": percent}[metric.how]
    meaning = f"{readable(metric.name).capitalize()} {how[metric.how]}."
    if metric.among is None:
        return Column(name, metric.label, lambda row: condensed(row[name]), meaning)

    def text(row: Any) -> str:
        return f"{condensed(row[name])} ({count(row[f'{name}_episodes'])})"

    return Column(name, metric.label, text, f"{meaning} Only of the episodes that have one; in parentheses, how many.")


def _spent_share() -> Column:
    meaning = "The share of all budgets that was spent."
    return Column("spent_share", "spent", lambda row: percent(row["spent_share"]), meaning)


def _spent() -> Column:
    def text(row: Any) -> str:
        return f"{number(row['spent'])} of {number(row['initial'])}"

    return Column("spent", "amount spent", text, "What was spent per episode, of a budget of how much, on average.")


def _blocked() -> Column:
    meaning = (
        "Number of actions, over all episodes, that were not executed as asked for: the budget could not pay for them, or "
        "they were cut back to what is feasible."
    )
    return Column("blocked", "blocked", lambda row: count(row["blocked"]), meaning)


def _unproved() -> Column:
    meaning = (
        "Share of the decisions taken by optimising that are not proved to be the best by the agent's own values: the solver "
        "ran into its time limit, or proves nothing."
    )
    return Column("unproved", "unproved", lambda row: percent(row["unproved"]), meaning)


def _to_best(score: str) -> Column:
    meaning = (
        f"Mean difference of {readable(score)} per episode to the best agent of the budget on the same episodes, with "
        "interval. Where the interval contains 0, the two can't be told apart. The best is chosen on these very episodes, "
        "which flatters it a little; agents that see the future are never called the best."
    )
    return Column("difference_to_best", "vs best", lambda row: difference(row, score), meaning)


def difference(row: Any, score: str) -> str:
    """The difference to the best agent as text."""
    values = _triple(row, "difference_to_best")
    return "best" if is_best(row) else _signed(values, row[score])


def is_best(row: Any) -> bool:
    """Whether a row of a summary is the best agent's, or that of one with the same scores throughout."""
    return row["difference_to_best"] == 0 and not row["difference_to_best_low"] < 0 < row["difference_to_best_high"]


def _difference(score: str, reference: str) -> Column:
    def text(row: Any) -> str:
        return "reference" if row["agent"] == reference else _signed(_triple(row, "difference"), row[score])

    meaning = (
        f"Mean difference of {readable(score)} per episode to {reference} on the same episodes, with interval. "
        "An interval without 0 is evidence of a real difference."
    )
    return Column("difference", f"vs {reference}" if len(reference) <= 16 else "vs first", text, meaning)


def _signed(values: tuple[float, float, float], score: float) -> str:
    """A difference of scores; what is but rounding of the score is 0."""
    value, low, high = (0.0 if abs(x) <= 1e-12 * abs(score) else x for x in values)
    return estimate(value, low, high, signed=True)


def _latency() -> Column:
    meaning = "Median time of one decision on the machine of this run."
    return Column("latency_us", "latency", lambda row: duration(row["latency_us"]), meaning)


def _information() -> Column:
    kinds = "; ".join(f"{name}: {meaning}" for name, meaning in INFORMATION.items())
    meaning = f"What the agent was allowed to see. {kinds}."
    return Column("information", "sees", lambda row: str(row["information"]), meaning, numeric=False)


def _triple(row: Any, name: str) -> tuple[float, float, float]:
    return row[name], row[f"{name}_low"], row[f"{name}_high"]
