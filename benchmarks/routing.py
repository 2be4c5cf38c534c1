"""Agentic routing: routers against the exact optimum over caps, PPO over training seeds, and what seeing the budget is worth.

    python benchmarks/routing.py caps             # all routers, eight instances, caps 5, 10, 15: results/routing_caps.csv
    python benchmarks/routing.py grid             # time and discretisation error of the optimum: results/routing_grid.csv
    python benchmarks/routing.py ppo --seeds 5    # PPO at cap 10 on appworld: results/routing_ppo.csv
    python benchmarks/routing.py blind --seeds 3  # PPO with and without the budget in view: results/routing_blind.csv

All routers meet the same episodes. Success rates that are known exactly are shown in place of samples, and have intervals of
width 0. Intervals over episodes are normal, over training seeds Student's; both 95 %.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from budgetgym import make_agent
from budgetgym.agents.learning.ppo import Ppo
from budgetgym.baselines.routing.agentic.belief_router import Belief
from budgetgym.baselines.routing.agentic.rules import RULES, rule_success
from budgetgym.baselines.routing.agentic.values import optimum_curve
from budgetgym.envs.routing.agentic.instances import TARGETS
from budgetgym.envs.routing.agentic.problem import AgenticRouting
from budgetgym.evaluation.play import play
from scipy.stats import t as student

EPISODES = 20_000
SEED = 1000
RESULTS = Path(__file__).parent / "results"
ROUTERS = (
    "always_small",
    "first_large",
    "random",
    "error_gated",
    "error_gated:errors=2",
    "cascade",
    "criticality_gated",
    "greedy",
    "belief",
)
BLIND_CAPS = (1, 2, 4, 6, 8, 10, 15, 20, 30)


def success_of(agent: Any, problem: AgenticRouting) -> pd.DataFrame:
    """The evaluation episodes of an agent."""
    return play(agent, problem, range(EPISODES), SEED).episodes


def half_width(values: np.ndarray) -> float:
    """Half of the 95 % interval of a mean."""
    return 1.96 * float(values.std()) / len(values) ** 0.5


def over_seeds(gains: np.ndarray) -> str:
    """Mean and Student's 95 % interval over training seeds."""
    if len(gains) < 2:
        return f"{gains.mean():+.4f} (one seed)"
    half = student.ppf(0.975, len(gains) - 1) * gains.std(ddof=1) / len(gains) ** 0.5
    return f"{gains.mean():+.4f} +- {half:.4f} over {len(gains)} seeds"


def write(rows: list[dict[str, Any]], name: str) -> pd.DataFrame:
    """Write a table and say where."""
    table = pd.DataFrame(rows).round(5)
    table.to_csv(RESULTS / f"{name}.csv", index=False)
    print(f"written: {RESULTS / f'{name}.csv'}", flush=True)
    return table


def caps() -> None:
    """Every router on every instance; the success rate of rules is exact, that of the others a mean with its interval."""
    rows = []
    for instance in TARGETS:
        for cap in (5, 10, 15):
            problem = AgenticRouting(instance=instance, budget=cap)
            two_tiers = problem.profile.tiers == 2
            known = float(optimum_curve(problem, cap)[-1]) if two_tiers else np.nan
            informed = float(optimum_curve(problem, cap, "informed")[-1])
            for router in ROUTERS:
                if router == "belief" and not two_tiers:
                    continue
                agent: Any = make_agent(router, problem)
                episodes = success_of(agent, problem)
                success = episodes["success"].to_numpy(float)
                exact = rule_success(problem, agent) if isinstance(agent, RULES) else None
                rows.append(
                    {
                        "instance": instance,
                        "cap": cap,
                        "router": router,
                        "success": success.mean() if exact is None else exact,
                        "half_width": half_width(success) if exact is None else 0.0,
                        "large_calls": episodes["large_calls"].mean(),
                        "dollars": episodes["dollars"].mean(),
                        "best_honest_at_most": known,
                        "informed_optimum": informed,
                    }
                )
        print(pd.DataFrame(rows).query("instance == @instance").to_string(index=False), flush=True)
    write(rows, "routing_caps")


def grid() -> None:
    """The optimum given the difficulty by its grid (appworld, cap 10, cold), and the belief router's simulated success."""
    problem = AgenticRouting(budget=10)
    rows = []
    for points in ((5, 5), (9, 9), (17, 17), (33, 33)):
        with tempfile.TemporaryDirectory() as folder:
            os.environ["BUDGETGYM_CACHE"] = folder
            optimum_curve(problem, 0, "difficulty", points)  # compiled
            started = time.perf_counter()
            value = float(optimum_curve(problem, 10, "difficulty", points)[-1])
            seconds = time.perf_counter() - started
            rows.append({"what": f"given the difficulty, grid {points}", "success": value, "seconds": seconds})
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BUDGETGYM_CACHE"] = folder
        optimum_curve(problem, 0, "informed")
        started = time.perf_counter()
        value = float(optimum_curve(problem, 10, "informed")[-1])
        rows.append({"what": "informed", "success": value, "seconds": time.perf_counter() - started})
        for noise in (0.0, 1.0):
            noisy = problem.replace(difficulty_noise=noise)
            success = play(Belief(noisy), noisy, range(200_000), SEED).episodes["success"].to_numpy(float)
            what = f"belief router simulated, difficulty_noise {noise:g}"
            rows.append({"what": what, "success": success.mean(), "half_width": half_width(success)})
    print(write(rows, "routing_grid").to_string(index=False))


