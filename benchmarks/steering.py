"""Studies of social-learning steering; each writes a small table into results/.

python benchmarks/steering.py learners           # PPO and SAC in the defaults, 5 seeds each (25 min on 2 cores)
python benchmarks/steering.py policies           # draws what they learned beside the exact policy (after `learners`)
python benchmarks/steering.py planners           # planners in closed form over budgets and behaviours (3 min)
python benchmarks/steering.py exact              # how long exact solutions take (1 min)
python benchmarks/steering.py longer             # PPO and SAC where luring detours are longer: T = 20, budget 0.3
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from budgetgym import evaluate, make_agent
from budgetgym.baselines.core.oracle import exact_optimum, null_score
from budgetgym.baselines.steering.exact import exact, value
from budgetgym.envs.steering.problem import SocialSteering
from scipy.stats import t as student

RESULTS = Path(__file__).parent / "results"
MODELS = Path("runs/steering")
EPISODES = 100_000
SEED = 9
OBJECTIVES = ("altruistic", "biased")


def share_of_exact(agent: Any, problem: SocialSteering, episodes: int = EPISODES) -> tuple[float, float]:
    """(V - V_none) / (V_exact - V_none) and its 95 % half width over episodes.

    The exact policy plays the same episodes; as its value is known, the difference to it says more than the return.
    """
    optimum, null = exact_optimum(problem), null_score(problem)
    mine = evaluate(agent, problem, episodes, seed=SEED).episodes["return"].to_numpy()
    best = evaluate(make_agent("optimal", problem), problem, episodes, seed=SEED).episodes["return"].to_numpy()
    shares = 1.0 + (mine - best) / (optimum - null)
    return float(shares.mean()), float(1.96 * shares.std() / np.sqrt(episodes))


def train(job: tuple[str, Any, int]) -> dict[str, Any]:
    """Train one learner for one objective, and measure it."""
    name, objective, seed = job
    torch.set_num_threads(1)
    problem = SocialSteering(objective=objective)
    started = time.perf_counter()
    agent: Any = make_agent(name, problem, seed=seed)
    agent.learn()
    seconds = time.perf_counter() - started
    MODELS.mkdir(parents=True, exist_ok=True)
    agent.save(MODELS / f"{name}-{objective}-{seed}.zip")
    share, half = share_of_exact(agent, problem)
    print(f"{name:4} {objective} seed {seed}: {share:.4f} +- {half:.4f}, {seconds:.0f} s", flush=True)
    return {
        "agent": name,
        "objective": objective,
        "seed": seed,
        "decisions": agent.configuration.timesteps,
        "seconds": round(seconds),
        "share": round(share, 4),
        "half_width": round(half, 4),
    }


def learners(objectives: Sequence[str], seeds: int) -> None:
    """Both learners, `seeds` seeds; two at a time. Rows of other objectives in the file stay."""
    jobs = [(name, objective, seed) for objective in objectives for name in ("sac", "ppo") for seed in range(seeds)]
    os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(2) as pool:
        rows = pd.DataFrame(pool.map(train, jobs))
    path = RESULTS / "steering_learners.csv"
    if path.exists():
        before = pd.read_csv(path)
        rows = pd.concat([before[~before["objective"].isin(objectives)], rows])
    rows.to_csv(path, index=False)
    for name, objective in sorted(set(zip(rows["agent"], rows["objective"], strict=True))):
        shares = rows.loc[(rows["agent"] == name) & (rows["objective"] == objective), "share"]
        half = student.ppf(0.975, len(shares) - 1) * shares.std() / np.sqrt(len(shares)) if len(shares) > 1 else np.nan
        print(f"{name} {objective}: {shares.mean():.4f} +- {half:.4f}, least {shares.min():.4f}")


def planners() -> None:
    """Shares of the exact optimum of the planners in closed form."""
    rows = []
    names = ("random", "once", "myopic", "even_spend", "threshold", "lagrangian")
    for objective in OBJECTIVES:
        for agents in ("bayes", "llm_like"):
            for budget in (0.3, 0.6, 1.2):
                problem = SocialSteering(objective=objective, agents=agents, budget=budget)
                row: dict[str, Any] = {"objective": objective, "agents": agents, "budget": budget}
                row |= {"null": round(null_score(problem), 4), "exact": round(exact_optimum(problem), 4)}
                for name in names:
                    row[name] = round(share_of_exact(make_agent(name, problem), problem, 20_000)[0], 3)
                rows.append(row)
                print(row, flush=True)
                pd.DataFrame(rows).to_csv(RESULTS / "steering_planners.csv", index=False)


def solutions() -> None:
    """Seconds of exact solutions at T = 50, 11 precisions, 100 units of budget, by objective and tolerance."""
    rows = []
    for objective in OBJECTIVES:
        exact(SocialSteering(objective=objective), 0.4)  # compiles
        for tolerance in (1e-3, 1e-4, 1e-5):
            problem = SocialSteering(objective=objective, T=50, levels=11, k=25.0)
            started = time.perf_counter()
            solved = exact(problem, 100.0, tolerance)
            seconds = time.perf_counter() - started
            row = {"objective": objective, "tolerance": tolerance, "seconds": round(seconds, 2)}
            row |= {"value": round(value(solved, problem), 7), "pieces": len(solved.ahead.x)}
            rows.append(row)
            print(row, flush=True)
    pd.DataFrame(rows).to_csv(RESULTS / "steering_exact.csv", index=False)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("study", choices=["learners", "policies", "planners", "exact"])
    arguments.add_argument("--seeds", type=int, default=5)
    arguments.add_argument("--objectives", default=",".join(OBJECTIVES))
    chosen = arguments.parse_args()
    if chosen.study == "learners":
        learners(chosen.objectives.split(","), chosen.seeds)
    elif chosen.study == "planners":
        planners()
    elif chosen.study == "exact":
        solutions()
    else:
        from steering_policies import draw

        draw(MODELS, Path("docs/steering_policies.png"))


if __name__ == "__main__":
    main()
