"""Planners by simulations per decision, their ablations, and what peeking is worth. Writes results/planning.csv.

    python benchmarks/planning.py study [FAMILY ...]   # goes on where it was interrupted
    python benchmarks/planning.py table                # what `study` has found so far
    python benchmarks/planning.py metrics              # the paper's planning metrics: traps, first errors, recovery
    python benchmarks/planning.py speed                # time of a decision, decisions per second

All agents of a family play the same episodes; gains are paired differences to the policy that the planners look ahead with,
with normal 95 % intervals. `clairvoyant` planners see the hidden state and the future, and are not to be compared with others.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import pandas as pd
import torch
from budgetgym import make_agent
from budgetgym.baselines.core.oracle import exact_optimum, null_score
from budgetgym.envs.core.problem import Problem
from budgetgym.evaluation.play import play

PATH = Path(__file__).parent / "results" / "planning.csv"
SPEED = Path(__file__).parent / "results" / "planning_speed.csv"
SEED = 1000


class Case(NamedTuple):
    """An environment, its episodes, the policy to look ahead with, and other agents to compare with."""

    id: str
    settings: dict[str, Any]
    episodes: int
    base: str
    others: tuple[str, ...]


CASES = {
    "routing": Case("AgenticRouting", {"budget": 10}, 1000, "criticality_gated", ("always_small", "first_large", "belief")),
    "bidding": Case("RealTimeBidding", {"T": 200, "c0": 1 / 16}, 60, "ss_mdp", ("lin", "rlb")),
    "steering": Case("SocialSteering", {"discrete": True, "objective": "biased"}, 600, "myopic", ("threshold", "optimal")),
    "workflow": Case("WorkflowRouting", {"instance": "chain"}, 300, "hedged", ("per_dollar", "mcpp")),
    "restless": Case("RestlessInterventions", {"J": 20, "N": 10, "B": 5}, 60, "lagrangian", ("myopic", "joint")),
    "traptree": Case("TrapTree", {"traps": 2}, 300, "greedy", ("random", "contrarian")),
}

PLANNERS: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    **{f"one_step, {n}": ("one_step", {"simulations": n}, tuple(CASES)) for n in (16, 64, 256)},
    **{f"flare, {n}": ("flare", {"simulations": n}, tuple(CASES)) for n in (16, 64, 256, 1024)},
    **{f"mds, {n}": ("mds", {"simulations": n}, tuple(CASES)) for n in (64, 256)},
    "bavt, 32": ("bavt", {"expansions": 32}, tuple(CASES)),
    "beam, 3": ("beam", {"width": 3}, tuple(CASES)),
    "flare, 256, clairvoyant": ("flare", {"simulations": 256, "peek": True}, tuple(CASES)),
    "flare, 256, two candidates": ("flare", {"simulations": 256, "candidates": 2}, ("restless", "traptree")),
    "flare, 256, memory": ("flare", {"simulations": 256, "memory": 200}, ("routing", "restless", "traptree")),
    "flare, 256, no propagation": ("flare", {"simulations": 256, "propagation": False}, ("routing", "restless", "traptree")),
    "flare, 256, commits to four": ("flare", {"simulations": 256, "commitment": 4}, ("routing", "traptree")),
    "flare, 256, depth 2": ("flare", {"simulations": 256, "depth": 2}, ("routing", "traptree")),
    "one_step, 256, with belief": ("one_step", {"simulations": 256, "policy": "belief"}, ("routing",)),
    "mds, 256, with belief": ("mds", {"simulations": 256, "policy": "belief"}, ("routing",)),
}
"""Agent, settings, families. Planners look ahead with the case's base, unless they say so."""


def problem_of(case: Case) -> Problem:
    return gym.make(f"budgetgym/{case.id}-v0", **case.settings).unwrapped.problem  # type: ignore[attr-defined]


