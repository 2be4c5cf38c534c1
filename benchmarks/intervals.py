"""How often do the 95 % intervals of `summarise`, `statistics` and the leaderboard cover what they are about?

    python benchmarks/intervals.py               # five minutes on one core; writes results/intervals.csv
    python benchmarks/intervals.py --samples 100 # a quick look

Samples are drawn from laws whose mean and conditional value at risk are known, so that it can be counted how often an interval
contains them. With 1,000 samples a share of .95 has a standard error of .007.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from budgetgym.evaluation.statistics import estimate, mean, mean_of_runs
from budgetgym.evaluation.summary import WORST, summarise

RESULTS = Path(__file__).parent / "results"
MANY = 4_000_000

Draw = Callable[[np.random.Generator, tuple[int, ...]], Any]
LAWS: dict[str, Draw] = {
    "normal": lambda rng, shape: rng.normal(3.0, 1.0, shape),
    "exponential": lambda rng, shape: rng.exponential(1.0, shape),
    "bad tail (3 - lognormal)": lambda rng, shape: 3.0 - rng.lognormal(0.0, 1.0, shape),
    "success with .95": lambda rng, shape: (rng.random(shape) < 0.95).astype(float),
}
EPISODES = (10, 30, 50, 100, 300, 1000)
SEEDS = (3, 5, 10)


def truths(draw: Draw) -> dict[str, float]:
    """Mean and conditional value at risk of a law."""
    values = np.sort(draw(np.random.default_rng(0), (MANY,)))
    return {"return": float(values.mean()), "cvar": float(values[: round(WORST * MANY)].mean())}


def of_episodes(draw: Draw, episodes: int, samples: int) -> dict[str, float]:
    """How often intervals over episodes cover mean and conditional value at risk; NaN where there is none."""
    rng = np.random.default_rng(episodes)
    index = pd.MultiIndex.from_product([range(samples), range(episodes)], names=["budget_value", "episode"])
    frame: Any = index.to_frame(index=False).astype({"budget_value": float})
    frame = frame.assign(agent="a", budget=frame["budget_value"].astype(str), initial=1.0, bound=np.nan, spent=1.0, length=1)
    frame = frame.assign(blocked=0, overspent=False, **{"return": draw(rng, (len(frame),))})
    cells = frame.drop_duplicates("budget")[["agent", "budget", "budget_value"]]
    cells = cells.assign(optimum=np.nan, null=0.0, latency_us=1.0, information="observation")
    summary: Any = summarise(frame, cells, score="return", metrics=[], resamples=1000)
    found = {}
    for name, truth in truths(draw).items():
        low, high = summary[f"{name}_low"], summary[f"{name}_high"]
        inside = (low <= truth + 1e-9) & (truth - 1e-9 <= high)
        found[name] = float(inside[low.notna()].mean()) if low.notna().any() else float("nan")
    return found


def of_seeds(seeds: int, spread: float, samples: int, episodes: int = 200) -> dict[str, float]:
    """How often intervals over training seeds cover the mean share of an agent, which varies with the seed by `spread`.

    Episodes add noise that all seeds share, and half as much of their own. `statistics.estimate` sees shares of seeds alone.
    """
    rng = np.random.default_rng(seeds)
    inside, inside_estimate = [], []
    for k in range(samples):
        shared = rng.normal(0.0, 0.3, episodes)
        scores = 0.9 + rng.normal(0.0, spread, (seeds, 1)) + shared + rng.normal(0.0, 0.15, (seeds, episodes))
        counts = rng.multinomial(episodes, np.full(episodes, 1 / episodes), size=500)
        found = mean_of_runs(scores.mean(axis=1), counts @ scores.T / episodes, episodes)
        inside.append(found.low <= 0.9 <= found.high)
        own = scores.mean(axis=1) - shared.mean()  # many episodes: what is left is the seeds' own
        alone = estimate([own], mean, resamples=500, seed=k)
        inside_estimate.append(alone.low <= 0.9 <= alone.high)
    return {"leaderboard": float(np.mean(inside)), "statistics.estimate": float(np.mean(inside_estimate))}


def main() -> None:
    """Simulate, print and write the table."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--samples", type=int, default=1000)
    samples = parser.parse_args().samples
    rows: list[dict[str, Any]] = []
    for law, draw in LAWS.items():
        for episodes in EPISODES:
            found = of_episodes(draw, episodes, samples)
            names = {"return": "mean", "cvar": "CVaR 10 %"}
            rows += [{"interval of": names[what], "law": law, "number": episodes, "covers": c} for what, c in found.items()]
    for spread in (0.0, 0.02, 0.1):
        for seeds in SEEDS:
            for what, covers in of_seeds(seeds, spread, samples).items():
                law = f"training seeds, spread {spread}"
                rows.append({"interval of": f"mean share, {what}", "law": law, "number": seeds, "covers": covers})
    table = pd.DataFrame(rows).assign(samples=samples)
    wide = table.pivot_table(index=["interval of", "law"], columns="number", values="covers", sort=False)
    print(wide.round(3).to_string(na_rep=""))
    table.round(4).to_csv(RESULTS / "intervals.csv", index=False)


if __name__ == "__main__":
    main()
