"""The performance profiles of the leaderboard as a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ..envs.core.files import write_whole
from .leaderboard_table import profiles
from .plots import STYLE


def plot_profiles(table: pd.DataFrame, compared: dict[str, dict[str, str]], path: Path) -> Path | None:
    """Draw the share of runs above every share of the optimum, one line for each group, with its interval.

    Returns:
        The path; None if matplotlib is not installed.
    """
    try:
        import matplotlib.style
        from matplotlib.figure import Figure
    except ImportError:
        return None
    thresholds = np.linspace(0.0, 1.05, 421)
    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=(7.5, 4.2), layout="constrained")
        axes = figure.add_subplot()
        found = profiles(table, compared, thresholds)
        # The first line is the widest, so that lines on top of one another are all seen.
        for k, (name, line) in enumerate(found.items()):
            value, low, high = (100 * ends for ends in line)
            colour, marker = f"C{k}", "os^D"[k % 4]
            axes.fill_between(100 * thresholds, low, high, color=colour, alpha=0.15, linewidth=0, step="post")
            axes.step(
                100 * thresholds,
                value,
                color=colour,
                marker=marker,
                markevery=(11 * k, 60),
                linewidth=0.7 * (1 + len(found) - k),
                label=name,
                where="post",
            )
        axes.axvline(100.0, color="0.4", linestyle="--", linewidth=1.0)
        axes.set_xlim(0, 105)
        axes.set_ylim(0, 103)
        axes.set_xlabel("share of the optimum, %")
        axes.set_ylabel("runs that reach more, %")
        figure.legend(loc="outside upper center", ncols=len(found), frameon=False)
        write_whole(path, lambda file: figure.savefig(file, dpi=150, format="png"))
    return path
