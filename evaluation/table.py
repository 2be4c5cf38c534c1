"""The summary of a comparison as text in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..envs.core.metrics import Metric
from .columns import IMPORTANCE, Column, visible_columns

GAP = 2  # blanks between two columns
LONGEST_NAME = 24  # an agent's name is folded beyond this, so that it cannot crowd out the numbers
FEWEST = 2  # columns that stay at any width


def print_table(summary: pd.DataFrame, metrics: Sequence[Metric], score: str, console: Console | None = None) -> None:
    """Print one table per budget.

    Columns are kept in the order of `IMPORTANCE` as far as they fit the console; the others are named below the table.

    Args:
        summary: What `summarise` returned.
        metrics: The family metrics given to `summarise`.
        score: The score given to `summarise`.
        console: Where to print; standard output by default.
    """
    console = console or Console()
    columns = visible_columns(summary, metrics, score)
    at_budgets: Any = summary.groupby("budget", sort=False)
    for budget in summary["budget"].unique():
        rows = at_budgets.get_group(budget).to_dict("records")
        cells = {c.name: [c.text(row) for row in rows] for c in columns}
        kept = _fitting(columns, cells, console.width)
        console.print(_table(str(budget), kept, cells))
        dropped = [c for c in columns if c not in kept]
        console.print(Text(_footnote(rows, dropped, summary.attrs), style="dim"))
        console.print()


def _fitting(columns: Sequence[Column], cells: dict[str, list[str]], width: int) -> list[Column]:
    """The most important columns that fit side by side, in reading order."""
    kept: list[Column] = []
    for column in sorted(columns, key=lambda c: IMPORTANCE.index(c.role)):
        used = sum(_width(c, cells) + GAP for c in [*kept, column])
        if used <= width or len(kept) < FEWEST:
            kept.append(column)
    return [c for c in columns if c in kept]


def _width(column: Column, cells: dict[str, list[str]]) -> int:
    needed = max(cell_len(text) for text in [column.heading, *cells[column.name]])
    return needed if column.numeric else min(needed, LONGEST_NAME)


def _table(budget: str, columns: Sequence[Column], cells: dict[str, list[str]]) -> Table:
    table = Table(
        title=Text(f"budget {budget}"), title_justify="left", title_style="bold", box=None, padding=(0, GAP, 0, 0)
    )
    for column in columns:
        width = _width(column, cells)
        if column.numeric:
            table.add_column(Text(column.heading), justify="right", min_width=width, no_wrap=True)
        else:
            table.add_column(Text(column.heading), max_width=width, overflow="fold")
    for row in zip(*(cells[c.name] for c in columns), strict=True):
        table.add_row(*(Text(text) for text in row))
    return table


def _footnote(rows: Sequence[dict[Any, Any]], dropped: Sequence[Column], attrs: dict[Any, Any]) -> str:
    """Number of episodes, what the brackets are, and what the width of the console hid."""
    n = rows[0]["episodes"]
    if n == 1:
        parts = ["1 episode per agent, hence no intervals."]
    else:
        level = f"{100 * attrs['confidence']:g} % " if "confidence" in attrs else ""
        parts = [
            f"{n:,} episodes per agent, the same for all; [{level}intervals] from a paired bootstrap over episodes."
        ]
    if any(c.name == "information" for c in dropped):
        privileged = [f"{r['agent']} ({r['information']})" for r in rows if r["information"] != "observation"]
        parts += [f"Saw more than observations: {', '.join(privileged)}."] if privileged else []
    if dropped:
        parts.append(f"Too narrow for: {', '.join(c.heading for c in dropped)}.")
    return " ".join(parts)
