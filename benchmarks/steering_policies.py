"""The picture of belief against precision: what was learned beside the exact policy. See `steering.py policies`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import matplotlib.pyplot as plt
import numpy as np
from budgetgym import make_agent
from budgetgym.envs.core.batch import Batch, episode_keys
from budgetgym.envs.steering.problem import SocialSteering
from matplotlib.axes import Axes

SITUATIONS: dict[Literal["altruistic", "biased"], tuple[tuple[int, float], ...]] = {
    "altruistic": ((0, 0.6), (1, 0.4), (2, 0.2)),
    "biased": ((0, 0.6), (1, 0.5), (5, 0.1)),
}
"""Periods, and effort left, that the exact policy comes through."""

COLOURS = {"ppo": "#3f90da", "sac": "#bd1f01"}
EPISODES = 20_000


def rows_at(problem: SocialSteering, beliefs: np.ndarray, period: int, left: float) -> np.ndarray:
    """Observations (n, 8) that differ in the belief."""
    budget = float(problem.budget.arrays(problem.resources)[0][0])
    rows = np.zeros((len(beliefs), 8))
    at = problem.reading
    rows[:, at.belief] = beliefs
    rows[:, at.belief + 1] = np.tanh(np.log(beliefs / (1 - beliefs)) / 4)
    rows[:, at.budget] = budget / (budget + at.scale)
    rows[:, at.budget + 1], rows[:, at.budget + 2] = left / budget, 1 - period / at.horizon
    return rows


def precisions(agent: Any, problem: SocialSteering, rows: np.ndarray) -> np.ndarray:
    """What it asks for, rounded to what is on offer (n,)."""
    asked = 0.5 + (agent.predict(rows)[0][:, 0] + 1) / 2 * (problem.params.q_max - 0.5)
    levels = problem.params.levels
    return levels[np.abs(asked[:, None] - levels).argmin(axis=1)]


def visited(problem: SocialSteering, period: int, left: float) -> tuple[np.ndarray, np.ndarray]:
    """Beliefs that the exact policy meets there, and how often."""
    agent, batch = make_agent("optimal", problem), Batch(problem, EPISODES)
    batch.seed(episode_keys(1, EPISODES))
    batch.reset()
    observation = batch.observe()
    for _ in range(period):
        observation = batch.step(batch.read_actions(agent.predict(observation)[0])).observation
    here = np.abs(batch.state.remaining[:, 0] - left) < 1e-6
    beliefs, counts = np.unique(np.round(batch.state.belief[here, 0], 6), return_counts=True)
    return beliefs, counts / EPISODES


def panel(axes: Axes, problem: SocialSteering, learned: dict[str, list[Any]], period: int, left: float) -> None:
    """One situation: the exact policy as a line, the learned ones beside it, and where episodes are."""
    beliefs = np.linspace(0.02, 0.98, 961)
    rows = rows_at(problem, beliefs, period, left)
    axes.step(
        beliefs, precisions(make_agent("optimal", problem), problem, rows), where="mid", color="0.15", lw=3, label="exact"
    )
    for k, (name, agents) in enumerate(learned.items()):
        for n, agent in enumerate(agents):
            shown = precisions(agent, problem, rows) + 0.006 * (1 - 2 * k)  # beside the line, not on it
            label = f"{name.upper()}, {len(agents)} seeds" if n == 0 else None
            axes.step(beliefs, shown, where="mid", color=COLOURS[name], lw=1, alpha=0.45, label=label)
    met, share = visited(problem, period, left)
    for b, s in zip(met, share, strict=True):
        axes.plot([b, b], [0.435, 0.435 + 0.05 * np.sqrt(s)], color="0.45", lw=3, solid_capstyle="butt")
    axes.set(xlim=(0, 1), ylim=(0.43, 0.95), title=f"period {period + 1}, effort left {left:g}")
    axes.spines[["top", "right"]].set_visible(False)


def draw(models: Path, path: Path) -> None:
    """All objectives and situations into one file."""
    figure, grid = plt.subplots(2, 3, figsize=(11, 6.2), sharex=True, sharey=True, layout="constrained")
    for line, (objective, situations) in zip(grid, SITUATIONS.items(), strict=True):
        problem = SocialSteering(objective=objective)
        files = {name: sorted(models.glob(f"{name}-{objective}-*.zip")) for name in COLOURS}
        learned = {name: [make_agent(name, problem, path=file) for file in found] for name, found in files.items()}
        for axes, (period, left) in zip(line, situations, strict=True):
            panel(axes, problem, learned, period, left)
        line[0].set_ylabel(f"{objective} planner\nprecision q")
    for axes in grid[1]:
        axes.set_xlabel("public belief that the state is good")
    grid[0, 0].legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0.0, 0.12))
    figure.suptitle("Exact and learned policies; grey bars: beliefs that the exact policy meets there", fontsize=11)
    figure.savefig(path, dpi=110)
    print(f"written: {path}")