def study(names: list[str]) -> None:
    """One line per family and agent, written as soon as it is known."""
    for family in names or CASES:
        case = CASES[family]
        problem = problem_of(case)
        base = scores(make_agent(case.base, problem), problem, case.episodes)
        top, bottom = exact_optimum(problem), null_score(problem)
        agents = {name: (name, {}) for name in (case.base, *case.others)}
        agents |= {
            name: (agent, {"policy": case.base, **settings})
            for name, (agent, settings, families) in PLANNERS.items()
            if family in families
        }
        for name, (agent_name, settings) in agents.items():
            if (family, name) in finished():
                continue
            agent, started = make_agent(agent_name, problem, **settings), time.perf_counter()
            found = scores(agent, problem, case.episodes)
            gain = found - base
            seconds = [decision.seconds for decision in getattr(agent, "decisions", [])]
            row = {
                "family": family,
                "agent": name,
                "information": agent.information,
                "episodes": case.episodes,
                "score": found.mean(),
                "gain": gain.mean(),
                "half_width": 1.96 * gain.std() / len(gain) ** 0.5,
                "share": (found.mean() - bottom) / (top - bottom),
                "decision_ms": 1e3 * np.median(seconds) if seconds else np.nan,
                "seconds": time.perf_counter() - started,
            }
            frame = pd.DataFrame([row]).round(5)
            frame.to_csv(PATH, mode="a", header=not PATH.exists(), index=False)
            print(frame.to_string(index=False, header=False), flush=True)


def scores(agent: Any, problem: Problem, episodes: int) -> np.ndarray:
    return play(agent, problem, range(episodes), SEED).episodes[problem.score].to_numpy(float)


def finished() -> set[tuple[str, str]]:
    if not PATH.exists():
        return set()
    known = pd.read_csv(PATH)
    return set(zip(known["family"], known["agent"], strict=True))


def table() -> None:
    """By family: score, paired gain on the base, share of the optimum or bound, time of a decision."""
    found = pd.read_csv(PATH)
    for family, rows in found.groupby("family", sort=False):
        print(f"\n{family}: {CASES[str(family)]}")
        shown = rows.assign(gain=[f"{g:+.4f} +- {h:.4f}" for g, h in zip(rows["gain"], rows["half_width"], strict=True)])
        print(shown[["agent", "information", "score", "gain", "share", "decision_ms"]].to_string(index=False))


def metrics() -> None:
    """Where plans go wrong, and what is made of it: on trap trees with a way back, and on routing."""
    trees = {"traps": 2, "backtrack": True}
    for id, settings, agents, episodes in (
        ("TrapTree", trees, ("random", "greedy", "beam:width=3", "one_step", "flare"), 300),
        ("AgenticRouting", {"budget": 10}, ("first_large", "criticality_gated", "beam:width=3", "one_step", "flare"), 500),
    ):
        problem = gym.make(f"budgetgym/{id}-v0", **settings).unwrapped.problem  # type: ignore[attr-defined]
        print(f"\n{id} {settings}, {episodes} episodes")
        for agent in agents:
            found: Any = play(make_agent(agent, problem), problem, range(episodes), SEED).episodes
            wrong = found[found["first_error_step"] > 0]
            print(
                f"{agent:<18} success {found['success'].mean():.3f}, trap at 1 {found['trap_at_1'].mean():.3f}, "
                f"first error {wrong['first_error_step'].mean():.2f}, recovered {wrong['recovered'].mean():.3f}"
            )


def speed() -> None:
    """The median time of a decision after the first, and decisions per second, of one process."""
    rows = []
    for family, name in (("routing", "flare"), ("bidding", "flare"), ("routing", "one_step"), ("bidding", "one_step")):
        case = CASES[family]
        problem = problem_of(case)
        for simulations in (16, 64, 256, 1024):
            agent: Any = make_agent(name, problem, simulations=simulations, policy=case.base)
            play(agent, problem, range(2), SEED)  # compiled
            agent.decisions.clear()
            play(agent, problem, range(2, 12), SEED)
            taken = agent.report()["seconds"]
            row = {"family": family, "agent": name, "simulations": simulations, "median_ms": 1e3 * taken.median()}
            rows.append({**row, "decisions_per_s": 1.0 / taken.mean()})
            print(rows[-1], flush=True)
    pd.DataFrame(rows).round(3).to_csv(SPEED, index=False)


def main() -> None:
    torch.set_num_threads(1)
    command, *names = sys.argv[1:] or [""]
    if command == "study":
        study(names)
    elif command == "table":
        table()
    elif command == "metrics":
        metrics()
    elif command == "speed":
        speed()
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
