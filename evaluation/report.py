"""A comparison as one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from ..envs.core.files import write_text
from ..envs.core.metrics import Metric
from . import plots
from .columns import caution, main_columns, ordered, readable, visible_columns
from .formatting import number
from .summary import Frame, remarks_of
from .table import pieces
from .verdict import headline, verdict

TEMPLATE = "report.html.j2"
INSTALL = 'reports need matplotlib and jinja2: pip install "budgetgym[report]"'


def write_report(
    path: str | Path,
    *,
    title: str,
    summary: pd.DataFrame,
    episodes: pd.DataFrame,
    cells: pd.DataFrame,
    curves: pd.DataFrame,
    score: str,
    metrics: Sequence[Metric],
    command: str,
    settings: Mapping[str, Any],
    versions: Mapping[str, Any],
) -> Path:
    """Write the report of a comparison: one HTML file that needs no network, no script and no other file.

    Args:
        path: Where to write it; missing folders are made.
        title: Heading of the page.
        summary: What `summarise` returned for `episodes` and `cells`.
        episodes: One row per agent, budget and episode.
        cells: One row per agent and budget.
        curves: One row per agent, budget, episode and `time` (share of the episode, 0 to 1) with `spent_share`
            (spent / initial budget); may be empty.
        score: Column that bound and optimum refer to.
        metrics: The family metrics given to `summarise`.
        command: What produced the comparison, to be repeated by a reader.
        settings: Settings worth knowing, by name.
        versions: Versions of the software, by name.

    Returns:
        The path of the file.

    Raises:
        ImportError: matplotlib or jinja2 are not installed.
    """
    template = _template()
    tables = {str(budget): ordered(rows, score) for budget, rows in summary.groupby("budget", sort=False)}
    shown = main_columns(summary, score)
    page = template.render(
        title=title,
        command=command,
        settings=dict(settings),
        versions=dict(versions),
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        headline=headline(tables, score),
        tables=[
            {"budget": budget, "verdict": verdict(rows, score), "rows": rows.to_dict("records"), "possible": possible}
            for (budget, rows), possible in zip(tables.items(), _possible(tables, episodes, cells), strict=True)
        ],
        intervals=_intervals(summary),
        remarks=remarks_of(summary),
        main=shown,
        on_phone=["agent", *[c.name for c in shown[1:-2]][-2:]],
        all=visible_columns(summary, metrics, score),
        agents=summary["agent"].nunique(),
        score=readable(score),
        share=plots.share_column(summary),
        plots={
            name: {"wide": plots.picture(draw, narrow=False), "narrow": plots.picture(draw, narrow=True)}
            for name, draw in drawings(summary, curves, score).items()
        },
        seconds=sum(cells["seconds"]) if "seconds" in cells else None,
    )
    write_text(path, page)
    return Path(path)


def drawings(summary: Frame, curves: Frame, score: str) -> dict[str, Callable[[bool], Any]]:
    """The plots for which there is something to show; each makes its figure, `True` for a phone."""
    # Those that are best over all budgets stand first in every plot.
    ranks = summary.groupby("budget")[score].rank(ascending=False).groupby(summary["agent"], sort=False).mean()
    agents = [str(agent) for agent in ranks.sort_values(kind="stable").index]
    budgets = list(summary["budget"].unique())
    found: dict[str, Callable[[bool], Any]] = {}
    if len(agents) > 1 or (len(budgets) == 1 and plots.share_column(summary)):
        found["differences"] = partial(plots.differences, summary, score, agents)
    if len(budgets) > 1:
        found["courses"] = partial(plots.courses, summary, score, agents)
    if len(curves):
        found["spending"] = partial(plots.spending, curves, budgets, agents)
    if (summary["latency_us"] > 0).any():
        found["latency"] = partial(plots.latency, summary, agents)
    return found


def _template() -> Any:
    try:
        import jinja2
        import matplotlib  # noqa: F401 (asked for here so that the message comes before any work)
    except ImportError as error:
        raise ImportError(INSTALL) from error
    text = Path(__file__).with_name(TEMPLATE).read_text(encoding="utf-8")
    undefined = jinja2.StrictUndefined
    environment = jinja2.Environment(autoescape=True, undefined=undefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["breakable"] = _breakable
    return environment.from_string(text)


def _breakable(text: str) -> Any:
    """Text whose long names may be broken, and whose numbers stay with their units."""
    from markupsafe import Markup, escape  # comes with jinja2

    return Markup("<wbr>").join(escape(piece) for piece in pieces(text.replace(" %", "\N{NO-BREAK SPACE}%")))


def _possible(tables: dict[str, Frame], episodes: Frame, cells: Frame) -> list[str]:
    """What is possible at each budget, as far as it is known."""
    sentences = []
    for budget, rows in tables.items():
        optimum = float(cells.loc[cells["budget"] == budget, "optimum"].iloc[0])
        bound = float(episodes.loc[episodes["budget"] == budget, "bound"].mean(skipna=False))
        known = [f"optimum {number(optimum)}"] if optimum == optimum else []
        known += [f"mean upper bound {number(bound)}"] if bound == bound else []
        known += [f"doing nothing earns {number(null)}"] if (null := float(rows["null"].iloc[0])) else []
        why = rows["optimum_unknown"].iloc[0]
        unknown = [] if optimum == optimum else [f"optimum unknown{f': {why}' if why else ''}"]
        sentences.append(", ".join([*known, *unknown]))
    return sentences


def _intervals(summary: Frame) -> str:
    """One sentence on what the brackets are."""
    if (summary["episodes"] == 1).all():
        return "A single episode has no interval."
    level = f"{100 * summary.attrs['confidence']:g} % " if "confidence" in summary.attrs else ""
    resamples = f", {summary.attrs['resamples']:,} resamples" if "resamples" in summary.attrs else ""
    return (
        f"Brackets and bands are {level}bootstrap intervals over episodes{resamples}; all agents share the episodes and the "
        f"resamples, so differences are paired.{caution(int(summary['episodes'].min()))}"
    )
