"""Is one policy for all budgets as good as one for each? What is it worth to see the budget?

    python benchmarks/budget_conditioned.py study     # writes results/budget_conditioned.csv; run again to continue
    python benchmarks/budget_conditioned.py table     # prints the table of docs/budget_conditioned.md
    python benchmarks/budget_conditioned.py plot      # writes docs/budget_conditioned.png

PPO learns each family four ways: one policy with budgets drawn from the whole range, on a log scale, or one policy at each
budget; and each of these with observations that show budget and time, or without (`budget_aware=False`). All trainings have
the same number of decisions, so that the one policy learns from a third of what the three of them have together. A run is a
training seed; all play the same episodes.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from budgetgym import evaluate, make_agent
from budgetgym.agents.learning.learner import Learner
from budgetgym.envs.bidding.problem import RealTimeBidding
from budgetgym.envs.core.budget import Budget
from budgetgym.envs.core.problem import Problem
from budgetgym.envs.routing.agentic.problem import AgenticRouting
from budgetgym.envs.steering.problem import SocialSteering
from scipy.stats import t as student
from tqdm import tqdm

RESULTS = Path(__file__).parent / "results" / "budget_conditioned.csv"
PLOT = Path(__file__).parents[1] / "docs" / "budget_conditioned.png"
SEEDS = 3
EPISODES = 20_000
KINDS = ("one policy", "one per budget", "one policy, blind", "one per budget, blind")
COLOURS = {"one policy": "#3f90da", "one per budget": "#3a3a3a"}


class Family(NamedTuple):
    """What is learned, at which budgets, and how long."""

    problem: Problem
    budgets: tuple[float, ...]
    labels: tuple[str, ...]
    timesteps: int
    settings: dict[str, Any]


def families() -> dict[str, Family]:
    shares = (1 / 32, 1 / 8, 1 / 2)
    auctions = [RealTimeBidding(T=100, c0=share, control="pacing") for share in shares]
    money = tuple(float(problem.budget.arrays(problem.resources)[0][0]) for problem in auctions)
    return {
        "bidding": Family(
            RealTimeBidding(T=100, control="pacing"),
            money,
            ("c0 = 1/32", "1/8", "1/2"),
            600_000,
            {"lanes": 64, "n_steps": 100, "batch_size": 1600},
        ),
        "routing": Family(
            AgenticRouting(),
            (3.0, 8.0, 15.0),
            ("3 large calls", "8", "15"),
            600_000,
            {"lanes": 128, "n_steps": 64, "batch_size": 2048},
        ),
        "steering": Family(
            SocialSteering(objective="biased"),
            (0.3, 0.6, 1.2),
            ("effort 0.3", "0.6", "1.2"),
            2_000_000,
            {},
        ),
    }


def at(problem: Problem, budget: Any, aware: bool) -> Problem:
    return problem.replace(budget=budget, budget_aware=aware)


def learned(family: Family, budget: Any, aware: bool, seed: int) -> tuple[Any, float]:
    """A policy that learned with this budget or range of budgets, and its training time in seconds."""
    agent = make_agent("ppo", at(family.problem, budget, aware), seed=seed, **family.settings)
    assert isinstance(agent, Learner)
    own = agent.configuration.training  # without the budgets around its own, which are the very thing in question
    agent.configuration = dataclasses.replace(agent.configuration, training=lambda p: own(p).replace(budget=budget))
    started = time.perf_counter()
    agent.learn(family.timesteps)
    return agent, time.perf_counter() - started


def rows_of(name: str, family: Family, kind: str, seed: int) -> list[dict[str, Any]]:
    aware = "blind" not in kind
    everywhere = Budget({family.problem.resources[0]: (min(family.budgets), max(family.budgets))}, log=True)
    one = learned(family, everywhere, aware, seed) if kind.startswith("one policy") else None
    rows = []
    for budget, label in zip(family.budgets, family.labels, strict=True):
        agent, seconds = one or learned(family, budget, aware, seed)
        problem = at(family.problem, budget, aware)
        agent.problem = problem  # the same spaces at any budget
        found = evaluate(agent, problem, EPISODES, seed=1000).summary
        share = {key: found[f"share_of_optimum{key}"] for key in ("", "_low", "_high")}
        rows.append(
            {
                "family": name,
                "kind": kind,
                "budget": label,
                "seed": seed,
                "share": share[""],
                "low": share["_low"],
                "high": share["_high"],
                "spent_share": found["spent_share"],
                "training_seconds": seconds,
            }
        )
    return rows


def study() -> None:
    torch.set_num_threads(1)
    known = pd.read_csv(RESULTS) if RESULTS.exists() else pd.DataFrame(columns=["family", "kind", "seed"])
    done = set(zip(known["family"], known["kind"], known["seed"], strict=True))
    made = families()
    parts = list(itertools.product(range(SEEDS), made, KINDS))
    for seed, name, kind in tqdm(parts):
        if (name, kind, seed) in done:
            continue
        rows = pd.DataFrame(rows_of(name, made[name], kind, seed)).round(5)
        known = rows if known.empty else pd.concat([known, rows], ignore_index=True)
        known.to_csv(RESULTS, index=False)


def interval(values: Any) -> tuple[float, float]:
    """Mean over seeds and half the width of Student's 95 % interval."""
    n = len(values)
    return float(values.mean()), float(student.ppf(0.975, n - 1) * values.std(ddof=1) / n**0.5) if n > 1 else np.nan


