"""Does PPO learn to bid? PPO against Lin and the exact optimum on the synthetic 2997 twin, over training seeds.

    python benchmarks/ppo_bidding.py --c0 1/8 --seeds 5          # trains, then writes results/ppo_bidding.csv
    python benchmarks/ppo_bidding.py --ablations                 # what each part of the configuration is worth, one seed

A run is a training seed; all are evaluated on the same episodes. The interval over seeds is Student's.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from fractions import Fraction
from pathlib import Path

import gymnasium as gym
import numpy as np
import pandas as pd
import torch
from budgetgym import evaluate, make_agent
from budgetgym.agents.learning.ppo import Ppo
from budgetgym.envs.core.problem import Problem
from budgetgym.envs.core.resolve import as_problem
from scipy.stats import t as student

EPISODES = 2000
RESULTS = Path(__file__).parent / "results"


def train(c0: float, seed: int, ablation: str = "") -> dict:
    problem = as_problem(gym.make("budgetgym/RealTimeBidding-v0", c0=c0))
    agent = make_agent("ppo", problem, seed=seed)
    assert isinstance(agent, Ppo)
    configuration = agent.configuration
    if ablation == "critic and policy together":
        configuration = dataclasses.replace(configuration, callbacks=list)
    elif ablation == "one budget only":
        training = configuration.training
        configuration = dataclasses.replace(configuration, training=lambda p: at_its_budget(training(p), p))
    elif ablation == "plain features":
        configuration = dataclasses.replace(configuration, features=lambda p: {})
    agent.configuration = configuration
    started = time.perf_counter()
    agent.learn()
    seconds = time.perf_counter() - started
    score = evaluate(agent, problem, EPISODES, seed=1000).summary
    lin = evaluate(make_agent("lin", problem), problem, EPISODES, seed=1000).episodes["theta_value"].mean()
    optimum = evaluate(make_agent("optimal", problem), problem, EPISODES, seed=1000).episodes["theta_value"].mean()
    return {
        "c0": str(Fraction(c0).limit_denominator(1000)),
        "seed": seed,
        "variant": ablation or "as configured",
        "ppo": score["theta_value"],
        "lin": lin,
        "optimal": optimum,
        "ppo_minus_lin": score["theta_value"] - lin,
        "ppo_share_of_optimal": score["theta_value"] / optimum,
        "lin_share_of_optimal": lin / optimum,
        "spent_share": score["spent_share"],
        "training_minutes": seconds / 60,
    }


def at_its_budget(training: Problem, problem: Problem) -> Problem:
    """The training episodes with the problem's own money per auction."""
    money = float(problem.budget.arrays(problem.resources)[0][0])
    return training.replace(budget=money * training.horizon / problem.horizon)


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--c0", type=Fraction, default=Fraction(1, 8))
    arguments.add_argument("--seeds", type=int, default=5)
    arguments.add_argument("--first-seed", type=int, default=0)
    arguments.add_argument("--ablations", action="store_true")
    given = arguments.parse_args()
    torch.set_num_threads(1)  # two runs side by side use two cores better than one run with two threads
    variants = ["critic and policy together", "one budget only", "plain features"] if given.ablations else [""]
    name = "ppo_bidding_ablations" if given.ablations else "ppo_bidding"
    path = RESULTS / f"{name}.csv"
    for seed in range(given.first_seed, given.first_seed + (1 if given.ablations else given.seeds)):
        for variant in variants:
            row = train(float(given.c0), seed, variant)
            print(row, flush=True)
            known = pd.read_csv(path) if path.exists() else pd.DataFrame()
            pd.concat([known, pd.DataFrame([row])]).round(5).to_csv(path, index=False)
    table = pd.read_csv(path)
    for (c0, variant), rows in (
        (tuple(map(str, key)), rows) for key, rows in table.groupby(["c0", "variant"]) if isinstance(key, tuple)
    ):
        gain = rows["ppo_minus_lin"].to_numpy()
        half = student.ppf(0.975, len(gain) - 1) * gain.std(ddof=1) / len(gain) ** 0.5 if len(gain) > 1 else np.nan
        share = rows["ppo_share_of_optimal"].mean()
        print(
            f"{c0} {variant}: PPO - Lin = {gain.mean():.4f} +- {half:.4f} over {len(gain)} seeds; {share:.1%} of the optimum"
        )


if __name__ == "__main__":
    main()
