"""A comparison as one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from ..envs.core.files import write_text
from ..envs.core.metrics import Metric
from . import plots
from .columns import caution, readable, visible_columns
from .palette import Look, looks
from .summary import Frame, remarks_of
from .svg import STYLE, inline_svg

TEMPLATE = "report.html.j2"
INSTALL = 'reports need matplotlib and jinja2: pip install "budgetgym[report]"'


class _Plot(NamedTuple):
    """A figure of the page: `reading` says how to read it, `legend` whether it needs the agents' legend."""

    name: str
    heading: str
    reading: str
    figure: Any
    legend: bool
    lines: tuple[tuple[str, str], ...] = ()  # (meaning, SVG dash pattern) of the lines that are not agents


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
    """Write the report of a comparison: one HTML file that needs no network and no other file.

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
    columns = visible_columns(summary, metrics, score, detailed=True)
    appearance = looks([str(agent) for agent in summary["agent"].unique()])
    page = template.render(
        title=title,
        command=command,
        settings=dict(settings),
        versions=dict(versions),
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        intervals=_intervals(summary),
        remarks=remarks_of(summary),
        columns=columns,
        tables={str(budget): rows.to_dict("records") for budget, rows in summary.groupby("budget", sort=False)},
        counts={str(budget): int(rows["episodes"].iloc[0]) for budget, rows in summary.groupby("budget", sort=False)},
        looks=appearance,
        plots=_drawn(summary, episodes, cells, curves, score, appearance),
        seconds=_seconds(cells),
    )
    write_text(path, page)
    return Path(path)


def _template() -> Any:
    try:
        import jinja2
        import matplotlib  # noqa: F401 (asked for here so that the message comes before any work)
    except ImportError as error:
        raise ImportError(INSTALL) from error
    text = Path(__file__).with_name(TEMPLATE).read_text(encoding="utf-8")
    undefined = jinja2.StrictUndefined
    environment = jinja2.Environment(autoescape=True, undefined=undefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(text)


def _seconds(cells: Frame) -> float | None:
    return float(cells["seconds"].sum()) if "seconds" in cells else None


def _intervals(summary: Frame) -> str:
    """One sentence on what the brackets are."""
    if (summary["episodes"] == 1).all():
        return "A single episode has no interval."
    level = f"{100 * summary.attrs['confidence']:g} % " if "confidence" in summary.attrs else ""
    resamples = f", {summary.attrs['resamples']:,} resamples" if "resamples" in summary.attrs else ""
    return (
        f"Brackets and bands are {level}bootstrap intervals over episodes{resamples}; all agents share the episodes and the "
        f"resamples.{caution(int(summary['episodes'].min()))}"
    )


def _drawn(
    summary: Frame,
    episodes: Frame,
    cells: Frame,
    curves: Frame,
    score: str,
    appearance: dict[str, Look],
) -> list[dict[str, Any]]:
    """The plots as the template wants them, each with its finished SVG."""
    import matplotlib.style
    from markupsafe import Markup  # comes with jinja2

    # "default" first: a user's own matplotlib style is not made for this page.
    with matplotlib.style.context(["default", STYLE]):
        made = _plots(summary, _references(summary, episodes, cells), curves, score, appearance)
        agents = ", ".join(appearance)
        return [
            {
                **plot._asdict(),
                "svg": Markup(inline_svg(plot.figure, plot.name, f"{plot.heading} for {agents}. {plot.reading}")),
            }
            for plot in made
        ]


def _references(summary: Frame, episodes: Frame, cells: Frame) -> Frame:
    """Optimum and mean bound per episode at each budget, NaN where unknown."""
    budgets = summary.drop_duplicates("budget")[["budget", "budget_value"]].set_index("budget")
    bound = episodes.groupby("budget")["bound"].agg(lambda values: values.mean(skipna=False))
    optimum = cells.groupby("budget")["optimum"].first()
    return budgets.assign(bound=bound, optimum=optimum.astype(float)).reset_index()


def _plots(summary: Frame, references: Frame, curves: Frame, score: str, appearance: dict[str, Look]) -> list[_Plot]:
    """The plots for which there is something to show."""
    several = len(references) > 1
    made = [_performance(summary, references, score, appearance)]
    if summary[["share_of_bound", "share_of_optimum"]].notna().to_numpy().any():
        made.append(_shares(summary, appearance))
    if len(curves):
        reading = (
            "The line is the mean over episodes; above the diagonal the agent spends faster than evenly, "
            "and a line that ends below 100 % leaves some of it unspent."
        )
        figure = plots.spending(curves, references["budget"].tolist(), appearance)
        made.append(_Plot("spending", "Spend over time", reading, figure, True, (("even spending", "5 3"),)))
    if (summary["latency_us"] > 0).any():
        reading = "Further left is faster; the axis is logarithmic, each gridline is ten times the one before"
        reading += ", and each agent has one mark per budget." if several else "."
        figure = plots.latency(summary, appearance)
        made.append(_Plot("latency", "Decision latency", reading, figure, False))
    return made


def _performance(summary: Frame, references: Frame, score: str, appearance: dict[str, Look]) -> _Plot:
    figure = plots.performance(summary, references, score, appearance)
    lines = [("optimum, or a proved bound on it", "5 3")] if references["optimum"].notna().any() else []
    lines += [("mean proved upper bound", "1.5 2.5")] if references["bound"].notna().any() else []
    if len(references) > 1:
        reading = (
            f"Higher is better: the mean {readable(score)} of an episode at each budget, "
            "with a band for the interval; equal distances along the axis are equal factors of the budget."
        )
        return _Plot("performance", "Performance against budget", reading, figure, True, tuple(lines))
    reading = f"Further right is better: the mean {readable(score)} of an episode, the bar is the interval."
    return _Plot("performance", "Performance", reading, figure, False, tuple(lines))


def _shares(summary: Frame, appearance: dict[str, Look]) -> _Plot:
    kinds = {"share_of_bound": "filled marks are the share of the proved bound"}
    kinds["share_of_optimum"] = "hollow marks are the share of the optimum, or of a proved bound on it"
    known = [text for name, text in kinds.items() if summary[name].notna().any()]
    reading = f"Closer to the line at 100 % is better; {' and '.join(known)}, the bar is the interval."
    return _Plot("shares", "Share of what was possible", reading, plots.shares(summary, appearance), False)
