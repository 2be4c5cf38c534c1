"""What is played: the environments with their settings, the games, and the agents that are evaluated.

Settings are written as they are called now: who renames a setting or one of its values writes it anew here. Agents have
their canonical names (see `names.py`). The name of a case is the name of its file and stays for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toy_logs import toy_frame

SOLVER = 1e-6
"""Relative tolerance for agents that ask HiGHS, SCIP or BLAS: optimal solutions are exact to their own tolerances only."""
LEARNER = 1e-3
"""For networks of 32-bit numbers: sums in another order differ by 1e-7, and a few hundred updates carry that on."""


@dataclass(frozen=True)
class Agent:
    """An agent to evaluate: its canonical name, settings, and how long it learns. "scripted" plays the script."""

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    learn: int | None = None
    tolerance: float = 1e-9


@dataclass(frozen=True)
class Case:
    """An environment with settings. `settings` may be a function of a folder, into which it writes the log it names."""

    name: str
    id: str
    settings: dict[str, Any] | Callable[[Path], dict[str, Any]]
    agents: tuple[Agent, ...] = ()
    episodes: int = 10
    autoreset: str = "NextStep"

    def settings_in(self, folder: Path) -> dict[str, Any]:
        return self.settings if isinstance(self.settings, dict) else self.settings(folder)


@dataclass(frozen=True)
class Game:
    """A game of several agents; `kind` is "auction" or "society"."""

    name: str
    kind: str
    settings: dict[str, Any]
    agents: tuple[Agent, ...] = ()


def plain(*names: str) -> tuple[Agent, ...]:
    return tuple(Agent(name) for name in names)


def solving(*names: str, **settings: Any) -> tuple[Agent, ...]:
    return tuple(Agent(name, settings, tolerance=SOLVER) for name in names)


def learning(name: str, steps: int, **settings: Any) -> Agent:
    return Agent(name, {"seed": 0, **settings}, steps, LEARNER)


def bid_log(folder: Path) -> Path:
    """Made-up auctions: a click in seventeen, prices and thetas all over their ranges."""
    path = folder / "auctions.txt"
    rows = (f"{int(k % 17 == 3)} {k * 37 % 301} {(k * 29 % 101) / 5000 + 0.0005:.6f}" for k in range(150))
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def routing_csv(folder: Path) -> Path:
    path = folder / "queries.csv"
    toy_frame(60).to_csv(path, index=False)
    return path


def routing_parquet(folder: Path) -> Path:
    path = folder / "traces.parquet"
    toy_frame(40, steps=4, fractional=True).to_parquet(path)
    return path


BIDDING = "budgetgym/RealTimeBidding-v0"
PACING = "budgetgym/BidPacing-v0"
ROUTING = "budgetgym/AgenticRouting-v0"
WORKFLOW = "budgetgym/WorkflowRouting-v0"
CAPACITY = "budgetgym/RestlessCapacity-v0"
MATCHING = "budgetgym/RestlessMatching-v0"
PATHS = "budgetgym/RestlessPaths-v0"
INTERVENTIONS = "budgetgym/RestlessInterventions-v0"
SPILLOVER = "budgetgym/RestlessSpillover-v0"
STEERING = "budgetgym/SocialSteering-v0"
TRAPTREE = "budgetgym/TrapTree-v0"
FEW = {"lanes": 8, "n_steps": 32, "batch_size": 64}
CONVERSIONS = {"cost_event": "conversion", "conversion_rate": 0.5, "delay": "geometric:5", "reward": "conversion"}
TICKS = {"feedback": "win", "ticks": 5, "traffic": "weekly", "roas_limit": 1.5, "control": "dual"}
CLICKS = {"cost_event": "click", "cpc_limit": 5000.0, "limits": "soft", "ticks": 4, "control": "pacing"}
SOFT = {"soft_reserve": 40, "feedback": "full", "noise": 0.5, "calibration": 1.3, "discrete": True}

BIDDING_CASES = (
    Case("bidding", BIDDING, {}, (*plain("lin", "mcpc", "constant", "random"), *solving("cmdp")), episodes=4),
    Case(
        "bidding_short", BIDDING, {"T": 25}, (*plain("rlb", "rlb_pmf", "optimal", "fluid"), Agent("flare", {"simulations": 8}))
    ),
    Case("bidding_discrete", BIDDING, {"T": 25, "discrete": True}, plain("ss_mdp", "ortb1", "ortb2"), autoreset="SameStep"),
    Case(
        "bidding_pacing",
        BIDDING,
        {"T": 25, "control": "pacing"},
        (*plain("scripted"), learning("ppo", 2048, **FEW), learning("sac", 300, lanes=4, learning_starts=100)),
    ),
    Case("bid_pacing", PACING, {}, plain("scripted")),
    Case(
        "bid_pacing_short",
        PACING,
        {"T": 25},
        (learning("ppo", 2048, **FEW), learning("sac", 300, lanes=4, learning_starts=100)),
    ),
    Case("bid_pacing_range", PACING, {"T": 25, "budget": (50.0, 500.0)}, plain("scripted")),
    Case("bidding_range", BIDDING, {"T": 25, "budget": (50.0, 500.0)}, plain("rlb", "lin", "adaptive_pacing")),
    Case("bidding_unaware", BIDDING, {"T": 25, "budget_aware": False}, plain("mcpc", "lin", "constant")),
    Case("bidding_clicks", BIDDING, {"T": 25, "reward": "click", "c0": "1/32"}, plain("rlb", "lin", "dmd")),
    Case(
        "bidding_first_price",
        BIDDING,
        {"T": 25, "rule": "first_price", "reserve": 20, "feedback": "minimum"},
        plain("shade", "lin", "dmd"),
    ),
    Case("bidding_soft_reserve", BIDDING, {"T": 25, **SOFT}, plain("mcpc", "lin", "dmd")),
    Case("bidding_conversions", BIDDING, {"T": 25, **CONVERSIONS}, plain("mcpc", "constant", "random"), autoreset="SameStep"),
    Case("bidding_ticks", BIDDING, {"T": 25, **TICKS}, plain("scripted")),
    Case("bidding_roas_limit", BIDDING, {"T": 25, "roas_limit": 1.5}, plain("roas_dmd", "dmd", "mcpc")),
    Case("bidding_soft_limit", BIDDING, {"T": 25, **CLICKS}, plain("scripted")),
    Case("bidding_1458", BIDDING, {"T": 40, "instance": "1458"}, plain("rlb", "lin", "optimal")),
    Case("bidding_shift", BIDDING, {"T": 40, "instance": "shift", "objective": "profit"}, plain("mcpc", "lin", "dmd")),
    Case("bidding_uniform", BIDDING, {"T": 40, "instance": "uniform"}, plain("rlb", "optimal", "mcpc")),
    Case("bidding_log", BIDDING, lambda folder: {"log": bid_log(folder), "T": 30}, plain("lin", "rlb", "dmd"), episodes=5),
    Case(
        "bidding_log_shuffled",
        BIDDING,
        lambda folder: {"log": bid_log(folder), "statistics": bid_log(folder), "T": 30, "shuffled": True, "reward": "click"},
        plain("ss_mdp", "mcpc", "ortb1"),
    ),
)
ROUTING_CASES = (
    Case("routing", ROUTING, {}, (*plain("first_large", "criticality_gated", "belief"), learning("ppo", 2048, **FEW))),
    Case(
        "routing_dollars",
        ROUTING,
        {"unit": "dollars", "stop": True, "verify": True, "tasks": 2},
        plain("always_small", "error_gated", "random"),
    ),
    Case(
        "routing_swe",
        ROUTING,
        {"instance": "swe", "reward": "windowed", "budget": (1.0, 20.0)},
        plain("cascade", "greedy", "always_large"),
        autoreset="SameStep",
    ),
    Case(
        "routing_tau2_telecom",
        ROUTING,
        {"instance": "tau2-telecom", "budget_aware": False, "exhaustion": "bankrupt"},
        plain("always_small", "always_large", "random"),
    ),
    Case("routing_alfworld", ROUTING, {"instance": "alfworld", "budget": 3}, plain("first_large", "cascade", "greedy")),
    Case(
        "routing_webshop",
        ROUTING,
        {"instance": "webshop", "budget": 2},
        (*plain("belief", "criticality_gated"), Agent("one_step", {"simulations": 4})),
    ),
    Case("routing_sciworld", ROUTING, {"instance": "sciworld", "budget": 4}, plain("first_large", "cascade", "always_small")),
    Case("routing_tau2_retail", ROUTING, {"instance": "tau2-retail", "budget": 4}, plain("first_large", "cascade", "random")),
    Case("routing_tau2_airline", ROUTING, {"instance": "tau2-airline", "budget": 4}, plain("first_large", "greedy", "random")),
    Case(
        "routing_log_csv",
        ROUTING,
        lambda folder: {"log": routing_csv(folder), "T": 10},
        (*plain("even_spend", "length", "random"), *solving("knn", "mf")),
        episodes=3,
    ),
    Case(
        "routing_log_parquet",
        ROUTING,
        lambda folder: {"log": routing_parquet(folder), "T": 6, "shuffled": True, "split": "all", "share": (0.1, 0.5)},
        plain("even_spend", "length", "random"),
    ),
)
WORKFLOW_CASES = (
    Case(
        "workflow",
        WORKFLOW,
        {},
        (*plain("cheapest", "paced", "fastest", "per_second", "optimal", "mcpp"), Agent("flare", {"simulations": 8})),
    ),
    Case(
        "workflow_chain",
        WORKFLOW,
        {"instance": "chain", "samples": 1, "budget": (0.005, 0.02), "deadline": (30.0, 90.0)},
        plain("strongest", "per_dollar", "timed"),
    ),
    Case(
        "workflow_codeflow",
        WORKFLOW,
        {"instance": "codeflow", "budget_aware": False},
        plain("scripted"),
        autoreset="SameStep",
    ),
    Case("workflow_proofflow", WORKFLOW, {"instance": "proofflow"}, (*plain("random", "cheapest", "hedged"),)),
    Case("workflow_random", WORKFLOW, {"instance": "random"}, plain("paced", "timed", "strongest")),
    Case("workflow_poor", WORKFLOW, {"instance": "diamond", "budget": 0.004}, plain("strongest", "paced", "per_dollar")),
)
RESTLESS_CASES = (
    Case("capacity", CAPACITY, {}, (*solving("whittle", "lagrangian", "myopic"), learning("sequential_ppo", 2048, **FEW))),
    Case("capacity_realised", CAPACITY, {"reward": "realised", "instance_seed": 1}, solving("whittle", "sampling", "null")),
    Case(
        "capacity_project",
        CAPACITY,
        {"J": 8, "B": 2, "budget": (0.0, 9.0), "on_infeasible": "project"},
        solving("lagrangian", "constant", "random"),
    ),
    Case("capacity_few", CAPACITY, {"J": 4, "B": 2, "horizon": 6, "budget": 5}, solving("optimal", "lagrangian", "one_step")),
    Case("matching", MATCHING, {}, solving("whittle", "lagrangian", "iterative")),
    Case(
        "matching_one_hot", MATCHING, {"observation": "one-hot"}, solving("myopic", "iterative", "null"), autoreset="SameStep"
    ),
    Case("matching_project", MATCHING, {"budget": 12, "on_infeasible": "project"}, solving("whittle", "lagrangian", "random")),
    Case("paths", PATHS, {}, solving("whittle", "lagrangian", "iterative")),
    Case("paths_poor", PATHS, {"budget": 30}, solving("whittle", "lagrangian", "null")),
    Case("paths_project", PATHS, {"J": 24, "walk": 7, "on_infeasible": "project"}, solving("myopic", "iterative", "random")),
    Case("interventions", INTERVENTIONS, {}, solving("joint", "iterative", "myopic")),
    Case("interventions_unaware", INTERVENTIONS, {"budget_aware": False}, plain("scripted")),
    Case(
        "interventions_project",
        INTERVENTIONS,
        {"budget": 15, "on_infeasible": "project"},
        solving("joint", "iterative", "random"),
    ),
    Case("spillover", SPILLOVER, {}, solving("whittle", "lagrangian", "iterative"), episodes=5),
    Case("spillover_short", SPILLOVER, {"horizon": 5}, solving("whittle", "joint", "iterative")),
    Case("spillover_project", SPILLOVER, {"budget": 15, "on_infeasible": "project"}, solving("lagrangian", "null", "random")),
)
STEERING_CASES = (
    Case("steering", STEERING, {}, plain("myopic", "threshold", "lagrangian", "optimal", "mds")),
    Case(
        "steering_biased",
        STEERING,
        {"objective": "biased", "discrete": True},
        (*plain("optimal", "even_spend", "once"), learning("maskable_ppo", 2048, **FEW)),
    ),
    Case("steering_topics", STEERING, {"topics": 3, "discrete": True}, plain("myopic", "lagrangian", "null")),
    Case("steering_network", STEERING, {"network": "last-2"}, plain("myopic", "even_spend", "random"), autoreset="SameStep"),
    Case(
        "steering_llm_like",
        STEERING,
        {"agents": "llm_like", "public_belief": "biased", "prior": (0.3, 0.6)},
        plain("myopic", "once", "null"),
    ),
    Case(
        "steering_endless",
        STEERING,
        {"T": None, "discount": 0.9, "budget": None, "price": 1.0, "levels": None},
        plain("myopic", "optimal", "random"),
    ),
    Case(
        "steering_history",
        STEERING,
        {"observation": "history", "budget_aware": False},
        plain("random", "null", "scripted"),
    ),
)
TRAPTREE_CASES = (
    Case(
        "traptree",
        TRAPTREE,
        {},
        (*plain("greedy", "contrarian", "random"), Agent("flare", {"simulations": 16}), Agent("beam", {"width": 3})),
    ),
    Case("traptree_backtrack", TRAPTREE, {"backtrack": True, "budget_aware": False}, plain("systematic", "greedy", "random")),
    Case("traptree_poor", TRAPTREE, {"budget": (0.2, 2.5), "backtrack": True}, plain("systematic", "contrarian", "random")),
    Case(
        "traptree_deep",
        TRAPTREE,
        {"branching": 3, "depth": 5, "traps": 2, "budget": (3.0, 9.0), "horizon": 9},
        (*plain("greedy", "contrarian"), Agent("bavt")),
        autoreset="SameStep",
    ),
)
CASES: tuple[Case, ...] = (
    *BIDDING_CASES,
    *ROUTING_CASES,
    *WORKFLOW_CASES,
    *RESTLESS_CASES,
    *STEERING_CASES,
    *TRAPTREE_CASES,
)
GAMES: tuple[Game, ...] = (
    Game("auction", "auction", {"T": 60}),
    Game("auction_first_price", "auction", {"T": 60, "budgets": 3.0, "rule": "first_price", "values": "lognormal"}),
    Game(
        "auction_gsp_ticks",
        "auction",
        {"T": 2000, "granularity": "tick", "ticks": 30, "budgets": 30.0, "rule": "gsp", "n_slots": 2, "reserve": 0.01},
    ),
    Game("auction_vcg", "auction", {"T": 60, "rule": "vcg", "n_slots": 2, "budgets": 4.0, "objective": "value"}),
    Game("society", "society", {}),
    Game(
        "society_cohorts",
        "society",
        {"n_agents": 6, "cohort": 3, "public_belief": "empirical", "discrete": True, "objective": "biased"},
    ),
    Game("society_no_belief", "society", {"public_belief": "none", "levels": None, "budget": (0.0, 1.0)}),
    Game(
        "society_expected",
        "society",
        {"n_agents": 4, "cohort": 4, "reward": "expected", "budget_aware": False, "price": 1.0},
    ),
)
BY_NAME: dict[str, Case | Game] = {case.name: case for case in (*CASES, *GAMES)}
