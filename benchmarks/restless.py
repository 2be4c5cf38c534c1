"""Restless bandits: what planning arms apart is worth, and how long decisions take. Writes tables to results/.

    python benchmarks/restless.py exact     # shares of the exact optimum, on instances small enough for dynamic programming
    python benchmarks/restless.py bound     # shares of the bound, on published sizes and harder ones
    python benchmarks/restless.py latency   # decision times
    python benchmarks/restless.py search    # on large networks: the local search for a walk against the proved best

Shares are (return - null) / (optimum or bound - null). Instances are drawn anew for every seed; intervals are over instances
(95 %, Student's t), not over episodes.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import budgetgym
import gymnasium as gym
import numpy as np
import pandas as pd
import scipy.stats
from budgetgym.baselines.restless.exact import exact_value
from budgetgym.baselines.restless.relaxation import relax
from budgetgym.baselines.restless.values import null_value
from budgetgym.envs.core.batch import Batch, episode_keys
from budgetgym.envs.restless.reading import read_situation
from budgetgym.evaluation.play import play
from tqdm import tqdm

RESULTS = Path(__file__).parent / "results"
POLICIES = ("random", "sampling", "myopic", "iterative", "constant", "whittle", "lagrangian", "joint")

SMALL: dict[str, tuple[str, dict[str, Any]]] = {
    "capacity": ("Capacity", {"J": 7, "B": 2}),
    "matching": ("Matching", {"J": 7, "B": 2, "K": 3}),
    "paths": ("Paths", {"J": 7, "B": 2, "walk": 3}),
    "interventions": ("Interventions", {"J": 7, "N": 9, "B": 4}),
    "spillover": ("Spillover", {"J": 7, "B": 2}),
    "capacity, 20 pulls in all": ("Capacity", {"J": 6, "B": 2, "budget": 20}),
    "spillover, 20 pulls in all": ("Spillover", {"J": 6, "B": 2, "budget": 20}),
}
"""With total budgets one arm fewer: the pulls left are part of the state."""

LARGE: dict[str, tuple[str, dict[str, Any]]] = {
    **{
        f"{kind.lower()} {J}": (kind, {"J": J, "B": B})
        for kind in ("Capacity", "Matching", "Paths")
        for J, B in ((20, 5), (40, 10))
    },
    "interventions 20, N 10, B 5": ("Interventions", {"J": 20, "N": 10, "B": 5}),
    "interventions 40, N 20, B 10": ("Interventions", {"J": 40, "N": 20, "B": 10}),
    "interventions 20, N 30, B 8": ("Interventions", {"J": 20, "N": 30, "B": 8}),
    "interventions 40, N 50, B 12": ("Interventions", {"J": 40, "N": 50, "B": 12}),
    "spillover 20": ("Spillover", {"J": 20, "B": 5}),
    "spillover 40": ("Spillover", {"J": 40, "B": 10}),
}

TIMED: dict[str, dict[int, dict[str, int]]] = {
    kind: {
        J: {"J": J, "B": B, **({"N": N} if kind == "Interventions" else {})}
        for J, B, N in ((20, 5, 10), (40, 10, 20), (100, 20, 50))
    }
    for kind in ("Capacity", "Matching", "Paths", "Interventions", "Spillover")
}


def make(kind: str, settings: dict[str, Any]) -> Any:
    return gym.make(f"budgetgym/Restless{kind}-v0", **settings).unwrapped.problem  # type: ignore[attr-defined]


def shares(instances: dict[str, tuple[str, dict[str, Any]]], seeds: int, episodes: int, ceiling: Any, path: Path) -> None:
    """Play all policies on all instances; one row per instance, seed and policy, and a table of means."""
    rows = []
    work = [(name, kind, settings, seed) for name, (kind, settings) in instances.items() for seed in range(seeds)]
    for name, kind, settings, seed in tqdm(work):
        problem = make(kind, {**settings, "instance_seed": seed})
        budget = float(problem.budget.arrays(problem.resources)[0][0])
        null, best, bound = null_value(problem), ceiling(problem, budget), relax(problem, budget).bound
        for policy in POLICIES:
            if policy == "whittle" and kind == "Interventions":
                continue  # an intervention is no arm: it has no index
            returns = play(budgetgym.make_agent(policy, problem), problem, range(episodes), seed).episodes["return"]
            row = {"instance": name, "seed": seed, "policy": policy, "return": returns.mean(), "null": null}
            rows.append({**row, "ceiling": best, "bound": bound, "share": (returns.mean() - null) / (best - null)})
        pd.DataFrame(rows).round(4).to_csv(path, index=False)  # an interruption keeps what there is
    table = pd.DataFrame(rows)
    table["text"] = [share_text(table, row) for row in table.itertuples()]
    print(
        table.pivot_table(index="instance", columns="policy", values="text", aggfunc="first", sort=False)
        .fillna("")
        .to_string()
    )
    if not table["ceiling"].equals(table["bound"]):
        gap = table.groupby("instance", sort=False).apply(
            lambda g: ((g["bound"] - g["null"]) / (g["ceiling"] - g["null"])).mean()
        )
        print("\nbound, on the same scale:\n" + gap.round(3).to_string())
    print(f"written: {path}")


def share_text(table: Any, row: Any) -> str:
    """Mean share and half the width of its interval over the instances, in percent."""
    values = table[(table["instance"] == row.instance) & (table["policy"] == row.policy)]["share"].to_numpy(float)
    half = scipy.stats.t.ppf(0.975, len(values) - 1) * scipy.stats.sem(values)
    return f"{100 * values.mean():.1f} +- {100 * half:.1f}"


def latency(path: Path) -> None:
    """Median and largest time of single decisions in states along a random policy's episodes, each policy in turns."""
    rows = []
    for kind, sizes in TIMED.items():
        for J, settings in sizes.items():
            start = time.perf_counter()
            problem = make(kind, settings)
            relax(problem, float(problem.budget_scale[0]))
            ready = time.perf_counter() - start
            observations = states_of_play(problem)
            for name in ("myopic", "iterative", "whittle", "lagrangian", "joint"):
                try:
                    agent = budgetgym.make_agent(name, problem)
                except ValueError:  # no index of interventions
                    continue
                agent.predict(observations[0])
                taken = []
                for observation in observations:
                    start = time.perf_counter()
                    agent.predict(observation)
                    taken.append(1e3 * (time.perf_counter() - start))
                row = {"problem": kind, "J": J, "policy": name, "median_ms": np.median(taken), "max_ms": max(taken)}
                rows.append({**row, "relaxation_s": ready})
                print(f"{kind:<14} J={J:<4} {name:<11} median {np.median(taken):7.2f} ms, max {max(taken):7.2f} ms")
    table = pd.DataFrame(rows).round(3)
    table.to_csv(path, index=False)
    print(table.pivot_table(index=["problem", "J"], columns="policy", values="median_ms", sort=False).round(2).to_string())
    print(f"written: {path}")


