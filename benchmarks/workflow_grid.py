"""Is MCPP at least as good as every policy of its portfolio, and how far from the exact optimum, over budgets and deadlines?

    python benchmarks/workflow_grid.py                 # a quarter of an hour on one core; writes results/workflow_grid.csv
    python benchmarks/workflow_grid.py --episodes 50   # a quick look

In every cell all agents meet the same episodes. Intervals are 95 %: of a completion probability Wilson's, of MCPP's difference
to another agent the paired normal one. On the small workflows the exact value of every policy stands beside what it did.
Exits with 1 if MCPP is behind a portfolio policy by more than its interval anywhere.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from budgetgym import evaluate, make_agent
from budgetgym.baselines.core.policy import KernelPolicy
from budgetgym.baselines.workflow.optimum import optimal_value, policy_value
from budgetgym.baselines.workflow.policies import PORTFOLIO
from budgetgym.envs.workflow.problem import WorkflowRouting

RESULTS = Path(__file__).parent / "results"
Z = 1.959964

GRID = {  # instance -> dollars, seconds, share of the episodes
    "chain": ((0.006, 0.012, 0.024), (40.0, 60.0, 100.0), 1.0),
    "diamond": ((0.006, 0.012, 0.024), (40.0, 60.0, 100.0), 1.0),
    "codeflow": ((0.01, 0.02, 0.04), (90.0, 120.0, 160.0), 0.1),
}
SMALL = ("chain", "diamond")


def wilson(share: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a probability that was seen as `share` of n."""
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return centre - half, centre + half


def exact(problem: WorkflowRouting, name: str) -> float:
    """The exact completion probability of an agent; NaN for MCPP, whose estimates are random."""
    if name == "optimal":
        return optimal_value(problem, *problem.budget.arrays(problem.resources)[0])
    agent = make_agent(name, problem)
    return policy_value(problem, agent) if isinstance(agent, KernelPolicy) else float("nan")


def cell(instance: str, dollars: float, seconds: float, episodes: int, rollouts: int) -> list[dict]:
    problem = WorkflowRouting(instance=instance, budget=dollars, deadline=seconds)
    small = instance in SMALL
    names = ["mcpp", *PORTFOLIO, *(["optimal"] if small else [])]
    started = time.perf_counter()
    rows, completed = [], {}
    for name in names:
        agent = make_agent(f"{name}:rollouts={rollouts}" if name == "mcpp" else name, problem)
        result = evaluate(agent, problem, episodes, seed=2026)
        completed[name] = result.episodes["completed"].to_numpy(float)
        share = completed[name].mean()
        low, high = wilson(share, episodes)
        difference = completed["mcpp"] - completed[name]
        half = Z * difference.std(ddof=1) / episodes**0.5
        rows.append(
            {
                "instance": instance,
                "dollars": dollars,
                "seconds": seconds,
                "agent": name,
                "episodes": episodes,
                "completed": share,
                "completed_low": low,
                "completed_high": high,
                "exact": exact(problem, name) if small else float("nan"),
                "mcpp_minus": difference.mean(),
                "mcpp_minus_low": difference.mean() - half,
                "mcpp_minus_high": difference.mean() + half,
                "latency_ms": result.summary["latency_us"] / 1e3,
            }
        )
    best = max(PORTFOLIO, key=lambda name: completed[name].mean())
    optimum = f", optimum {rows[-1]['exact']:.3f}" if small else ""
    print(
        f"{instance:<9} ${dollars:<6g} {seconds:>4g} s: MCPP {completed['mcpp'].mean():.3f}, best of the portfolio "
        f"{best} {completed[best].mean():.3f}{optimum} ({time.perf_counter() - started:.0f} s)",
        flush=True,
    )
    return rows


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--episodes", type=int, default=4000)
    arguments.add_argument("--rollouts", type=int, default=2000)
    arguments.add_argument("--instances", nargs="+", choices=GRID, default=list(GRID))
    arguments.add_argument("--out", type=Path, default=RESULTS / "workflow_grid.csv")
    given = arguments.parse_args()
    rows: list[dict] = []
    for instance in given.instances:
        budgets, deadlines, share = GRID[instance]
        for dollars in budgets:
            for seconds in deadlines:
                rows += cell(instance, dollars, seconds, max(2, round(given.episodes * share)), given.rollouts)
                pd.DataFrame(rows).round(5).to_csv(given.out, index=False)
    table = pd.DataFrame(rows)
    others = table.query("agent in @PORTFOLIO")
    behind = others.query("mcpp_minus_high < 0")
    least: pd.Series = others.groupby(["instance", "dollars", "seconds"])["mcpp_minus_low"].min()  # type: ignore[assignment]
    print(f"MCPP is clearly ahead of the whole portfolio in {(least > 0).sum()} of {len(least)} cells")
    optimal = table.query("agent == 'optimal'")
    if len(optimal):
        print(f"MCPP minus optimum on the same episodes, mean over {len(optimal)} cells: {optimal['mcpp_minus'].mean():+.4f}")
    if len(behind):
        columns = ["instance", "dollars", "seconds", "agent", "mcpp_minus", "mcpp_minus_high"]
        print(behind.to_string(columns=columns, index=False))
        sys.exit(1)


if __name__ == "__main__":
    main()
