"""BoPO against the closed-form routers and PPO, its ablations, and what it costs to be frugal. Writes tables to results/.

    python benchmarks/bopo.py study [VARIANT ...]   # results/bopo_study.csv; goes on where it was interrupted
    python benchmarks/bopo.py table                 # the tables of what `study` has found so far

One router per training seed serves all caps, PPO too (trained with budgets of 2.5 to 30 calls). All routers meet the same
20,000 episodes. Intervals over training seeds are Student's, those of single routers over episodes normal; both 95 %.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from budgetgym import make_agent
from budgetgym.agents.routing.agentic.features import RoutingFeatures
from budgetgym.baselines.routing.agentic.values import optimum_curve
from budgetgym.envs.routing.agentic.problem import AgenticRouting
from budgetgym.evaluation.play import play
from scipy.stats import t as student
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.torch_layers import FlattenExtractor

PATH = Path(__file__).parent / "results" / "bopo_study.csv"
EPISODES, SEED = 20_000, 1000
INSTANCES = ("appworld", "tau2-retail", "swe")
CAPS = (5.0, 10.0, 15.0, np.inf)
ROUTERS = ("always_small", "always_large", "first_large", "error_gated", "criticality_gated", "belief")
EARLY = 2_000_000
"""Decisions after which learners are looked at for the first time."""

PLAIN = {"features_extractor_class": FlattenExtractor, "features_extractor_kwargs": {}}
WITH_FEATURES = {
    "features_extractor_class": RoutingFeatures,
    "features_extractor_kwargs": {"budget": AgenticRouting().reading.budget},
}

VARIANTS: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "bopo": ("bopo", {}, INSTANCES),
    "no synthesis": ("bopo", {"synthesis": False}, ("appworld",)),
    "no reference": ("bopo", {"reference": False}, ("appworld",)),
    "no bonus": ("bopo", {"hard_bonus": 0.0}, ("appworld",)),
    "no bonus, cost weight .05": ("bopo", {"hard_bonus": 0.0, "cost_weight": 0.05}, ("tau2-retail",)),
    "no bonus, cost weight .1": ("bopo", {"hard_bonus": 0.0, "cost_weight": 0.1}, ("swe",)),
    "no guidance at all": ("grpo", {}, ("appworld",)),
    "own noise": ("bopo", {"shared_noise": False}, ("appworld",)),
    "own noise, no reference": ("bopo", {"shared_noise": False, "reference": False}, ("appworld",)),
    "spread by group": ("bopo", {"scale": "group"}, ("appworld",)),
    "stack of 4": ("bopo", {"policy_kwargs": {"memory": "stack", "memory_size": 4}}, ("appworld",)),
    "recurrent": ("bopo", {"memory": "recurrent"}, ("appworld",)),
    "cost weight .04": ("bopo", {"cost_weight": 0.04}, INSTANCES),
    "cost weight .08": ("bopo", {"cost_weight": 0.08}, INSTANCES),
    "cost weight .1": ("bopo", {"cost_weight": 0.1}, INSTANCES),
    "cost weight .12": ("bopo", {"cost_weight": 0.12}, INSTANCES),
    "ppo": ("ppo", {}, INSTANCES),
    "no features": ("bopo", {"policy_kwargs": PLAIN}, ("appworld",)),
    "ppo, with features": ("ppo", {"policy_kwargs": WITH_FEATURES}, ("appworld",)),
}
"""Agent, settings, instances."""

SEEDS = dict.fromkeys(("cost weight .04", "cost weight .08", "cost weight .1", "cost weight .12"), 2) | {"recurrent": 3}
"""Training seeds; of others five."""


def outcomes(agent: Any, instance: str, cap: float) -> dict[str, Any]:
    episodes = play(agent, AgenticRouting(instance=instance, budget=cap), range(EPISODES), SEED).episodes
    success = episodes["success"].to_numpy(float)
    return {
        "success": success.mean(),
        "half_width": 1.96 * success.std() / EPISODES**0.5,
        "large_calls": episodes["large_calls"].mean(),
        "blocked": episodes["blocked"].sum(),
    }


class FirstLook(BaseCallback):
    """Notes what the router is worth at a cap of ten after the first decisions."""

    def __init__(self, agent: Any, instance: str) -> None:
        super().__init__()
        self.agent, self.instance, self.success = agent, instance, np.nan

    def _on_step(self) -> bool:
        if np.isnan(self.success) and self.num_timesteps >= EARLY:
            self.success = outcomes(self.agent, self.instance, 10.0)["success"]
        return True


def study(names: list[str]) -> None:
    """One line per instance, router, training seed and cap, written as soon as it is known."""
    for instance in INSTANCES:
        for router in ROUTERS:
            if not (router == "belief" and instance == "swe") and ("closed", instance, router) not in finished():
                for cap in CAPS:
                    problem = AgenticRouting(instance=instance, budget=cap)
                    if router == "belief" and not np.isfinite(cap):
                        continue
                    write(
                        [
                            {
                                "kind": "closed",
                                **row(instance, router, 0, cap),
                                **outcomes(make_agent(router, problem), instance, cap),
                            }
                        ]
                    )
    for seed in range(5):
        for name in names or VARIANTS:
            agent_name, settings, instances = VARIANTS[name]
            for instance in instances:
                if seed < SEEDS.get(name, 5) and (instance, name, seed) not in finished():
                    write(trained(agent_name, settings, instance, name, seed))


def trained(agent_name: str, settings: dict[str, Any], instance: str, name: str, seed: int) -> list[dict[str, Any]]:
    budget: Any = (5.0, 15.0) if agent_name == "ppo" else 10.0
    agent: Any = make_agent(agent_name, AgenticRouting(instance=instance, budget=budget), seed=seed, **settings)
    look, started = FirstLook(agent, instance), time.perf_counter()
    agent.learn(callback=look)
    took = {"training_s": time.perf_counter() - started, "early": look.success}
    return [{"kind": "learned", **row(instance, name, seed, cap), **outcomes(agent, instance, cap), **took} for cap in CAPS]


def row(instance: str, router: str, seed: int, cap: float) -> dict[str, Any]:
    return {"instance": instance, "router": router, "seed": seed, "cap": cap}


def write(rows: list[dict[str, Any]]) -> None:
    columns = [
        "kind",
        "instance",
        "router",
        "seed",
        "cap",
        "success",
        "half_width",
        "large_calls",
        "blocked",
        "training_s",
        "early",
    ]
    frame = pd.DataFrame(rows, columns=columns).round(5)
    frame.to_csv(PATH, mode="a", header=not PATH.exists(), index=False)
    print(frame.to_string(index=False, header=False), flush=True)


def finished() -> set[tuple[Any, ...]]:
    """What is in the table: closed-form routers, and (instance, variant, seed)."""
    if not PATH.exists():
        return set()
    known = pd.read_csv(PATH)
    closed, learned = known[known["kind"] == "closed"], known[known["kind"] == "learned"]
    return set(zip(closed["kind"], closed["instance"], closed["router"], strict=True)) | set(
        zip(learned["instance"], learned["router"], learned["seed"], strict=True)
    )


def over_seeds(values: Any, percent: bool = True) -> str:
    values = np.asarray(values, float) * (100.0 if percent else 1.0)
    if len(values) < 2:
        return f"{values.mean():.2f}"
    return f"{values.mean():.2f} +- {student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5:.2f}"


def table() -> None:
    """Success in percent and large calls by cap; what BoPO gains on the others; the ablations."""
    found: Any = pd.read_csv(PATH).drop_duplicates(["instance", "router", "seed", "cap"])
    for instance in INSTANCES:
        here = found[found["instance"] == instance]
        routers = list(dict.fromkeys(here["router"]))
        cells = {}
        for router in routers:
            of = here[here["router"] == router]
            for cap in CAPS:
                at = of[of["cap"] == cap]
                if len(at):
                    cells[router, f"cap {cap:g}"] = f"{over_seeds(at['success'])} ({at['large_calls'].mean():.1f})"
            if of["training_s"].notna().any():
                cells[router, "early, cap 10"] = over_seeds(of[of["cap"] == 10.0]["early"])
                cells[router, "seconds"] = f"{of['training_s'].median():.0f}"
                cells[router, "seeds"] = str(of["seed"].nunique())
        shown = pd.Series(cells).unstack().reindex(routers).fillna("")
        problem = AgenticRouting(instance=instance)
        knowledge: Any = "difficulty" if problem.profile.tiers == 2 else "informed"
        curve = optimum_curve(problem, 15, knowledge)
        print(
            f"\n{instance}: success in % (large calls); optimum (knowledge: {knowledge}) at 5, 10, 15: "
            f"{100 * curve[5]:.2f}, {100 * curve[10]:.2f}, {100 * curve[15]:.2f}"
        )
        print(shown.to_string())
        bopo = here[here["router"] == "bopo"]
        if bopo.empty:
            continue
        print("BoPO's gain in points, by cap (over training seeds):")
        for router in routers:
            gains = []
            for cap in CAPS[:3]:
                mine = bopo[bopo["cap"] == cap].set_index("seed")["success"]
                other = here[(here["router"] == router) & (here["cap"] == cap)]
                # Of learners seed by seed, so that the noise of both trainings is in the interval.
                against = other.set_index("seed")["success"] if len(other) > 1 else other["success"].mean()
                gains.append(f"{over_seeds((mine - against).dropna()):>16}")
            if router != "bopo":
                print(f"  {router:<26}", *gains)


def main() -> None:
    torch.set_num_threads(1)  # two runs side by side use two cores better than one run with two threads
    command, *names = sys.argv[1:] or [""]
    if command == "study":
        study(names)
    elif command == "table":
        table()
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