def ppo(seeds: int, first: int) -> None:
    """PPO at cap 10 against the baselines, on common episodes."""
    problem = AgenticRouting(budget=10)
    others = {name: success_of(make_agent(name, problem), problem)["success"].to_numpy(float) for name in ROUTERS}
    # The best of all random routers, not just the one that its own rule would choose.
    for p in (0.3, 0.5, 0.7, 0.9, 1.0):
        others[f"random:p={p}"] = success_of(make_agent(f"random:p={p}", problem), problem)["success"].to_numpy(float)
    best_random = max((name for name in others if name.startswith("random")), key=lambda name: others[name].mean())
    optimum = float(optimum_curve(problem, 10)[-1])
    path = RESULTS / "routing_ppo.csv"
    for seed in range(first, first + seeds):
        agent = make_agent("ppo", problem, seed=seed)
        assert isinstance(agent, Ppo)
        started = time.perf_counter()
        agent.learn()
        minutes = (time.perf_counter() - started) / 60
        episodes = success_of(agent, problem)
        success = episodes["success"].to_numpy(float)
        row = {
            "seed": seed,
            "ppo": success.mean(),
            "half_width": half_width(success),
            "share_of_optimum": success.mean() / optimum,
            "large_calls": episodes["large_calls"].mean(),
            "best_random": best_random,
            **{f"minus_{name}": (success - values).mean() for name, values in others.items() if name in ROUTERS},
            "minus_best_random": (success - others[best_random]).mean(),
            "training_minutes": minutes,
        }
        print(row, flush=True)
        known = pd.read_csv(path) if path.exists() else pd.DataFrame()
        pd.concat([known[known.get("seed", pd.Series(dtype=int)) != seed], pd.DataFrame([row])]).round(5).to_csv(
            path, index=False
        )
    table = pd.read_csv(path)
    print(f"PPO solves {table['ppo'].mean():.4f}, {table['share_of_optimum'].mean():.1%} of the optimum {optimum:.4f}")
    for column in [name for name in table.columns if name.startswith("minus_")]:
        print(f"PPO {column.replace('_', ' ', 1)}: {over_seeds(table[column].to_numpy())}")


def blind(seeds: int, first: int) -> None:
    """PPO that sees its budget, trained over 1 to 20 large calls, and PPO that does not, trained over those or 1 to 6."""
    path = RESULTS / "routing_blind.csv"
    trainings = {"aware": (True, 20.0), "blind": (False, 20.0), "blind, frugal": (False, 6.0)}
    for seed in range(first, first + seeds):
        for name, (aware, highest) in trainings.items():
            known = pd.read_csv(path) if path.exists() else pd.DataFrame({"seed": [], "router": []})
            if (seed, name) in set(zip(known["seed"], known["router"], strict=True)):
                continue  # from an earlier run
            problem = AgenticRouting(budget=(1.0, highest), budget_aware=aware)
            agent = Ppo(problem, seed=seed)
            agent.configuration = _on_own_budgets(agent)
            agent.learn()
            rows = []
            for cap in BLIND_CAPS:
                success = success_of(agent, problem.replace(budget=cap))["success"].to_numpy(float)
                rows.append({"seed": seed, "router": name, "cap": cap, "success": success.mean()})
            print(rows, flush=True)
            pd.concat([known, pd.DataFrame(rows)]).round(5).to_csv(path, index=False)
    table: Any = pd.read_csv(path)
    curve = optimum_curve(AgenticRouting(), max(BLIND_CAPS))
    means = table.pivot_table(index="cap", columns="router", values="success")
    spread = table.pivot_table(index="cap", columns="router", values="success", aggfunc="std")
    print(means.assign(optimum=[curve[cap] for cap in means.index]).round(4).to_string())
    print(f"standard deviation over seeds: at most {float(spread.max().max()):.4f}")


def _on_own_budgets(agent: Ppo) -> Any:
    """The configuration without the widening of budgets: the problem's own range is to be learned."""
    from dataclasses import replace

    return replace(agent.configuration, training=lambda problem: problem)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("study", choices=("caps", "grid", "ppo", "blind"))
    arguments.add_argument("--seeds", type=int, default=5)
    arguments.add_argument("--first-seed", type=int, default=0)
    given = arguments.parse_args()
    torch.set_num_threads(1)  # two runs side by side use two cores better than one run with two threads
    if given.study in ("ppo", "blind"):
        {"ppo": ppo, "blind": blind}[given.study](given.seeds, given.first_seed)
    else:
        {"caps": caps, "grid": grid}[given.study]()


if __name__ == "__main__":
    main()
