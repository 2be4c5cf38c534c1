"""The plots of a report, as matplotlib figures in two widths: of a page and of a phone."""

from __future__ import annotations

import base64
import io
import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .columns import readable
from .formatting import duration, number, percent
from .summary import Frame
from .table import folded

STYLE: list[Any] = [
    "default",  # first: a user's own style is not made for this page
    "tableau-colorblind10",
    {
        "svg.fonttype": "none",  # the browser draws the text: its fonts have the glyphs that matplotlib's may lack
        "svg.hashsalt": "budgetgym",
        "text.parse_math": False,  # a "$" in somebody's agent name is a dollar sign
        "font.size": 9,
        "axes.titlesize": 9,
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "0.9",
        "lines.markersize": 5,
    },
]
BEST, OTHERS = "C0", "0.75"


def picture(draw: Callable[[bool], Any], narrow: bool) -> str:
    """The figure that `draw` makes, as the address of an SVG that a page carries in itself."""
    import matplotlib.style

    buffer = io.BytesIO()
    with matplotlib.style.context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        draw(narrow).savefig(buffer, format="svg", metadata={"Date": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def differences(summary: Frame, score: str, agents: Sequence[str], narrow: bool) -> Any:
    """Paired differences to the best agent, a panel per budget; if there is only one, beside the share of what is possible."""
    budgets = list(summary["budget"].unique())
    panels = [(budget, "difference_to_best", 0.0, 1.0) for budget in budgets]
    if len(budgets) == 1 and (share := share_column(summary)):
        panels.append((budgets[0], share, 100.0, 100.0))
    figure, grid, places = _rows_of_agents(len(panels), agents, summary, narrow)
    for axes, (budget, column, anchor, scale) in zip(grid, panels, strict=True):
        rows = summary[summary["budget"] == budget].set_index("agent").reindex(agents)
        _dots(axes, places, rows, column, anchor, scale)
        if column == "difference_to_best":
            axes.set_title(f"budget {budget}")
            axes.set_xlabel(f"{readable(score)} against the best")
        else:
            axes.set_xlabel(f"% of the {column.removeprefix('share_of_')}")
    return figure


def courses(summary: Frame, score: str, agents: Sequence[str], narrow: bool) -> Any:
    """A panel per agent: the share of what is possible, or else the score, against the budget, the others in grey."""
    share = share_column(summary)
    column, scale = (share, 100.0) if share else (score, 1.0)
    budgets = list(summary["budget"].unique())
    rows = {a: summary[summary["agent"] == a].set_index("budget").reindex(budgets) for a in agents}
    bottom, top = _window(summary, column, 100.0 if share else None, scale)
    figure, grid = _panels(len(agents), 2 if narrow else 4, 1.7, narrow, sharex=True, sharey=True)
    x = np.arange(len(budgets))
    heads, _, tails = zip(*(str(budget).rpartition("=") for budget in budgets), strict=True)
    common = len(set(heads)) == 1  # "c0=1/8" and "c0=1/4" are 1/8 and 1/4 on an axis of c0
    for axes, agent in zip(grid, agents, strict=True):
        for other in agents:
            axes.plot(x, scale * rows[other][column], color=OTHERS, linewidth=0.8)
        value, low, high = (scale * rows[agent][column + end].to_numpy(float) for end in ("", "_low", "_high"))
        axes.fill_between(x, low, high, color=BEST, alpha=0.25, linewidth=0)
        axes.plot(x, value, color=BEST, marker="o", linewidth=1.8)
        for k in np.flatnonzero((value < bottom) | (value > top)):
            edge, marker, offset = (bottom, "v", 6) if value[k] < bottom else (top, "^", -12)
            axes.plot(k, edge, marker=marker, color=BEST, clip_on=False)
            label = percent(value[k] / 100) if share else number(value[k])
            text = axes.annotate(label, (k, edge), (0, offset), textcoords="offset points", fontsize=7)
            text.set(ha="center", color=BEST)
        if share:
            axes.axhline(100, color="0.2", linewidth=0.8, linestyle="--")
        axes.set_ylim(bottom, top)
        axes.set_xlim(-0.3, len(budgets) - 0.7)
        axes.set_xticks(x, tails if common else budgets, rotation=90 if len(budgets) > 4 or not common else 0)
        axes.set_title(folded(agent, 22, ""))
    figure.supxlabel(f"budget {heads[0]}" if common and heads[0] else "budget", fontsize=9)
    figure.supylabel(f"% of the {share.removeprefix('share_of_')}" if share else readable(score), fontsize=9)
    return figure


def spending(curves: Frame, budgets: Sequence[str], agents: Sequence[str], narrow: bool) -> Any:
    """A panel per agent: the mean share of the budget spent against time, a line per budget, from dark to light.

    Args:
        curves: One row per agent, budget, episode and `time` (share of the episode, 0 to 1) with `spent_share`.
        budgets: The budgets in order.
        agents: The agents in order.
        narrow: For a phone.
    """
    import matplotlib as mpl

    colours = mpl.colormaps["viridis"](np.linspace(0, 0.85, len(budgets)))
    groups: Frame = curves.groupby(["agent", "budget", "time"])["spent_share"]
    means, least, most = 100 * groups.mean(), 100 * groups.quantile(0.1), 100 * groups.quantile(0.9)
    figure, grid = _panels(len(agents), 2 if narrow else 4, 1.8, narrow, sharex=True, sharey=True)
    for axes, agent in zip(grid, agents, strict=True):
        axes.plot([0, 100], [0, 100], color="0.4", linestyle="--", linewidth=1, label="even")
        for budget, colour in zip(budgets, colours, strict=True):
            if (agent, budget) in means.index:
                line = means.loc[(agent, budget)]
                time = 100 * line.index.to_numpy(float)
                if len(budgets) == 1:
                    axes.fill_between(time, least.loc[(agent, budget)], most.loc[(agent, budget)], color=colour, alpha=0.2)
                axes.plot(time, line, color=colour, label=f"budget {budget}")
        axes.set(xlim=(0, 100), ylim=(0, 103), xticks=[0, 50, 100], yticks=[0, 50, 100])
        axes.set_title(folded(agent, 22, ""))
    figure.supxlabel("% of the episode that has passed", fontsize=9)
    figure.supylabel("% of the budget spent", fontsize=9)
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside upper left", ncols=3 if narrow else 8, frameon=False)
    return figure


def latency(summary: Frame, agents: Sequence[str], narrow: bool) -> Any:
    """Time of one decision on a logarithmic axis: the median over budgets, and from the fastest to the slowest of them."""
    from matplotlib.ticker import EngFormatter

    figure, [axes], places = _rows_of_agents(1, agents, summary, narrow)
    times = summary[summary["latency_us"] > 0].groupby("agent")["latency_us"].agg(["min", "median", "max"])
    for y, agent in zip(places, agents, strict=True):
        if agent in times.index:
            fastest, middle, slowest = times.loc[agent]
            axes.plot([1e-6 * fastest, 1e-6 * slowest], [y, y], color=BEST)
            axes.plot(1e-6 * middle, y, "o", color=BEST)
            axes.annotate(duration(middle), (1e-6 * slowest, y), (7, 0), textcoords="offset points", va="center")
    axes.set_xscale("log")
    low, high = 1e-6 * times["min"].min(), 1e-6 * times["max"].max()
    axes.set_xlim(10 ** math.floor(math.log10(low)), 10 ** (math.floor(math.log10(high)) + 1.3))
    axes.xaxis.set_major_formatter(EngFormatter(unit="s"))
    axes.minorticks_off()
    axes.set_xlabel("time of one decision")
    return figure


def share_column(summary: Frame) -> str | None:
    """The share of what is possible that is known: of the optimum, or else of the bound."""
    return next((c for c in ("share_of_optimum", "share_of_bound") if summary[c].notna().any()), None)


def _dots(axes: Any, places: Any, rows: Frame, column: str, anchor: float, scale: float) -> None:
    """A dot per agent with its interval, hollow if it can't be told apart from the best; a number at the edge if far off."""
    left, right = _window(rows, column, anchor, scale)
    axes.axvline(anchor, color="0.2", linewidth=0.8, linestyle="--")
    ends = rows[[column, f"{column}_low", f"{column}_high"]].to_numpy(float) * scale
    unclear = (rows["difference_to_best_low"] <= 0) & (rows["difference_to_best_high"] >= 0)
    for y, gap, hollow, (value, low, high) in zip(places, rows["difference_to_best"], unclear, ends, strict=True):
        face = "white" if hollow and gap != 0 else BEST
        if left <= value <= right:
            axes.plot([low, high], [y, y], color=BEST, linewidth=2, solid_capstyle="butt")
            axes.plot(value, y, "o", color=BEST, markerfacecolor=face)
        elif math.isfinite(value):
            edge, side = (left, 1) if value < left else (right, -1)
            axes.plot(edge, y, marker="<" if side > 0 else ">", color=BEST, clip_on=False)
            label = percent(value / 100) if scale == 100 else number(value)
            text = axes.annotate(label, (edge, y), (7 * side, 0), textcoords="offset points", va="center")
            text.set_ha("left" if side > 0 else "right")
    axes.set_xlim(left, right)
    axes.locator_params(axis="x", nbins=4)


def _window(rows: Frame, column: str, anchor: float | None, scale: float) -> tuple[float, float]:
    """The stretch of an axis on which most agents can be told apart; those far off the anchor are left outside."""
    values = scale * rows[column].to_numpy(float)
    lows, highs = (scale * rows[column + end].fillna(rows[column]).to_numpy(float) for end in ("_low", "_high"))
    known = np.isfinite(values)
    if not known.any():
        return -1.0, 1.0
    middle = float(values[known].max()) if anchor is None else anchor
    distance = np.abs(values - middle)
    typical = 4 * float(np.median(distance[known & (distance > 0)])) if (distance[known] > 0).any() else 0.0
    far = known & (distance > typical)
    if anchor is None or (distance[known] <= 1.5 * typical).all():
        far[:] = False
    inside = known & ~far
    low, high = min(lows[inside].min(), middle), max(highs[inside].max(), middle)
    if far.any():
        low, high = max(low, middle - 1.5 * typical), min(high, middle + 1.5 * typical)
    margin = 0.06 * (high - low) or 0.05 * abs(middle) or 1.0
    return low - margin, high + margin


def _rows_of_agents(panels: int, agents: Sequence[str], summary: Frame, narrow: bool) -> tuple[Any, list[Any], Any]:
    """Panels with a row for every agent, in order from the top, with their names on the left; and where the rows are."""
    seers = set(summary.loc[summary["information"] == "clairvoyant", "agent"])
    names = [folded(a, 18 if narrow else 40, "") + "\n(sees the future)" * (a in seers) for a in agents]
    lines = np.array([1.4 + 0.8 * name.count("\n") for name in names])
    ends = np.cumsum(lines)
    figure, grid = _panels(panels, 1 if narrow else 3, 0.75 + 0.2 * ends[-1], narrow, sharey=True)
    for axes in grid:
        axes.set_yticks(ends - lines / 2, names)
        axes.set_ylim(ends[-1], 0)
    return figure, grid, ends - lines / 2


def _panels(count: int, across: int, height: float, narrow: bool, **shared: Any) -> tuple[Any, list[Any]]:
    """A figure of `count` panels, `across` of them side by side, each `height` inches high."""
    from matplotlib.figure import Figure  # not pyplot: it would keep every figure and pick a window toolkit

    down = math.ceil(count / across)
    across = math.ceil(count / down)  # rows of about the same length
    figure = Figure(figsize=(3.75 if narrow else 10.0, 0.5 + height * down), layout="constrained")
    grid = list(figure.subplots(down, across, squeeze=False, **shared).ravel())
    for axes in grid[count:]:
        axes.remove()
    for axes in grid[max(0, count - across) : count]:  # with an incomplete last row, the lowest of each column
        axes.tick_params(labelbottom=True)
    return figure, grid[:count]
