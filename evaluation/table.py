"""The summary of a comparison as a compact table: in the terminal, in Python, in notebooks."""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Sequence
from html import escape
from typing import Any, Literal

import pandas as pd
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from ..envs.core.metrics import Metric
from .columns import Column, caution, main_columns, ordered, visible_columns
from .summary import remarks_of

GAP = 2  # blanks between two columns
LONGEST_NAME, NARROWEST_NAME = 32, 12  # longer names are folded, so that they can't crowd out the numbers

Show = Literal["compact", "all"]


class Table(pd.DataFrame):
    """A summary that prints itself compactly, the best agent first. Otherwise it is the DataFrame of `summarise`.

    Whatever is made of it, such as `table[["agent", "return"]]`, prints as pandas does; so does `table.summary`.
    """

    _metadata = ["_metrics", "_score"]  # noqa: RUF012  pandas reads it: attributes that are no columns

    def __init__(self, summary: pd.DataFrame, metrics: Sequence[Metric], score: str) -> None:
        super().__init__(summary)
        self.attrs = dict(summary.attrs)
        self._metrics, self._score = tuple(metrics), score

    @property
    def summary(self) -> pd.DataFrame:
        """All columns as a plain DataFrame."""
        frame = pd.DataFrame(self)
        frame.attrs = dict(self.attrs)
        return frame

    def __repr__(self) -> str:
        console = Console(file=io.StringIO(), width=Console().width)
        print_table(self, self._metrics, self._score, console, rest="in its `summary`")
        assert isinstance(console.file, io.StringIO)
        return "\n".join(line.rstrip() for line in console.file.getvalue().rstrip().splitlines())

    def _repr_html_(self) -> str:
        columns = main_columns(self, self._score)
        parts = []
        for title, rows in _by_budget(self, self._score):
            cells = pd.DataFrame([[c.text(row) for c in columns] for row in rows], columns=[c.heading for c in columns])
            parts.append(f"<p><b>{escape(title)}</b></p>{cells.to_html(index=False)}" if title else cells.to_html(index=False))
        return "".join(parts) + "".join(f"<p>{escape(line)}</p>" for line in _footnotes(self))


def print_table(
    summary: pd.DataFrame,
    metrics: Sequence[Metric],
    score: str,
    console: Console | None = None,
    show: Show = "compact",
    rest: str = "with --columns all",
) -> None:
    """Print one table per budget, the best agent first.

    Args:
        summary: What `summarise` returned.
        metrics: The family metrics given to `summarise`.
        score: The score given to `summarise`.
        console: Where to print; standard output by default.
        show: "compact" for the columns that fit, the most telling first; "all" for all of them, in several blocks that
            repeat the agents where the console is too narrow.
        rest: Where a reader finds the columns that are not shown.
    """
    console = console or Console()
    columns = visible_columns(summary, metrics, score)
    rows_of = _by_budget(summary, score)
    cells = {c.name: [c.text(row) for _, rows in rows_of for row in rows] for c in columns}
    blocks, name_width = _blocks(columns, cells, console.width), LONGEST_NAME
    if show == "compact":
        block, name_width = _fitting([c.name for c in main_columns(summary, score)], columns, cells, console.width)
        blocks = [block]
    for title, rows in rows_of:
        for heading, block in zip([title] + [""] * len(blocks), blocks, strict=False):
            console.print(_grid(heading, block, rows, cells, name_width))
        console.print()
    for line in _footnotes(summary):
        console.print(Text(line, style="dim"))
    if left_out := [c.heading for c in columns if not any(c in block for block in blocks)]:
        console.print(Text(f"More columns {rest}: {', '.join(left_out)}.", style="dim"))


def _by_budget(summary: pd.DataFrame, score: str) -> list[tuple[str, list[Any]]]:
    """A title and the rows, the best first, of each budget."""
    found = []
    for label, rows in summary.groupby("budget", sort=False):
        title = "" if label == "own" else str(label) if "=" in str(label) else f"budget {label}"
        found.append((title, ordered(rows, score).to_dict("records")))
    return found


