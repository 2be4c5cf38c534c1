"""A made-up comparison that looks like real-time bidding, for the tests and for looking at the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from budgetgym.envs.core.metrics import Metric

SKILL = {
    "Lin": (0.86, 0.99, 0.9, "observation"),
    "RLB": (0.955, 0.995, 6.2, "model"),
    "SS-MDP": (0.35, 0.99, 4.1, "model"),
    "Mcpc": (0.42, 1.0, 0.7, "observation"),
    "PPO": (0.93, 0.96, 210.0, "observation"),
    "DMD pacing": (0.90, 0.88, 1.3, "observation"),
    "Monte-Carlo planner": (0.948, 0.99, 18_500.0, "model"),
    "hindsight": (0.999, 0.93, 85.0, "clairvoyant"),
}
METRICS = (Metric("clicks", "clicks", "total"), Metric("wins", "win rate", "per step"))


class Comparison(NamedTuple):
    episodes: pd.DataFrame
    cells: pd.DataFrame
    curves: pd.DataFrame
    score: str
    metrics: Sequence[Metric]


def make_comparison(budgets: int = 4, agents: int = 8, episodes: int = 200, known: bool = True) -> Comparison:
    """`known`: whether bound and optimum are."""
    rng = np.random.default_rng(7)
    rows, cells, curves = [], [], []
    for c0 in 2.0 ** np.arange(-5, -5 + budgets):
        budget = f"c0={Fraction(c0)}"
        initial = 1969.0 * 32 * c0
        bound = 6.5 * c0**0.35 * rng.gamma(60, 1 / 60, episodes)
        for name, (skill, spend, latency, information) in list(SKILL.items())[:agents]:
            value = bound * np.clip(skill + 0.6 * (1 - skill) * (c0 - 0.03) + rng.normal(0, 0.03, episodes), 0, 1)
            spent = initial * np.clip(spend + rng.normal(0, 0.02, episodes), 0, 1)
            columns = {
                "agent": name,
                "budget": budget,
                "budget_value": c0,
                "initial": initial,
                "episode": np.arange(episodes),
                "return": rng.poisson(value).astype(float),
                "bound": bound if known else np.nan,
                "spent": spent,
                "length": 1000,
                "blocked": rng.poisson(2.0, episodes) * (name == "PPO"),
                "overspent": False,
                "clicks": rng.poisson(value),
                "wins": rng.binomial(1000, min(1.0, 0.5 * skill * c0**0.5), episodes),
                "theta_value": value,
            }
            rows.append(pd.DataFrame(columns))
            optimum = 0.957 * bound.mean() if known else np.nan
            cells.append((name, budget, c0, optimum, 0.0, latency * (1 + c0), information, 1.5))
            time = np.linspace(0, 1, 21)
            for episode in range(min(episodes, 40)):
                pace = (1 - np.exp(-time * (6 if skill < 0.5 else 0.6))) / (1 - np.exp(-6 if skill < 0.5 else -0.6))
                share = np.minimum(1, pace * spent[episode] / initial)
                curves.append(
                    pd.DataFrame({"agent": name, "budget": budget, "time": time, "episode": episode, "spent_share": share})
                )
    names = ["agent", "budget", "budget_value", "optimum", "null", "latency_us", "information", "seconds"]
    tables = pd.concat(rows, ignore_index=True), pd.DataFrame(cells, columns=names)
    return Comparison(*tables, pd.concat(curves, ignore_index=True), "theta_value", METRICS)


@pytest.fixture(scope="session")
def comparison() -> Callable[..., Comparison]:
    return make_comparison
