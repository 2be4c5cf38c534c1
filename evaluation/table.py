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
from .columns import Column, caution, visible_columns
from .summary import remarks_of

GAP = 2  # blanks between two columns
LONGEST_NAME = 24  # an agent's name is folded beyond this, so that it cannot crowd out the numbers


def print_table(summary: pd.DataFrame, metrics: Sequence[Metric], score: str, console: Console | None = None) -> None:
    """Print one table per budget; where the console is too narrow, in several blocks that repeat the agents.

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
        title: str | None = f"budget {budget}" if "=" not in str(budget) else str(budget)
        for block in _blocks(columns, cells, console.width):
            console.print(_table(title, block, cells))
            title = None
        console.print(Text(_footnote(rows, summary.attrs), style="dim"))
        if reason := rows[0]["optimum_unknown"]:
            console.print(Text(f"optimum unknown: {reason}", style="dim"))
        console.print()
    for remark in remarks_of(summary):
        console.print(Text(f"note: {remark}"))


def _blocks(columns: Sequence[Column], cells: dict[str, list[str]], width: int) -> list[list[Column]]:
    """The columns in reading order, cut into blocks that fit the console; each begins with the first column."""
    first, *others = columns
    blocks = [[first]]
    for column in others:
        used = sum(_width(c, cells) + GAP for c in [*blocks[-1], column])
        if used > width and len(blocks[-1]) > 1:
            blocks.append([first])
        blocks[-1].append(column)
    return blocks


def _width(column: Column, cells: dict[str, list[str]]) -> int:
    needed = max(cell_len(text) for text in [column.heading, *cells[column.name]])
    return needed if column.numeric else min(needed, LONGEST_NAME)


def _table(title: str | None, columns: Sequence[Column], cells: dict[str, list[str]]) -> Table:
    table = Table(
        title=Text(title) if title else None, title_justify="left", title_style="bold", box=None, padding=(0, GAP, 0, 0)
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


def _footnote(rows: Sequence[dict[Any, Any]], attrs: dict[Any, Any]) -> str:
    """Number of episodes, and what the brackets are."""
    n = rows[0]["episodes"]
    if n == 1:
        return "1 episode per agent, hence no intervals."
    level = f"{100 * attrs['confidence']:g} % " if "confidence" in attrs else ""
    return f"{n:,} episodes per agent, the same for all; [{level}intervals] from a paired bootstrap over episodes.{caution(n)}"