def _footnotes(summary: Any) -> list[str]:
    """Number of episodes, what the brackets are, who sees the future, why an optimum is unknown, and remarks."""
    least, most = int(summary["episodes"].min()), int(summary["episodes"].max())
    count = f"{most:,}" if least == most else f"{least:,} to {most:,}"
    several = summary["agent"].nunique() > 1
    if most == 1:
        lines = ["1 episode, hence no intervals."]
    else:
        level = f"{100 * summary.attrs['confidence']:g} % " if "confidence" in summary.attrs else ""
        shared = ", the same for all agents" if several else ""
        kind = "paired bootstrap" if several else "bootstrap"
        lines = [f"{count} episodes{shared}; [{level}intervals] by {kind} over episodes.{caution(least)}"]
    seers = summary.loc[summary["information"] == "clairvoyant", "agent"].unique()
    if several and len(seers):
        lines.append(f"Sees the future, so is never called the best: {', '.join(seers)}.")
    lines += [f"optimum unknown: {reason}" for reason in summary["optimum_unknown"].dropna().unique()]
    return [*lines, *(f"note: {remark}" for remark in remarks_of(summary))]


def _fitting(main: list[str], columns: list[Column], cells: dict[str, list[str]], width: int) -> tuple[list[Column], int]:
    """The columns of one table that fits, and how wide names may be: the main ones first, then others in reading order."""
    first, *core = [c for c in columns if c.name in main]
    # Where not even the main columns fit, names are folded, and then the last of the columns give way.
    while len(core) > 1 and _used([first, *core], cells, NARROWEST_NAME) > width:
        core.pop()
    name_width = max(NARROWEST_NAME, min(LONGEST_NAME, width - _used([first, *core], cells, 0)))
    chosen = [first, *core]
    for column in columns if len(chosen) == len(main) else ():
        if column not in chosen:
            if _used([*chosen, column], cells, LONGEST_NAME) > width:
                break
            chosen.append(column)
    return [c for c in columns if c in chosen], name_width


def _blocks(columns: Sequence[Column], cells: dict[str, list[str]], width: int) -> list[list[Column]]:
    """The columns in reading order, cut into blocks that fit the console; each begins with the first column."""
    first, *others = columns
    blocks = [[first]]
    for column in others:
        if _used([*blocks[-1], column], cells, LONGEST_NAME) > width and len(blocks[-1]) > 1:
            blocks.append([first])
        blocks[-1].append(column)
    return blocks


def _used(columns: Sequence[Column], cells: dict[str, list[str]], name_width: int) -> int:
    """How many characters a line of these columns takes."""
    widths = {c.name: max(map(cell_len, [*_heading(c, cells).split("\n"), *cells[c.name]])) for c in columns}
    widths["agent"] = min(widths["agent"], name_width)
    return sum(widths.values()) + GAP * (len(columns) - 1)


def _heading(column: Column, cells: dict[str, list[str]]) -> str:
    """Over several lines where that makes the column narrower."""
    return textwrap.fill(
        column.heading, max(map(cell_len, cells[column.name])), break_long_words=False, break_on_hyphens=False
    )


def _grid(title: str, columns: Sequence[Column], rows: Sequence[Any], cells: dict[str, list[str]], name_width: int) -> Grid:
    grid = Grid(box=None, padding=(0, GAP, 0, 0), pad_edge=False, title_justify="left")
    grid.title = Text(title, style="bold") if title else None
    for column in columns:
        heading = Text(column.heading if column.name == "agent" else _heading(column, cells))
        grid.add_column(heading, justify="right" if column.numeric else "left", no_wrap=column.numeric)
    for row in rows:
        texts = (c.text(row) for c in columns)
        grid.add_row(*(Text(folded(t, name_width) if c.name == "agent" else t) for c, t in zip(columns, texts, strict=True)))
    return grid


def pieces(name: str) -> list[str]:
    """A name cut where it may be broken: behind `:`, `/`, `,`, `=`, `_`, `-`, `.` and blanks, unless digits follow."""
    return re.split(r"(?<=[:/,=_. \-])(?=[^\d:/,=_. \-])", name)


def folded(name: str, width: int, indent: str = "  ") -> str:
    """A name over several lines of at most `width` characters, cut between its `pieces` where that is possible."""
    lines = [""]
    for piece in pieces(name):
        if lines[-1] and cell_len(lines[-1] + piece.rstrip()) > width:
            lines.append(indent)
        lines[-1] += piece
        while cell_len(lines[-1].rstrip()) > width:
            lines[-1:] = [lines[-1][:width], indent + lines[-1][width:]]
    return "\n".join(line.rstrip() for line in lines)
