"""SEQUOIA: what it reaches beside the published baselines, and how long its decisions take. Writes tables to results/.

    python benchmarks/sequoia.py study [PROBLEM ...]   # 6 or 3 instances, J = 40: shares of the bound of all policies
    python benchmarks/sequoia.py table                 # the table of what `study` has found so far
    python benchmarks/sequoia.py latency               # decisions to proven optimality, by problem, J and solver
    python benchmarks/sequoia.py latency-table         # the table of what it has found so far
    python benchmarks/sequoia.py training              # training time at J = 20

Shares are (return - null) / (bound - null). All policies play the same 100 episodes of an instance; intervals are over
instances (95 %, Student's t). Learners are trained on every instance anew, once. They play with local search (20 kicks);
`latency` says how often it finds the best. `study` continues where it was interrupted.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import budgetgym
import gymnasium as gym
import numpy as np
import pandas as pd
import scipy.stats
import torch
from budgetgym.agents.restless.sequoia.maximiser import Maximiser
from budgetgym.baselines.restless.relaxation import relax
from budgetgym.baselines.restless.values import null_value
from budgetgym.envs.core.batch import Batch, episode_keys
from budgetgym.evaluation.play import play

RESULTS = Path(__file__).parent / "results"

PROBLEMS: dict[str, tuple[str, dict[str, Any], int]] = {
    "capacity": ("Capacity", {"J": 40, "B": 10}, 6),
    "matching": ("Matching", {"J": 40, "B": 10}, 6),
    "paths": ("Paths", {"J": 40, "B": 10}, 6),
    "interventions": ("Interventions", {"J": 40, "N": 20, "B": 10}, 6),
    "spillover": ("Spillover", {"J": 40, "B": 10}, 3),
    "interventions, N 50, B 12": ("Interventions", {"J": 40, "N": 50, "B": 12}, 3),
}
"""Kind, settings, and number of instances. The first four are the published problems. On the last, where a training takes
several minutes, only Residual SEQUOIA learns."""

BASELINES = ("random", "sampling", "myopic", "iterative", "constant", "lagrangian", "joint")

LEARNERS: dict[str, tuple[str, dict[str, Any], int | None]] = {
    "iterative_dqn": ("iterative_dqn", {}, None),
    "sequential_ppo": ("sequential_ppo", {}, 1_000_000),
    "latent_ppo": ("latent_ppo", {}, 1_000_000),
    "sequoia, paper": ("sequoia", {"variant": "paper", "method": "search"}, None),
    "sequoia": ("sequoia", {"method": "search"}, None),
    "residual_sequoia": ("residual_sequoia", {"method": "search"}, None),
    "residual_sequoia, proved": ("residual_sequoia", {}, None),
    "residual_sequoia, lagrangian": ("residual_sequoia", {"method": "search", "base": "lagrangian"}, None),
}
"""Agent, settings and timesteps (None: as configured)."""

OWN = ("sequoia", "residual_sequoia", "residual_sequoia, proved", "iterative_dqn", "residual_sequoia, lagrangian")
OTHERS = ("sequoia, paper", "sequential_ppo", "latent_ppo")
"""The order of work: what is claimed first."""

ONLY = {
    "residual_sequoia, proved": ("capacity",),  # where local search does not always find the best
    "residual_sequoia, lagrangian": ("interventions", "spillover"),  # elsewhere both bases are the same
}

PUBLISHED = ("random", "sampling", "myopic", "iterative", "iterative_dqn")
EPISODES = 100


def make(kind: str, settings: dict[str, Any]) -> Any:
    return gym.make(f"budgetgym/Restless{kind}-v0", **settings).unwrapped.problem  # type: ignore[attr-defined]


def study(path: Path, names: list[str]) -> None:
    """One line per problem, instance and policy, written as soon as it is known."""
    cells = [(seed, name) for seed in range(6) for name in names or PROBLEMS if seed < PROBLEMS[name][2]]
    for learners in (OWN, OTHERS):
        for seed, name in cells:
            kind, settings, _ = PROBLEMS[name]
            problem = make(kind, {**settings, "instance_seed": seed})
            null, bound = null_value(problem), relax(problem, float(problem.budget_scale[0])).bound
            ours = tuple(p for p in learners if name in ONLY.get(p, PROBLEMS))
            if settings.get("N") == 50:
                ours = tuple(p for p in ours if p == "residual_sequoia")
            for policy, mean, seconds in results(problem, ours, finished(path, name, seed)):
                row = {"problem": name, "seed": seed, "policy": policy, "return": mean, "null": null, "bound": bound}
                row |= {"share": (mean - null) / (bound - null), "learning_s": seconds}
                frame = pd.DataFrame([row]).round(5)
                frame.to_csv(path, mode="a", header=not path.exists(), index=False)
                print(f"{name:<26} {seed} {policy:<36} {100 * row['share']:6.1f} {seconds:7.1f} s", flush=True)


def finished(path: Path, name: str, seed: int) -> set[str]:
    if not path.exists():
        return set()
    table = pd.read_csv(path)
    return set(table[(table["problem"] == name) & (table["seed"] == seed)]["policy"])


def results(problem: Any, learners: tuple[str, ...], done: set[str]) -> Iterator[tuple[str, float, float]]:
    """Policy, mean return and seconds of learning."""
    for policy in BASELINES:
        if policy not in done:
            yield policy, mean_return(budgetgym.make_agent(policy, problem), problem), 0.0
    for policy in learners:
        name, settings, timesteps = LEARNERS[policy]
        if policy in done:
            continue
        agent: Any = budgetgym.make_agent(name, problem, **settings)
        started = time.perf_counter()
        if "sequoia" in name:
            agent.learn(0)
            warm = time.perf_counter() - started
            yield f"{policy}: before learning", mean_return(agent, problem), warm
            started = time.perf_counter() - warm
        agent.learn(timesteps)
        took = time.perf_counter() - started
        yield policy, mean_return(agent, problem), took


def mean_return(agent: Any, problem: Any) -> float:
    return float(play(agent, problem, range(EPISODES), 0).episodes["return"].to_numpy().mean())


def table(path: Path) -> None:
    """Means and intervals in percent, and what SEQUOIA gains on the published baselines."""
    found = pd.read_csv(path).drop_duplicates(["problem", "seed", "policy"], keep="last")
    found["text"] = [text_of(found, row) for row in found.itertuples()]
    order = [*BASELINES]
    for policy in LEARNERS:
        order += [f"{policy}: before learning", policy]
    shown = found.pivot_table(index="policy", columns="problem", values="text", aggfunc="first", sort=False)
    shown = shown.reindex(index=[p for p in order if p in shown.index], columns=[p for p in PROBLEMS if p in shown.columns])
    print(shown.fillna("").to_string())
    share = found.pivot_table(index=["problem", "seed"], columns="policy", values="share", sort=False)
    print("\nSEQUOIA above the best published baseline of the instance, and above all of them on average, relative gain in %:")
    for policy in ("sequoia, paper", "sequoia", "residual_sequoia"):
        if policy in share:
            gain = share.dropna(subset=[policy])
            best, mean = gain[list(PUBLISHED)].max(axis=1), gain[list(PUBLISHED)].mean(axis=1)
            by = pd.DataFrame(
                {"best": gain[policy] / best - 1.0, "mean": gain[policy] / mean - 1.0, "least": gain[policy] - best}
            )
            summary = by.groupby("problem", sort=False).agg({"best": "mean", "mean": "mean", "least": "min"})
            print(f"\n{policy}\n{(100 * summary).round(1).to_string()}")
    print("\nseconds of learning (medians)")
    print(found[found["learning_s"] > 0].groupby("policy", sort=False)["learning_s"].median().round(0).to_string())


def text_of(found: Any, row: Any) -> str:
    values = found[(found["problem"] == row.problem) & (found["policy"] == row.policy)]["share"].to_numpy(float)
    if len(values) < 2:
        return f"{100 * values.mean():.1f}"
    half = scipy.stats.t.ppf(0.975, len(values) - 1) * scipy.stats.sem(values)
    return f"{100 * values.mean():.1f} +- {100 * half:.1f}"


TIMED: dict[str, dict[int, dict[str, int]]] = {
    kind: {
        J: {"J": J, "B": B, **({"N": N} if kind == "Interventions" else {})}
        for J, B, N in ((20, 5, 10), (40, 10, 20), (100, 20, 50))
    }
    for kind in ("Capacity", "Matching", "Interventions", "Paths", "Spillover")
}
PAPER: dict[str, Any] = {"variant": "paper"}
LIMIT = 5.0
"""Seconds of a solver for a decision."""


def latency(path: Path) -> None:
    """CPU time of single decisions in states of play, by networks that have learned; at J = 100 half as long as usual.

    Networks that have just begun to learn take several times as long, while their values still grow.
    """
    rows = []
    for kind, sizes in TIMED.items():
        for J, settings in sizes.items():
            problem = make(kind, settings)
            networks = {"one layer of 32": ({}, None if J < 100 else 10_000), "published, 16 and 32": (PAPER, None)}
            for network, (arguments, timesteps) in networks.items():
                if network.startswith("published") and J != 40:
                    continue
                agent: Any = budgetgym.make_agent("sequoia", problem, **arguments)
                agent.configuration = dataclasses.replace(agent.configuration, callbacks=list)  # no evaluation on the way
                agent.learn(timesteps)
                states = states_of_play(agent, problem, 9)
                for method in ("auto", "scip", "highs", "gurobi", "search"):
                    rows += timed(agent, problem, method, states, {"problem": kind, "J": J, "network": network})
                    pd.DataFrame(rows).round(4).to_csv(path, index=False)
    latency_table(path)


def latency_table(path: Path) -> None:
    """Medians in milliseconds, with the largest, and the share that was proved where that is not all."""
    found = pd.read_csv(path)

    def text(row: Any) -> str:
        unproved = (
            "" if row.proved == 1.0 or row.method == "search" else f", {row.proved:.0%} proved, gap {row.gap_percent:.1f} %"
        )
        return f"{row.median_ms:.3g} (max {row.max_ms:.3g}){unproved}"

    found["text"] = [text(row) for row in found.itertuples()]
    shown = found.pivot_table(index=["network", "problem", "J"], columns="method", values="text", aggfunc="first", sort=False)
    print(shown.fillna("").to_string())
    print("\nshare of decisions in which local search found the best:")
    best = found[found["method"] == "search"]
    print(best.pivot_table(index=["network", "problem"], columns="J", values="found_best", sort=False).round(2).to_string())


def timed(agent: Any, problem: Any, method: str, states: Any, known: dict[str, Any]) -> list[dict[str, Any]]:
    """Median and largest CPU time of a method, how many decisions were proved, and what is lost against the best known."""
    network = agent.model.policy.q_net.exact()
    try:
        maximiser = Maximiser(network.coding, network.layers(), method, time_limit=LIMIT)
        reference = Maximiser(network.coding, network.layers(), "auto", time_limit=LIMIT)
        taken, decisions, losses = [], [], []
        for k, row in enumerate(states):
            question, most = network.question(row), problem.feasible.most
            if k == 0:
                maximiser.decide(question, most, row)  # builds the model, compiles
            started = time.process_time()
            decision = maximiser.decide(question, most, row)
            taken.append(1e3 * (time.process_time() - started))
            decisions.append(decision)
            if method == "search":
                losses.append(reference.decide(question, most, row).objective - decision.objective)
    except (RuntimeError, ImportError) as error:
        print(known, method, "failed:", error)
        return []
    except Exception as error:  # a size-limited licence of Gurobi
        if type(error).__module__.split(".")[0] != "gurobipy":
            raise
        print(known, method, "failed:", error)
        return []
    proved = np.mean([d.status == "optimal" for d in decisions])
    row = {**known, "method": method, "used": maximiser.method, "median_ms": np.median(taken), "max_ms": max(taken)}
    row |= {"proved": proved, "gap_percent": 100 * max(d.gap / max(abs(d.objective), 1e-9) for d in decisions)}
    row |= {"found_best": np.mean(np.array(losses) < 1e-6) if losses else np.nan}
    print({k: round(v, 2) if isinstance(v, float) else v for k, v in row.items()}, flush=True)
    return [row]


def states_of_play(agent: Any, problem: Any, count: int) -> Any:
    """(count, d) observations along an episode that the agent plays."""
    batch = Batch(problem, 1)
    batch.seed(episode_keys(5, 1))
    batch.reset()
    seen = [batch.observe()[0]]
    while len(seen) < count:
        actions = agent.model.policy.best_actions(seen[-1][None]).astype(np.int8)
        seen.append(batch.step(batch.read_actions(actions)).observation[0])
    return np.array(seen)


def training(path: Path) -> None:
    """Seconds to learn with the default configuration at J = 20."""
    rows = []
    for kind, sizes in TIMED.items():
        for name in ("sequoia", "residual_sequoia"):
            agent: Any = budgetgym.make_agent(name, make(kind, sizes[20]))
            wall, cpu = time.perf_counter(), time.process_time()
            agent.learn()
            rows.append(
                {"problem": kind, "agent": name, "wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
            )
            print(rows[-1], flush=True)
    pd.DataFrame(rows).round(1).to_csv(path, index=False)


def main() -> None:
    torch.set_num_threads(1)
    command, *names = sys.argv[1:] or [""]
    if command == "study":
        study(RESULTS / "sequoia_study.csv", names)
    elif command == "table":
        table(RESULTS / "sequoia_study.csv")
    elif command == "latency":
        latency(RESULTS / "sequoia_latency.csv")
    elif command == "latency-table":
        latency_table(RESULTS / "sequoia_latency.csv")
    elif command == "training":
        training(RESULTS / "sequoia_training.csv")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