def table() -> None:
    found: Any = pd.read_csv(RESULTS)
    print("| | budget | " + " | ".join(KINDS) + " | one policy minus one per budget |")
    print("|---|---|" + "---|" * (len(KINDS) + 1))
    for (family, budget), part in found.groupby(["family", "budget"], sort=False):
        cells = []
        for kind in KINDS:
            mean, half = interval(part[part["kind"] == kind]["share"])
            cells.append(f"{100 * mean:.1f} ± {100 * half:.1f}")
        shares = part.pivot(index="seed", columns="kind", values="share").dropna()
        mean, half = interval(shares["one policy"] - shares["one per budget"])
        print(f"| {family} | {budget} | " + " | ".join(cells) + f" | {100 * mean:+.1f} ± {100 * half:.1f} |")
    seconds = found.groupby("family", sort=False)["training_seconds"].mean()
    print("\nSeconds per training: " + ", ".join(f"{family} {value:.0f}" for family, value in seconds.items()))


def plot() -> None:
    import matplotlib.pyplot as plt

    found: Any = pd.read_csv(RESULTS)
    figure, grid = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
    for axes, (family, part) in zip(grid, found.groupby("family", sort=False), strict=True):
        budgets = list(part["budget"].unique())
        for offset, kind in zip(np.linspace(-0.12, 0.12, len(KINDS)), KINDS, strict=True):
            blind, colour = kind.endswith("blind"), COLOURS[kind.removesuffix(", blind")]
            shares = part[part["kind"] == kind].pivot(index="seed", columns="budget", values="share")[budgets] * 100
            places = np.arange(len(budgets)) + offset
            axes.plot(places, shares.mean(), color=colour, linestyle=":" if blind else "-", label=kind)
            for _, seed in shares.iterrows():
                axes.plot(places, seed, "o", color=colour, markerfacecolor="white" if blind else colour, markersize=4)
        axes.set_xticks(range(len(budgets)), budgets)
        axes.set(title=str(family), xlabel="budget")
        axes.spines[["top", "right"]].set_visible(False)
    grid[0].set_ylabel("% of the exact optimum")
    grid[0].legend(frameon=False, fontsize=8)
    figure.suptitle("Lines are means over training seeds, dots the seeds", fontsize=9)
    figure.savefig(PLOT, dpi=110)
    print(f"written: {PLOT}")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("what", choices=["study", "table", "plot"])
    {"study": study, "table": table, "plot": plot}[arguments.parse_args().what]()


if __name__ == "__main__":
    main()
