"""How fast the multi-agent auction is: medians and bests of several rounds, on one core.

    OMP_NUM_THREADS=1 python benchmarks/auction.py     # writes results/auction_throughput.csv

Seconds are of processor time, as other processes share the machines; they still compete for its caches and its cores' other
halves: the best round says what the code can do, the median what it did. Set OMP_NUM_THREADS=1 for the equilibrium.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
from budgetgym.baselines.auction.equilibrium import pacing_equilibrium
from budgetgym.baselines.auction.pacing import MultiplicativePacing
from budgetgym.envs.auction import auction_v0
from budgetgym.envs.auction.batch import AuctionBatch
from budgetgym.envs.auction.game import AuctionGame

ROUNDS = 15
RESULTS = Path(__file__).parent / "results" / "auction_throughput.csv"

PLENTY = 1e9
PACING_RATE = 0.05
LEARNING_DAYS = 10
"""Before the days that are timed: the first multipliers spend the money in the morning."""
DAY = {"n_agents": 48, "rule": "gsp", "n_slots": 3, "granularity": "tick", "ticks": 48, "T": 500_000, "reserve": 1e-3}
SHARED = {"values": "lognormal", "correlation": 0.3}


def seconds(play: Callable[[], Any], before: Callable[[], Any] = lambda: None) -> list[float]:
    """Of each round of `play`, after `before`, which is not timed; a first round warms up."""
    taken = []
    for _ in range(ROUNDS + 1):
        before()
        start = time.process_time()
        play()
        taken.append(time.process_time() - start)
    return taken[1:]


def truthful_seconds(**settings: Any) -> list[float]:
    """Of episodes by tick in which everybody bids the value."""
    batch = AuctionBatch(AuctionGame(granularity="tick", **settings), 1)
    batch.seed([0])
    actions = np.ones((1, batch.game.n_agents))

    def play() -> None:
        while not batch.state.finished.all():
            batch.step(actions)
        assert batch.state.auction[0] == batch.params.auctions, "a budget ran out, and the rest of the day was not held"

    return seconds(play, batch.reset)


def day_seconds(**settings: Any) -> list[float]:
    """Of a day of agents that pace themselves, from its start to its account; their multipliers run on from day to day."""
    batch = AuctionBatch(AuctionGame(**DAY, **settings), 1)
    batch.seed([0])
    agents = MultiplicativePacing(batch.game, rate=PACING_RATE, highest=batch.game.highest_bid)

    def play() -> None:
        observation = batch.reset()
        while not batch.state.finished.all():
            observation = batch.step(agents.act(observation)).observation

    for _ in range(LEARNING_DAYS):
        play()
    taken = seconds(play)
    share = batch.info()["spent"].sum() / batch.state.initial.sum()
    print(
        f"  last day: {batch.state.auction[0]:,} auctions, {share:.1%} spent, {batch.state.bidders[0]} agents left at the end"
    )
    return taken


def batch_seconds(worlds: int, steps: int) -> list[float]:
    """Of steps by auction in many worlds at once, with random bids."""
    batch = AuctionBatch(AuctionGame(n_agents=4, T=steps, budgets=PLENTY), worlds)
    batch.seed(range(worlds))
    actions = np.random.default_rng(0).random((16, worlds, 4))

    def play() -> None:
        for k in range(steps):
            batch.step(actions[k % 16])

    return seconds(play, batch.reset)


def pettingzoo_seconds(steps: int) -> list[float]:
    """Of steps by auction through dictionaries."""
    env = auction_v0.parallel_env(n_agents=4, T=steps, budgets=PLENTY)
    actions = {agent: np.array([0.5]) for agent in env.possible_agents}

    def play() -> None:
        for _ in range(steps):
            env.step(actions)

    return seconds(play, env.reset)


def equilibrium_seconds(agents: int, auctions: int) -> list[float]:
    """Of the pacing equilibrium of a sample, to the default gap."""
    values = np.random.default_rng(0).random((agents, auctions))
    return seconds(lambda: pacing_equilibrium(values, np.full(agents, 0.25 * auctions / agents)))


def main() -> None:
    rows = []

    def note(what: str, middle: float, best: float, unit: str, target: str) -> None:
        rows.append({"what": what, "median": f"{middle:.4g}", "best": f"{best:.4g}", "unit": unit, "target": target})
        print(f"{what:<66} median {middle:8.4g}  best {best:8.4g} {unit:<12} target {target}")

    def rate(what: str, count: float, taken: list[float], unit: str, target: str = "reported") -> None:
        scale = {"M": 1e6, "k": 1e3}[unit[0]]
        note(what, count / median(taken) / scale, count / min(taken) / scale, unit, target)

    def duration(what: str, taken: list[float], target: str = "reported") -> None:
        note(what, median(taken), min(taken), "s", target)

    auctions = 500_000
    crowd = {"n_agents": 48, "rule": "gsp", "n_slots": 3, "T": auctions, "budgets": PLENTY}
    rate("48 bidders x 3 slots, GSP, uniform", auctions, truthful_seconds(**crowd), "M auctions/s", ">= 2")
    rate(
        "48 bidders x 3 slots, GSP, correlated log-normal",
        auctions,
        truthful_seconds(**crowd, **SHARED),
        "M auctions/s",
        ">= 2",
    )
    rate("48 bidders x 3 slots, VCG, uniform", auctions, truthful_seconds(**{**crowd, "rule": "vcg"}), "M auctions/s")
    pair = {"n_agents": 2, "T": 2_000_000, "budgets": PLENTY}
    rate("2 bidders, second price, uniform", 2_000_000, truthful_seconds(**pair), "M auctions/s", ">= 10")
    rate(
        "2 bidders, second price, correlated log-normal",
        2_000_000,
        truthful_seconds(**pair, **SHARED),
        "M auctions/s",
        ">= 10",
    )
    duration("a day of 500,000 auctions, 48 pacing agents, uniform", day_seconds(), "< 3")
    duration("a day of 500,000 auctions, 48 pacing agents, log-normal", day_seconds(**SHARED), "< 3")
    rate("native batch by auction, 1024 worlds of 4 agents", 1024 * 200, batch_seconds(1024, 200), "M auctions/s")
    rate("PettingZoo face by auction, 4 agents", 2000, pettingzoo_seconds(2000), "k steps/s")
    duration("pacing equilibrium of 48 agents in 5,000 auctions", equilibrium_seconds(48, 5000))
    pd.DataFrame(rows).to_csv(RESULTS, index=False)
    print(f"written to {RESULTS}")


if __name__ == "__main__":
    main()