def search(path: Path) -> None:
    """What the local search of `RestlessPaths` leaves behind, for the values that the Lagrangian policy asks about."""
    rows = []
    for J, settings in list(TIMED["Paths"].items())[1:]:
        for seed in range(3):
            problem = make("Paths", {**settings, "instance_seed": seed})
            agent = budgetgym.make_agent("lagrangian:relaxation=budget", problem)
            for observation in states_of_play(problem)[:: 40 // 5]:
                levels, _ = agent.level_values(read_situation(problem.reading, observation))  # type: ignore[attr-defined]
                values = levels[:, 1] - levels[:, 0]
                start = time.perf_counter()
                found = problem.feasible.maximise(values)
                between = time.perf_counter()
                best = problem.feasible.prove(values)
                took = {"search_ms": 1e3 * (between - start), "prove_s": time.perf_counter() - between}
                rows.append({"J": J, "seed": seed, **took, "loss": 1.0 - (values @ found) / (values @ best)})
                pd.DataFrame(rows).round(5).to_csv(path, index=False)
    table = pd.DataFrame(rows)[1:]  # the first call compiles
    print(
        table.groupby("J")
        .agg({"search_ms": ["median", "max"], "prove_s": ["median", "max"], "loss": ["mean", "max"]})
        .round(4)
    )
    print(f"written: {path}")


def states_of_play(problem: Any, count: int = 40) -> np.ndarray:
    """(count, d) observations at all times of episodes in which random actions are played."""
    batch, random = Batch(problem, 2), np.random.default_rng(0)
    batch.seed(episode_keys(0, 2))
    batch.reset()
    seen = [batch.observe()]
    for _ in range(problem.horizon - 1):
        seen.append(batch.step(problem.feasible.sample(random, 2)).observation)
    return np.concatenate(seen)[:count]


def main() -> None:
    command = sys.argv[1] if len(sys.argv) == 2 else ""
    if command == "exact":
        shares(SMALL, 10, 1000, exact_value, RESULTS / "restless_exact.csv")
    elif command == "bound":
        shares(LARGE, 5, 30, lambda problem, budget: relax(problem, budget).bound, RESULTS / "restless_bound.csv")
    elif command == "latency":
        latency(RESULTS / "restless_latency.csv")
    elif command == "search":
        search(RESULTS / "restless_search.csv")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
