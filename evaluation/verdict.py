"""What a comparison says, in sentences."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from .columns import readable
from .formatting import estimate, number, percent, percent_estimate
from .summary import best_of


def best_in(rows: pd.DataFrame, score: str) -> str | None:
    """The best agent of one budget; see `best_of`."""
    return best_of(list(rows["agent"]), list(rows[score]), list(rows["information"]))


def as_good(rows: Any) -> list[str]:
    """The agents of one budget that can't be told apart from the best: the interval of their difference contains 0."""
    within = (rows["difference_to_best_low"] <= 0) & (rows["difference_to_best_high"] >= 0)
    return [row["agent"] for row in rows[within & (rows["information"] != "clairvoyant")].to_dict("records")]


def verdict(rows: Any, score: str) -> str:
    """Who is best at one budget, by how much, and how far from what is possible.

    Args:
        rows: the rows of a summary at one budget, the highest score first.
        score: the score given to `summarise`.
    """
    name = best_in(rows, score)
    if name is None:
        return "No score is known."
    best = rows[rows["agent"] == name].iloc[0]
    reached = f"{readable(score)} {number(best[score])} per episode{_of_what(best)}"
    if len(rows) == 1:
        return f"{name}: {reached}."
    if best["episodes"] == 1:
        return f"{name} has the highest score of the one episode, {reached}; one episode says little about others."
    level = [agent for agent in as_good(rows) if agent != name]
    others = [row for row in rows.to_dict("records") if row["agent"] != name and row["information"] != "clairvoyant"]
    if not others:
        return f"{name} is the only agent that does not see the future: {reached}."
    if not level:
        return f"{name} is best: {reached}. It is ahead of {others[0]['agent']}, the next, by {_lead(others[0])}."
    if len(level) == len(others):
        return f"{name} has the highest mean, {reached}, but no agent can be told apart from it."
    behind = next(row for row in others if row["agent"] not in level)
    return (
        f"{name} has the highest mean, {reached}, but is not distinguishable from {_listed(level)}. "
        f"It is ahead of {behind['agent']} by {_lead(behind)}."
    )


def headline(tables: dict[str, Any], score: str) -> str:
    """The same over all budgets in a sentence or two; `tables` holds the rows of each budget, the highest score first."""
    if len(tables) == 1:
        return verdict(next(iter(tables.values())), score)
    bests = {budget: best_in(rows, score) for budget, rows in tables.items()}
    names = list(dict.fromkeys(name for name in bests.values() if name))
    if len(names) == 1 and all(len(rows) == 1 for rows in tables.values()):
        return f"{names[0]} was played at {len(tables)} budgets{_range(tables, names[0])}."
    if len(names) == 1:
        clear = sum(len(as_good(rows)) == 1 for rows in tables.values())
        apart = "each" if clear == len(tables) else "none" if not clear else str(clear)
        return (
            f"{names[0]} has the highest mean {readable(score)} at all budgets{_range(tables, names[0])}; "
            f"it is clearly ahead of every other agent at {apart} of the {len(tables)}."
        )
    won = "; ".join(f"{name} at {', '.join(b for b, best in bests.items() if best == name)}" for name in names)
    return f"No agent has the highest mean {readable(score)} at every budget: {won}."


def _of_what(row: Any) -> str:
    for column, what in (("share_of_optimum", "the optimum"), ("share_of_bound", "the bound")):
        if not math.isnan(row[column]):
            share = percent_estimate(row[column], row[f"{column}_low"], row[f"{column}_high"])
            return f", {share} of {what}"
    return ""


def _range(tables: dict[str, Any], name: str) -> str:
    """With how much of the optimum, or else of the bound, from the lowest to the highest."""
    rows: Any = pd.concat([rows[rows["agent"] == name] for rows in tables.values()])
    for column, what in (("share_of_optimum", "the optimum"), ("share_of_bound", "the bound")):
        if rows[column].notna().all():
            low, high = percent(rows[column].min()), percent(rows[column].max())
            return f", with {low if low == high else f'{low[:-2]} to {high}'} of {what}"
    return ""


def _lead(row: Any) -> str:
    """How far the best is ahead of another agent."""
    return estimate(*(-row[f"difference_to_best{end}"] for end in ("", "_high", "_low")))


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
