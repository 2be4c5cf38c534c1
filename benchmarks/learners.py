"""The reference learners in the default of every family that they serve, and soft budgets. Writes tables to results/.

    python benchmarks/learners.py study [LEARNER ...]   # results/learners.csv; goes on where it was interrupted
    python benchmarks/learners.py soft                  # results/soft_budgets.csv, likewise
    python benchmarks/learners.py table                 # both, as Markdown

Shares of the optimum are means over training seeds, with the lowest and the highest; every agent meets the same episodes, none
of them played while learning. Seconds are of the processor, on one core.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from budgetgym import evaluate, make_agent
from budgetgym.baselines.bidding.values import even_spend
from budgetgym.envs.bidding.problem import RealTimeBidding
from budgetgym.envs.core.problem import Problem
from budgetgym.envs.core.resolve import as_problem
from budgetgym.envs.routing.agentic.problem import AgenticRouting
from budgetgym.evaluation.play import play

RESULTS = Path(__file__).parent / "results"
STUDY, SOFT = RESULTS / "learners.csv", RESULTS / "soft_budgets.csv"
SEEDS, EPISODES_SEED = 3, 1000
EPISODES = {"RealTimeBidding": 2_000}
"""Of an evaluation; of other families 20,000."""

SERVED = {
    "ppo": ("WorkflowRouting", "TrapTree"),
    "a2c": ("RealTimeBidding", "AgenticRouting", "WorkflowRouting", "SocialSteering", "TrapTree"),
    "dqn": ("AgenticRouting", "SocialSteering", "TrapTree"),
    "maskable_ppo": ("AgenticRouting", "WorkflowRouting", "SocialSteering"),
    "recurrent_ppo": ("RealTimeBidding", "AgenticRouting"),
}
"""PPO's and SAC's other families have studies of their own: ppo_bidding.py, routing.py, steering.py."""


def study(names: list[str]) -> None:
    """A row per learner, family and training seed, written as soon as it is known."""
    for seed in range(SEEDS):
        for name in names or SERVED:
            for family in SERVED[name]:
                if (name, family, seed) not in finished(STUDY, ["agent", "family", "seed"]):
                    append(STUDY, [trained(name, family, seed)])


def trained(name: str, family: str, seed: int) -> dict[str, Any]:
    """How an agent with its default configuration does."""
    problem = as_problem(f"budgetgym/{family}-v0")
    agent: Any = make_agent(name, problem, seed=seed)
    started = time.process_time()
    agent.learn()
    seconds = time.process_time() - started
    summary = evaluate(agent, problem, EPISODES.get(family, 20_000), EPISODES_SEED).summary
    values = {column: summary[column] for column in ("share_of_optimum", "spent_share", "blocked")}
    steps = agent.model.num_timesteps
    return {"agent": name, "family": family, "seed": seed, "timesteps": steps, "seconds": seconds, **values}


def soft() -> None:
    """Lagrangian PPO, and what is best in expectation, on budgets that bind on average and on hard ones."""
    bidding, routing = RealTimeBidding(), AgenticRouting()
    endless = bidding.replace(budget=300.0 * bidding.params.auctions, c0=None), routing.replace(budget=np.inf)
    known = finished(SOFT, ["agent", "family", "seed"])
    if ("cmdp", "RealTimeBidding", 0) not in known:
        append(SOFT, spending(make_agent("cmdp", bidding), "cmdp", bidding, endless[0], 0, 0.0))
    for seed in range(SEEDS):
        for problem, unlimited in zip((bidding, routing), endless, strict=True):
            if ("lagrangian_ppo", type(problem).__name__, seed) not in known:
                agent: Any = make_agent("lagrangian_ppo", problem, seed=seed)
                started = time.process_time()
                agent.learn()
                seconds = time.process_time() - started
                append(SOFT, spending(agent, "lagrangian_ppo", problem, unlimited, seed, seconds))


def spending(agent: Any, name: str, problem: Problem, unlimited: Problem, seed: int, seconds: float) -> list[dict[str, Any]]:
    """Score and spend where the budget is soft, and where it is hard."""
    family, limit = type(problem).__name__, float(problem.budget.arrays(problem.resources)[0][0])
    rows = []
    for budget, played in (("soft", unlimited), ("hard", problem)):
        episodes: Any = play(agent, played, range(EPISODES.get(family, 20_000)), EPISODES_SEED).episodes
        spent = episodes["spent"]
        values = {"score": episodes[problem.score].mean(), "spent_share": spent.mean() / limit}
        above = float((spent > limit * (1.0 + 1e-9)).mean())
        rows.append(
            {"agent": name, "family": family, "seed": seed, "budget": budget, **values, "above": above, "seconds": seconds}
        )
    return rows


def programme_value(problem: RealTimeBidding) -> float:
    """The most that an episode can win in expectation if its expected cost is at most the budget: a fractional knapsack of all
    (theta, price), by falling theta per money, under the joint law that the synthetic instance draws from."""
    market: Any = problem.market
    chance = market.theta_pmf[0][:, None] * market.price_pmf[0][market.group[0]]
    theta, price = np.broadcast_arrays(market.theta[0][:, None], np.arange(chance.shape[1]))
    order = np.argsort(-theta / np.maximum(price, 1e-9), axis=None)
    cost, gain = ((chance * of).ravel()[order] for of in (price, theta))
    left = even_spend(problem) - np.append(0.0, cost.cumsum()[:-1])
    taken = np.clip(np.divide(left, cost, out=np.ones_like(cost), where=cost > 0.0), 0.0, 1.0)
    return float(problem.params.auctions * (taken * gain).sum())


def append(path: Path, rows: list[dict[str, Any]]) -> None:
    frame = pd.DataFrame(rows).round(5)
    frame.to_csv(path, mode="a", header=not path.exists(), index=False)
    print(frame.to_string(index=False, header=False), flush=True)


def finished(path: Path, columns: list[str]) -> set[tuple[Any, ...]]:
    """What stands in a table, by these columns."""
    return set(pd.read_csv(path)[columns].itertuples(index=False, name=None)) if path.exists() else set()


def header(*columns: str) -> None:
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")


def table() -> None:
    """What was found so far."""
    found: Any = pd.read_csv(STUDY)
    header("learner", "family", "share of the optimum, % (lowest to highest)", "decisions", "seconds", "seeds")
    for (name, family), rows in found.groupby(["agent", "family"], sort=False):
        share = 100.0 * rows["share_of_optimum"]
        cells = f"{share.mean():.1f} ({share.min():.1f} to {share.max():.1f})", f"{rows['timesteps'].median() / 1e6:.2g} M"
        print(f"| `{name}` | {family} | {cells[0]} | {cells[1]} | {rows['seconds'].median():.0f} | {len(rows)} |")
    found = pd.read_csv(SOFT)
    print()
    header("agent", "family", "budget", "score", "spent, % of the limit", "episodes above it, %", "seeds")
    for (family, name, budget), rows in found.groupby(["family", "agent", "budget"], sort=False):
        numbers = f"{rows['score'].mean():.4g} | {100 * rows['spent_share'].mean():.1f} | {100 * rows['above'].mean():.1f}"
        print(f"| `{name}` | {family} | {budget} | {numbers} | {len(rows)} |")
    print(f"\nBidding's linear programme, by the joint law: {programme_value(RealTimeBidding()):.4g}")


def main() -> None:
    torch.set_num_threads(1)
    command, *names = sys.argv[1:] or [""]
    if command == "study":
        study(names)
    elif command == "soft":
        soft()
    elif command == "table":
        table()
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
