"""What it costs to cut back infeasible actions: restless bandits stepped with random actions, feasible ones and any.

    python benchmarks/projection.py          # a minute; writes benchmarks/results/projection.csv

A ratio of 1 means that projecting is free. A random action of MultiBinary pulls half of the arms, and most can't be done at
once.
"""

import csv
import time
from pathlib import Path
from typing import Any

import budgetgym  # noqa: F401  registers the ids
import numpy as np
from budgetgym.envs.core.batch import Batch
from budgetgym.envs.core.resolve import as_problem

IDS = [f"Restless{kind}-v0" for kind in ("Capacity", "Matching", "Paths", "Interventions", "Spillover")]
RESULTS = Path(__file__).parent / "results" / "projection.csv"
LANES, STEPS, ROUNDS = 256, 20, 5


def seconds(problem, actions):
    """For a step of a lane, the best of several rounds."""
    batch = Batch(problem, LANES)
    batch.seed(np.arange(LANES, dtype=np.uint64))
    best = np.inf
    for _ in range(ROUNDS):
        batch.reset()
        start = time.perf_counter()
        for rows in actions:
            batch.step(rows)
        best = min(best, time.perf_counter() - start)
    return best / (LANES * len(actions))


def main():
    rows = []
    for id in IDS:
        problem: Any = as_problem(id)
        random = np.random.default_rng(0)
        feasible = [problem.feasible.sample(random, LANES) for _ in range(STEPS)]
        wild = [random.integers(2, size=(LANES, problem.feasible.m)) for _ in range(STEPS)]
        of_feasible, of_wild = seconds(problem, feasible), seconds(problem, wild)
        rows.append({
            "id": id, "feasible_us": f"{1e6 * of_feasible:.2f}", "projected_us": f"{1e6 * of_wild:.2f}",
            "ratio": f"{of_wild / of_feasible:.1f}",
        })  # fmt: skip
        print(rows[-1])
    with RESULTS.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
