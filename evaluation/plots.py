"""The plots of a report. Each function draws one matplotlib figure from a summary; `svg.STYLE` sets the look."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .columns import readable
from .palette import Look
from .summary import Frame
from .svg import GRID, INK, MUTED, PAPER

WIDTH = 10.0  # inches; the page scales it
PER_ROW = 4  # panels side by side


def performance(summary: Frame, references: Frame, score: str, looks: dict[str, Look]) -> Any:
    """Mean score against budget, or a dot per agent where there is only one budget.

    Args:
        summary: What `summarise` returned.
        references: One row per budget in order: `budget`, `budget_value`, `optimum` and `bound` per episode, NaN where
            unknown.
        score: Column of the summary to plot.
        looks: The look of each agent.
    """
    if len(references) == 1:
        return _performance_dots(summary, references, score, looks)
    figure = _figure(4.6)
    axes = figure.add_subplot()
    for agent, look in looks.items():
        rows = summary[summary["agent"] == agent]
        x = rows["budget_value"]
        axes.fill_between(x, rows[f"{score}_low"], rows[f"{score}_high"], color=look.colour, alpha=0.18, linewidth=0)
        axes.plot(x, rows[score], color=look.colour, marker=look.marker, markersize=5.5, linewidth=1.6)
    axes.plot(references["budget_value"], references["optimum"], color=INK, linestyle="--", linewidth=1.2)
    axes.plot(references["budget_value"], references["bound"], color=INK, linestyle=":", linewidth=1.5)
    if (references["budget_value"] > 0).all():
        axes.set_xscale("log", base=2)
    axes.set_xticks(references["budget_value"], references["budget"])
    axes.minorticks_off()
    if len(references) > 8:
        axes.tick_params(axis="x", labelrotation=45)
    axes.set_xlabel("budget")
    axes.set_ylabel(f"{readable(score)} per episode")
    return figure


def shares(summary: Frame, looks: dict[str, Look]) -> Any:
    """Share of the bound (filled) and of the optimum (hollow) with intervals; one panel per budget."""

    def draw(axes: Any, budget: str) -> None:
        rows = summary[summary["budget"] == budget].set_index("agent")
        both = rows["share_of_optimum"].notna().any() and rows["share_of_bound"].notna().any()
        for k, (agent, look) in enumerate(looks.items()):
            if agent in rows.index:
                _dot(axes, rows.loc[agent], "share_of_bound", k - 0.14 * both, look, scale=100)
                _dot(axes, rows.loc[agent], "share_of_optimum", k + 0.14 * both, look, scale=100, hollow=True)
        _upright(axes, 100.0, linewidth=1.0)

    figure, panels = _panels(list(summary["budget"].unique()), 0.9 + 0.3 * len(looks), draw)
    _name_rows(panels, looks)
    figure.supxlabel("share, %", fontsize=9)
    return figure


def spending(curves: Frame, budgets: Sequence[str], looks: dict[str, Look]) -> Any:
    """Mean share of the budget spent against time, one panel per budget; the diagonal is even spending.

    Args:
        curves: One row per agent, budget, episode and `time` (share of the episode) with `spent_share`.
        budgets: The budgets in order.
        looks: The look of each agent.
    """
    means: Frame = curves.groupby(["budget", "agent", "time"], sort=True)["spent_share"].mean()

    def draw(axes: Any, budget: str) -> None:
        axes.plot([0, 100], [0, 100], color=MUTED, linestyle="--", linewidth=1.0)
        for agent, look in looks.items():
            if (budget, agent) in means.index:
                line = means.loc[(budget, agent)]
                time = 100 * line.index.to_numpy(dtype=float)
                marks = (len(time) // 5, max(1, len(time) // 4))
                axes.plot(
                    time,
                    100 * line,
                    color=look.colour,
                    marker=look.marker,
                    markersize=4,
                    markevery=marks,
                    linewidth=1.4,
                )
        axes.set_xlim(0, 100)
        axes.set_ylim(0, 103)
        axes.set_xticks([0, 50, 100])

    figure, _ = _panels(list(budgets), 2.6 if len(budgets) > 1 else 3.6, draw)
    figure.supxlabel("share of the episode that has passed, %", fontsize=9)
    figure.supylabel("share of the budget spent, %", fontsize=9)
    return figure


def latency(summary: Frame, looks: dict[str, Look]) -> Any:
    """Median time of one decision on a logarithmic axis, one dot per budget."""
    figure = _figure(0.8 + 0.28 * len(looks))
    axes = figure.add_subplot()
    for k, (agent, look) in enumerate(looks.items()):
        values = summary.loc[summary["agent"] == agent, "latency_us"]
        values = values[values > 0]
        axes.plot(values, np.full(len(values), k), color=look.colour, marker=look.marker, markersize=6, linewidth=1.2)
    axes.set_xscale("log")
    _name_rows([axes], looks)
    low, high = axes.get_xlim()
    ticks = [10.0**k for k in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    axes.set_xticks(ticks, [_power_of_ten(t) for t in ticks])
    axes.minorticks_off()
    axes.set_xlim(ticks[0], ticks[-1])
    axes.set_xlabel("median time of one decision")
    return figure


def _performance_dots(summary: Frame, references: Frame, score: str, looks: dict[str, Look]) -> Any:
    figure = _figure(0.9 + 0.3 * len(looks))
    axes = figure.add_subplot()
    rows = summary.set_index("agent")
    for k, (agent, look) in enumerate(looks.items()):
        _dot(axes, rows.loc[agent], score, k, look)
    for name, style in (("optimum", "--"), ("bound", ":")):
        _upright(axes, references[name].iloc[0], linestyle=style, linewidth=1.3)
    _name_rows([axes], looks)
    axes.set_xlabel(f"{readable(score)} per episode, budget {references['budget'].iloc[0]}")
    return figure


def _dot(axes: Any, row: Any, name: str, y: float, look: Look, *, scale: float = 1.0, hollow: bool = False) -> None:
    """A point estimate with its interval; draws nothing for NaN."""
    value, low, high = (scale * row[name + end] for end in ("", "_low", "_high"))
    axes.plot([low, high], [y, y], color=look.colour, linewidth=2.0, solid_capstyle="butt")
    face = PAPER if hollow else look.colour
    axes.plot([value], [y], marker=look.marker, markersize=6, color=look.colour, markerfacecolor=face, linestyle="none")


def _upright(axes: Any, x: float, **style: Any) -> None:
    """A vertical reference line that keeps the usual margin to the edge of the plot; nothing for NaN."""
    if math.isfinite(x):
        axes.axvline(x, color=INK, **style)
        axes.update_datalim([(x, 0.0)])
        axes.autoscale_view(scaley=False)


def _name_rows(panels: Sequence[Any], looks: dict[str, Look]) -> None:
    """Agents from top to bottom in their order; a thin line leads from each name to its dots."""
    for axes in panels:
        axes.set_yticks(range(len(looks)), list(looks))
        axes.set_ylim(len(looks) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="y", color=GRID)


def _panels(budgets: Sequence[str], height: float, draw: Callable[[Any, str], None]) -> tuple[Any, list[Any]]:
    """One panel per budget on common axes, `PER_ROW` side by side."""
    across = min(PER_ROW, len(budgets))
    down = math.ceil(len(budgets) / across)
    figure = _figure(0.5 + height * down)
    figure.get_layout_engine().set(wspace=0.06)  # keeps the last tick of a panel apart from the first of the next
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, budget in zip(grid, budgets, strict=False):
        draw(axes, budget)
        axes.set_title(f"budget {budget}", loc="left")
    for axes in grid[len(budgets) :]:
        axes.set_visible(False)
    for axes in grid[: len(budgets)][-across:]:  # with an incomplete last row, the lowest of each column
        axes.tick_params(labelbottom=True)
    return figure, list(grid[: len(budgets)])


def _figure(height: float) -> Any:
    from matplotlib.figure import Figure  # not pyplot: it would keep every figure and pick a window toolkit

    return Figure(figsize=(WIDTH, height), layout="constrained")


def _power_of_ten(microseconds: float) -> str:
    for unit, size in (("s", 1e6), ("ms", 1e3), ("µs", 1.0)):
        if microseconds >= 0.999 * size:
            return f"{microseconds / size:g} {unit}"
    return f"{microseconds * 1e3:g} ns"
